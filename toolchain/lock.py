"""Two runs at once wait for one another; a dead run's lock holds nobody up."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from toolchain.console import Ticker, say


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file while the block runs; wait, and say for whom, while another process does.

    The lock is the kernel's (flock), which lets go of it when the holder dies, however it dies.
    The process id in the file is for people. Children do not inherit it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            say(f"waiting for another run that is about to {what} (process {holder})")
            with Ticker():
                fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
