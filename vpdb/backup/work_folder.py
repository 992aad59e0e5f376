"""A place for unfinished files beside the finished one, cleared whatever happens."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".tmp-"
_NAME = re.compile(r"\.tmp-(\d+)-\w+\Z")


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder on the same file system as the files in `beside`, so that a rename is atomic.

    What killed processes left there goes first.
    """
    beside.mkdir(parents=True, exist_ok=True)
    clear_leftovers(beside)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(beside: Path) -> None:
    for folder in beside.glob(f"{_PREFIX}*"):
        match = _NAME.match(folder.name)
        if match is not None and folder.is_dir() and not _runs(int(match.group(1))):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def put_in_place(finished: Path, target: Path) -> None:
    """Replace `target` by a finished file so that a power cut leaves the one or the other whole."""
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    finished.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
