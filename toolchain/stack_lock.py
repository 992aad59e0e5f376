"""Locks that a dead Pulumi left on a stack in the file backend.

Pulumi writes `locks/organization/<project>/<stack>/<id>.json` with the holder's process id, host
and time (pkg/backend/diy/lock.go), and asks for `pulumi cancel` when the holder was killed.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from toolchain.console import Ticker, say
from toolchain.processes import process_start

# A process counts as started after the lock was written only with some distance: clocks are coarse.
_CLOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Holder:
    """Who wrote a lock; `since` in seconds since 1970."""

    pid: int
    host: str
    since: float
    user: str = "somebody"


@dataclass(frozen=True)
class Lock:
    """A lock file, who holds it, and whether that one is dead; None for another host's holder."""

    path: Path
    holder: Holder
    dead: bool | None

    @property
    def who(self) -> str:
        """The holder in words: `process 7 of jan`, and the host where it is another one."""
        place = "" if self.holder.host == socket.gethostname() else f" on {self.holder.host}"
        return f"process {self.holder.pid} of {self.holder.user}{place}"


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
        moment = datetime.fromisoformat(document["timestamp"])
        return Holder(
            pid=int(document["pid"]),
            host=str(document["hostname"]),
            since=moment.timestamp(),
            user=str(document.get("username") or Holder.user),
        )
    except (ValueError, KeyError, TypeError):
        return None


def judged(locks: Path) -> Iterator[Lock]:
    """Return the locks in a folder, their holders judged (see is_dead).

    What cannot be read as a lock is left out.
    """
    here = socket.gethostname()
    for path in sorted(locks.glob("*.json")):
        try:
            holder = read_holder(path.read_text(encoding="utf-8"))
        except OSError:
            continue
        if holder:
            yield Lock(path, holder, is_dead(holder, host=here, started_at=process_start))


def remove(lock: Path) -> None:
    """Remove a lock with what Pulumi put beside it."""
    lock.unlink(missing_ok=True)
    lock.with_name(lock.name + ".attrs").unlink(missing_ok=True)


def _sweep(locks: Path) -> list[Holder]:
    """Remove dead holders' locks; give the living holders of this host."""
    living = []
    for lock in judged(locks):
        if lock.dead:
            say(f"removing the lock of process {lock.holder.pid}, which was killed")
            remove(lock.path)
        elif lock.dead is False:
            living.append(lock.holder)
    return living
