"""Lock files as Pulumi's file backend writes them (pkg/backend/diy/lock.go)."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path


def write_lock(folder: Path, *, pid: int, host: str = "", name: str = "1", at: str = "") -> Path:
    """Write a process's lock and what stands beside it; on this host and as of now, unless given.

    `at` is Pulumi's form of a time, nanoseconds and all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "pid": pid,
        "username": "jan",
        "hostname": host or socket.gethostname(),
        "timestamp": at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(body))
    path.with_name(f"{name}.json.attrs").write_text("{}")
    return path
