"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from benchmarks.shell import CommandFailed, docker

# Load average per core above which other work has a say in the figures.
_BUSY = 0.5


def describe() -> dict[str, str]:
    """Name processor, memory and versions; no dates and no host names."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "docker": _docker_version(),
        "python": platform.python_version(),
    }


def warning() -> str:
    """Say when the machine is busy with other work; empty when it is not."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load / cores < _BUSY:
        return ""
    return f"the machine is busy (load {load:.1f} on {cores} cores): figures are rough"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _docker_version() -> str:
    try:
        return docker("version", "--format", "{{.Server.Version}}")
    except CommandFailed as error:
        sys.exit(f"failed to reach the Docker engine: {error}. Start it")
