"""A place for unfinished files beside the finished one, cleared whatever happens."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".tmp-"
_FOLDER = re.compile(r"\.tmp-(\d+)-\w+\Z")
# As the generator names a file that it has not finished.
_FILE = re.compile(r"\.tmp-.+-(\d+)\Z")


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder in `beside`, so that a rename is atomic; what killed processes left goes first."""
    beside.mkdir(parents=True, exist_ok=True)
    for path in leftovers(beside):
        # A person may have named a file so; for that one doctor asks.
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(beside: Path) -> Iterator[Path]:
    """Give the unfinished folders and files there whose process, named in theirs, has ended."""
    for path in sorted(beside.glob(f"{_PREFIX}*")):
        match = (_FOLDER if path.is_dir() else _FILE).match(path.name)
        if match is not None and not _is_alive(int(match[1])):
            yield path


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


def keep_newest(files: Iterable[Path], most: int) -> None:
    """Remove all but the files that were used or written last."""
    newest_first = sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest_first[most:]:
        old.unlink(missing_ok=True)


def put_in_place(finished: Path, target: Path) -> None:
    """Replace `target` by a finished file so that a power cut leaves the one or the other whole."""
    with suppress(FileNotFoundError):
        finished.chmod(stat.S_IMODE(target.stat().st_mode))
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    finished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
