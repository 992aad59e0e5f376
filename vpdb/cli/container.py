"""The container's own psql and its log, handed over to the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

from pgseed.errors import ServerUnreachable
from vpdb import docker
from vpdb.config import Settings

LOAD_MARK = "vpdb@"
"""In the log, every line of this project's own sessions names their role so (log_line_prefix)."""


def psql(settings: Settings, args: Sequence[str]) -> int:
    """Become `psql` on the live database; returns its exit code where it cannot take over.

    The container's local socket trusts its own users, so no password is needed.
    """
    running(settings)
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    return hand_over(
        [
            *("docker", "exec", "-i", *terminal, settings.container),
            *("psql", "-U", settings.user, "-d", settings.database, *args),
        ]
    )


def logs(
    settings: Settings, *, follow: bool, tail: int | None, since: str | None, loads: bool
) -> int:
    """Show the server's log, both streams on stdout; returns docker's exit code."""
    existing(settings)
    command = ["docker", "logs"]
    command += ["--follow"] if follow else []
    command += ["--since", since] if since else []
    if not loads:
        command += ["--tail", str(tail)] if tail is not None else []
        sys.stdout.flush()
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
        return hand_over([*command, settings.container])
    # --tail counts what is shown, so it applies after the filter.
    process = subprocess.Popen(
        [*command, settings.container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    try:
        lines: Iterable[str] = load_lines(process.stdout)
        if tail is not None and not follow:
            lines = list(lines)[-tail:] if tail else []
        for line in lines:
            sys.stdout.write(line)
            sys.stdout.flush()
    finally:
        process.kill()
        process.wait()
    return 0


def load_lines(lines: Iterable[str]) -> Iterator[str]:
    """Keep what this project's own sessions wrote, with the lines that belong to it.

    A message of several lines goes on with a tab (PostgreSQL's csv-free log format).
    """
    ours = False
    for line in lines:
        if not line.startswith("\t"):
            ours = LOAD_MARK in line
        if ours:
            yield line


def existing(settings: Settings) -> docker.Container:
    """Find the stack's container, running or not; ServerUnreachable where there is none."""
    docker.active_endpoint()
    container = docker.inspect_container(settings.container)
    if container is None:
        raise ServerUnreachable(
            f"failed to find container {settings.container}: there is none."
            " Create it with `python3 bootstrap.py up`, or name another stack with --stack"
        )
    return container


def running(settings: Settings) -> docker.Container:
    """Find the stack's running container; ServerUnreachable where it is missing or stopped."""
    container = existing(settings)
    if not container.is_running:
        raise ServerUnreachable(
            f"failed to use container {settings.container}: it is {container.state}."
            " Start it with `python3 bootstrap.py up`"
        )
    return container


def hand_over(command: Sequence[str]) -> int:
    """Replace this process by a command, so that Ctrl-C and the terminal are its own."""
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))
    except FileNotFoundError:
        raise ServerUnreachable(
            f"failed to run {command[0]}: no such command on PATH. Install it"
        ) from None
