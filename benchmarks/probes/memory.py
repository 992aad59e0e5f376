"""Peak anonymous memory of a command and all that it starts, from /proc (Linux).

RssAnon is what a process itself holds: page cache of files that it reads does not count.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.shell import CommandFailed

_EVERY_S = 0.02
_PROC = Path("/proc")


def peak_python_mb(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> float:
    """Run a command; give the largest RssAnon, in MB, of any one Python process among its own.

    Raises CommandFailed.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    peaks: dict[int, int] = {}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(_EVERY_S):
            for pid in [process.pid, *_descendants(process.pid)]:
                if _is_python(pid):
                    peaks[pid] = max(peaks.get(pid, 0), _anonymous_kb(pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    output, _ = process.communicate()
    done.set()
    sampler.join()
    if process.returncode:
        raise CommandFailed(f"failed to run {' '.join(command)}: {output.decode(errors='replace')}")
    return max(peaks.values(), default=0) / 1024


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            pid = int(entry.name)
            children.setdefault(_parent(pid), []).append(pid)
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _parent(pid: int) -> int:
    try:
        # The name in parentheses may hold anything, blanks and parentheses too.
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _is_python(pid: int) -> bool:
    try:
        return "python" in (_PROC / str(pid) / "exe").readlink().name
    except OSError:
        return False


def _anonymous_kb(pid: int) -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0
