"""Whether the database's port is free, who holds it if not, and which one is."""

from __future__ import annotations

import errno
import re
import socket
import sys
import time
from collections.abc import Collection
from itertools import chain
from pathlib import Path

from toolchain.console import answer

FIRST, LAST = 1024, 65535


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether nobody listens on the port, by connecting and then by taking it for a moment.

    Connecting comes first: macOS lets a second program take an address of a port whose wildcard is
    in use. A port that only root may take counts as free: the engine's proxy runs as root.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if probe.connect_ex((address, port)) == 0:
            return False
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # A port whose last connections are only cooling down can be listened on again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def wait_until_ready(container: str, *, limit_s: float = 15) -> None:
    """Wait until the server in a container that was just started takes connections, or time is up.

    Asked inside the container: outside, the engine's proxy accepts before PostgreSQL does.
    """
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if answer(["docker", "exec", container, "pg_isready", "-q", "-h", "127.0.0.1"]).returncode:
            time.sleep(0.1)
        else:
            return


def next_free(start: int, taken: Collection[int] = (), address: str = "127.0.0.1") -> int:
    """Return the first free port from `start` on that no other stack has put down for itself."""
    for port in chain(range(start, LAST + 1), range(FIRST, start)):
        if port not in taken and is_free(port, address):
            return port
    return start


def publishers(port: int) -> list[str]:
    """Name the containers that publish the port; none where there is no engine to ask."""
    asked = answer(
        ["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"], timeout_s=10
    )
    return asked.stdout.split() if asked.returncode == 0 else []


def holder(port: int) -> str:
    """Say who listens on the port: a container, a process, or nobody that can be seen from here."""
    containers = publishers(port)
    return f"container {containers[0]}" if containers else _process(port) or "another program"


def _process(port: int) -> str:
    if sys.platform == "linux":
        return process_on(port, Path("/proc"))
    asked = answer(["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], timeout_s=10)
    fields = {line[:1]: line[1:] for line in asked.stdout.splitlines()}
    return f"process {fields['p']} ({fields.get('c', '?')})" if "p" in fields else ""


def process_on(port: int, proc: Path) -> str:
    """Find the process that listens on a TCP port, through /proc; empty when it is not ours to see.

    A line of /proc/net/tcp holds the local address with the port in hexadecimal, the state (0A is
    LISTEN) and, as its tenth field, the socket's inode, which a file descriptor links to.
    """
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == "0A":
                inodes.add(f"socket:[{fields[9]}]")
    for folder in proc.iterdir() if inodes else ():
        if re.fullmatch(r"\d+", folder.name) and inodes & _open_links(folder / "fd"):
            try:
                name = (folder / "comm").read_text().strip()
            except OSError:
                name = "?"
            return f"process {folder.name} ({name})"
    return ""


def _open_links(folder: Path) -> set[str]:
    """Return what a process's file descriptors point to; nothing for a process of someone else."""
    links = set()
    try:
        for descriptor in folder.iterdir():
            links.add(str(descriptor.readlink()))
    except OSError:
        pass  # it ended, or closed the descriptor, while we were looking
    return links
