"""Everyday access: psql, logs, connection."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, NoReturn

import typer

from pgseed.errors import SeedError, ServerUnreachable
from vpdb.cli.common import Stack, settings_of
from vpdb.settings import ENCRYPTED

LOAD_MARK = "vpdb@"
"""In the log, every line of this project's own sessions names their role so (log_line_prefix)."""


def psql(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None, typer.Option("-c", metavar="SQL", help="Run SQL and end; repeatable.")
    ] = None,
    stack: Stack = None,
) -> None:
    """Open psql on the live database, in the container, as the application role.

    Further arguments go to psql. Files are seen as the container sees them: data/ is /data there.

    \b
    Examples:
    python -m vpdb psql
    python -m vpdb psql -c 'SELECT count(*) FROM vpv4.products'
    python -m vpdb psql -At -c 'SELECT 1'
    python -m vpdb psql -f /data/analyze-performance.sql
    python -m vpdb psql < script.sql
    """
    settings = settings_of(stack)
    _find_container(settings.container, running=True)
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    statements = [part for sql in command or () for part in ("-c", sql)]
    # The container's local socket trusts its own users, so no password is needed.
    _hand_over(
        [
            *("docker", "exec", "-i", *terminal, settings.container),
            *("psql", "-U", settings.user, "-d", settings.database, *ctx.args, *statements),
        ]
    )


def logs(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[
        int | None, typer.Option("-n", "--tail", min=0, help="Only so many of the last lines.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only since then: 10m, 2h, 2026-11-01T08:00:00.")
    ] = None,
    loads: Annotated[
        bool, typer.Option("--loads", help="Only what this project did: loads, swaps, dumps.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Show the server's log.

    \b
    Examples:
    python -m vpdb logs -f
    python -m vpdb logs --since 10m
    python -m vpdb logs --loads
    """
    settings = settings_of(stack)
    _find_container(settings.container)
    command = ["docker", "logs"]
    command += ["--follow"] if follow else []
    command += ["--since", since] if since else []
    if not loads:
        command += ["--tail", str(tail)] if tail is not None else []
        sys.stdout.flush()
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
        _hand_over([*command, settings.container])
    with subprocess.Popen(
        [*command, settings.container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            lines: Iterable[str] = load_lines(process.stdout)
            # --tail counts what is shown, so it applies after the filter.
            if tail is not None and not follow:
                lines = list(lines)[-tail:] if tail else []
            for line in lines:
                print(line, end="", flush=True)
        finally:
            process.kill()


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


def connection(
    form: Annotated[
        Literal["psql", "dotnet", "jdbc", "env", "url"],
        typer.Option("--format", case_sensitive=False, help="Form to print."),
    ] = "psql",
    show_password: Annotated[
        bool, typer.Option("--show-password", help="Print the password too, not a placeholder.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Print how a program on this machine connects.

    The password is printed on request only. Without it psql, env and url leave it to PGPASSWORD
    or ~/.pgpass, and dotnet holds YOUR_PASSWORD.

    \b
    Examples:
    python -m vpdb connection --format dotnet
    eval "$(python -m vpdb connection --format env --show-password)"
    """
    from vpdb.connection import FORMATS

    settings = settings_of(stack)
    if show_password and settings.password == ENCRYPTED:
        raise SeedError(
            "failed to show the password: it is encrypted in the stack's file."
            f" Run `pulumi config get password --stack {settings.stack}`"
        )
    typer.echo(FORMATS[form](settings, settings.password if show_password else None))


def _find_container(name: str, *, running: bool = False) -> None:
    """Raise ServerUnreachable where the container is missing, or is to run and does not."""
    from vpdb import docker

    docker.active_endpoint()
    container = docker.inspect_container(name)
    if container is None:
        raise ServerUnreachable(
            f"failed to find container {name}: there is none."
            " Create it with `python3 bootstrap.py up`, or name another stack with --stack"
        )
    if running and not container.is_running:
        raise ServerUnreachable(
            f"failed to use container {name}: it is {container.state}."
            " Start it with `python3 bootstrap.py up`"
        )


def _hand_over(command: Sequence[str]) -> NoReturn:
    """Replace this process by a command, so that Ctrl-C, terminal and exit code are its own."""
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))
    except FileNotFoundError:
        raise ServerUnreachable(
            f"failed to run {command[0]}: no such command on PATH. Install it"
        ) from None
