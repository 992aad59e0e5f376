"""Locks that a dead Pulumi left on a stack in the file backend.

Pulumi writes `locks/organization/<project>/<stack>/<id>.json` with the holder's process id, host
and time (pkg/backend/diy/lock.go), and asks for `pulumi cancel` when the holder was killed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from toolchain.console import Ticker, say

# A process counts as started after the lock was written only with some distance: clocks are coarse.
_CLOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Holder:
    """Who wrote a lock; `since` in seconds since 1970."""

    pid: int
    host: str
    since: float


def clear_dead(locks: Path, *, wait_s: float = 600) -> None:
    """Remove the locks whose holder is certainly dead; wait while one lives on this machine.

    A lock of another host, or one that cannot be read, is left for Pulumi to report.
    """
    living = _sweep(locks)
    if not living:
        return
    say(f"waiting for another pulumi on this stack (process {living[0].pid})")
    deadline = time.monotonic() + wait_s
    with Ticker():
        while living and time.monotonic() < deadline:
            time.sleep(0.5)
            living = _sweep(locks)


def is_dead(holder: Holder, *, host: str, started_at: Callable[[int], float | None]) -> bool | None:
    """Judge a holder: dead, alive, or None for another host's.

    `started_at` gives when the process of an id started (seconds since 1970), None for no such
    process. A process younger than the lock only happens to have the same id.
    """
    if holder.host != host:
        return None
    started = started_at(holder.pid)
    return started is None or started > holder.since + _CLOCK_SECONDS


def read_holder(text: str) -> Holder | None:
    """Read a lock file; None for one that is not (yet) whole."""
    try:
        document = json.loads(text)
        # Pulumi writes nanoseconds, which Python 3.10 does not read.
        moment = datetime.fromisoformat(document["timestamp"][:19] + "+00:00")
        return Holder(int(document["pid"]), str(document["hostname"]), moment.timestamp())
    except (ValueError, KeyError, TypeError):
        return None


def process_start(pid: int, proc: Path = Path("/proc")) -> float | None:
    """Give when a process started, in seconds since 1970; 0 where only its life can be told.

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


def _sweep(locks: Path) -> list[Holder]:
    """Remove dead holders' locks; give the living holders of this host."""
    living = []
    for path in locks.glob("*.json") if locks.is_dir() else ():
        try:
            holder = read_holder(path.read_text(encoding="utf-8"))
        except OSError:
            continue
        dead = holder and is_dead(holder, host=socket.gethostname(), started_at=process_start)
        if holder and dead:
            say(f"removing the lock of process {holder.pid}, which was killed")
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".attrs").unlink(missing_ok=True)
        elif holder and dead is False:
            living.append(holder)
    return living


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
