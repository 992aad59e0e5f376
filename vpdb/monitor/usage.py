"""The container's CPU and memory, as `docker stats` tells them.

The docker command line is asked because it knows contexts and both cgroup versions.
"""

from __future__ import annotations

import json
import subprocess
import threading
from types import TracebackType
from typing import Any

from pgseed.errors import SeedError
from vpdb import docker
from vpdb.monitor.model import Container

_UNITS = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_FORMAT = "{{json .}}"


def once(container: str) -> Container | None:
    """Ask once, which takes docker some 2 s; None where it does not know."""
    try:
        answer = docker.run("stats", "--no-stream", "--format", _FORMAT, container, timeout_s=15)
    except SeedError:
        return None
    return parse(answer.decode(errors="replace"))


def parse(line: str) -> Container | None:
    """Read one line of `docker stats --format '{{json .}}'`; None for any other line.

    While streaming, docker writes the terminal's clear-screen codes around the JSON, also into a
    pipe. A container that does not run has `--` for every value.
    """
    start = line.find("{")
    if start < 0:
        return None
    try:
        document: dict[str, Any]
        document, _ = json.JSONDecoder().raw_decode(line[start:])
        used, _, limit = document["MemUsage"].partition("/")
        return Container(
            cpu_percent=float(document["CPUPerc"].rstrip("%")),
            memory_bytes=parse_size(used),
            memory_limit=parse_size(limit),
        )
    except (ValueError, KeyError):
        return None


def parse_size(text: str) -> int:
    """Read docker's sizes, as `96.5MiB` and `1.2GB`; ValueError for anything else."""
    text = text.strip()
    unit = text.lstrip("0123456789.")
    if unit not in _UNITS:
        raise ValueError(f"not a size: {text!r}")
    return round(float(text.removesuffix(unit)) * _UNITS[unit])


class Stream:
    """`docker stats` running beside the monitor; `latest` is its newest word."""

    def __init__(self, container: str) -> None:
        self.latest: Container | None = None
        self._container = container
        self._process: subprocess.Popen[str] | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Stream:
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _follow(self) -> None:
        # docker stats ends with its container; a restarted one is followed again.
        while not self._ended.is_set():
            try:
                self._process = subprocess.Popen(
                    ["docker", "stats", "--format", _FORMAT, self._container],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    errors="replace",
                    # Ctrl-C is for the monitor alone.
                    start_new_session=True,
                )
            except FileNotFoundError:
                return
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if "{" in line:
                    self.latest = parse(line)
            self.latest = None
            self._ended.wait(1.0)
