"""The container's CPU and memory, as `docker stats` tells them.

The docker command line is asked because it knows contexts and both cgroup versions.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from typing import Any

from pgseed.errors import SeedError
from vpdb import docker
from vpdb.monitor.model import Usage

_FORMAT = "{{json .}}"
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def once(container: str) -> Usage | None:
    """Ask once, which takes docker some 2 s; None where it does not know.

    The first line of a stream would not do: its CPU is the average since the container's start.
    """
    try:
        answer = docker.run("stats", "--no-stream", "--format", _FORMAT, container, timeout_s=15)
    except SeedError:
        return None
    return parse(answer.decode(errors="replace"))


def parse(line: str) -> Usage | None:
    """Read one line of `docker stats --format '{{json .}}'`; None for any other line.

    While streaming, docker writes the terminal's clear-screen codes around the JSON, also into a
    pipe. A container that does not run has `--` for every value.
    """
    start = line.find("{")
    if start < 0:
        return None
    try:
        document: dict[str, Any] = json.JSONDecoder().raw_decode(line[start:])[0]
        used, _, limit = document["MemUsage"].partition("/")
        return Usage(float(document["CPUPerc"].rstrip("%")), parse_size(used), parse_size(limit))
    except (ValueError, KeyError):
        return None


def parse_size(text: str) -> int:
    """Read docker's sizes, as `96.5MiB` and `1.2GB`; ValueError for anything else."""
    found = re.fullmatch(r"([\d.]+)([kKMGT]?)(i?)B", text.strip())
    if not found:
        raise ValueError(f"not a size: {text!r}")
    number, power, binary = found.groups()
    return round(float(number) * float(1024 if binary else 1000) ** _POWERS[power])


class Stream:
    """`docker stats` running beside the monitor; `latest` is its newest answer."""

    def __init__(self, container: str) -> None:
        self.latest: Usage | None = None
        self._container = container
        self._process: subprocess.Popen[str] | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Stream:
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
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
