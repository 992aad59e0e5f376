"""Whether a process of this machine still runs, and since when."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return whether a process runs, and is not a zombie that nobody has collected."""
    return process_start(pid) is not None


def process_start(pid: int, proc: Path = Path("/proc")) -> float | None:
    """Return when a process started, in seconds since 1970; 0 where only its life can be told.

    Field 22 of /proc/<pid>/stat counts clock ticks since boot; the command's name, field 2, may
    hold blanks and brackets, so counting starts behind its last bracket.
    """
    if not (proc / "stat").exists():
        return 0.0 if _lives(pid) else None
    try:
        stat = (proc / str(pid) / "stat").read_text()
        boot = next(
            int(line.split()[1])
            for line in (proc / "stat").read_text().splitlines()
            if line.startswith("btime")
        )
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    if fields[0] in "ZX":
        return None  # ended, and only not yet collected by its parent
    ticks = int(fields[19])
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
