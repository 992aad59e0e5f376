"""What every command shares: the stack it means, how it asks, how it writes.

Nothing heavy is imported at the top of any module here: `--help` and `status` answer at once.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgseed.errors import SeedError
from vpdb.settings import Settings, find_project_dir, load_settings

if TYPE_CHECKING:
    from pgseed.progress import Progress
    from vpdb.server.docker_server import DockerServer

Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="The stack meant; without it VELPHARMA_STACK, PULUMI_STACK, the one selected in"
        " Pulumi, or dev.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class NotConfirmed(SeedError):
    """A command needs a yes, and there is no terminal to ask at."""


def settings_of(stack: str | None) -> Settings:
    return load_settings(find_project_dir(), stack)


def server_of(settings: Settings, *, timeout_s: float = 2.0) -> DockerServer:
    """Find the stack's server on this machine and prove that it is the stack's.

    Raises ServerUnreachable, or GuardRefused for a remote engine or a server without the mark.
    """
    with finding_server(settings, timeout_s=timeout_s) as found:
        return found()


@contextmanager
def finding_server(
    settings: Settings, *, timeout_s: float = 2.0
) -> Iterator[Callable[[], DockerServer]]:
    """Have Docker look for the stack's server while the block does other things, then connect."""
    from concurrent.futures import ThreadPoolExecutor

    from vpdb.server.server_probe import sight

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(sight, settings.container)

        def found() -> DockerServer:
            from vpdb.server.find import find_server

            seen = looking.result()
            return find_server(settings.container, settings.stack, timeout_s=timeout_s, seen=seen)

        yield found


def psql_output(settings: Settings, script: bytes, *flags: str) -> str:
    """Run a psql script on the live database, in its container, and return what it prints."""
    from vpdb import docker

    command = ["psql", "--no-psqlrc", *flags, "-v", f"schema={settings.db_schema}"]
    command += ["-U", "postgres", "-d", settings.database, "-f", "-"]
    return docker.execute(settings.container, command, stdin=script, timeout_s=120).decode()


def found_path(settings: Settings, path: Path) -> Path:
    """Return a path as given, or below the project's folder where only that is there."""
    inside = settings.project_dir / path
    return inside if not path.exists() and inside.exists() else path


def confirm(doing: str, losses: list[str], *, yes: bool) -> None:
    """Ask whether to go on with `doing`; `losses` are sentences on what and whom it costs.

    Raises NotConfirmed without a terminal, typer.Abort on a no.
    """
    for loss in losses:
        typer.echo(loss, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"failed to {doing}: it needs a yes, and there is no terminal to ask. Add --yes"
        )
    typer.confirm(f"{doing[:1].upper()}{doing[1:]}?", abort=True, err=True)


@contextmanager
def working() -> Iterator[Progress]:
    """Show progress on stderr.

    On a terminal it is one line that goes away; in a log a line now and then, of what takes long.
    """
    from pgseed.progress import Meter

    terminal = sys.stderr.isatty()
    meter = Meter(every_s=0.1 if terminal else 2.0)
    phase_shown = ""

    def report(phase: str, done: int, total: int) -> None:
        nonlocal phase_shown
        text = meter.line(phase, done, total)
        if text is None:
            return
        if terminal:
            # Cut, since a line that wraps cannot be written over.
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]}\x1b[K", end="", file=sys.stderr, flush=True)
            return
        # The first line of a phase comes at once; here only one that lasts is news.
        name = phase.partition(":")[0]
        if name == phase_shown:
            typer.echo(text, err=True)
        phase_shown = name

    try:
        yield report
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def hanging(text: str, indent: int) -> str:
    """Break a text at words to the terminal's width; in a pipe it stays one line.

    The first line begins `indent` columns in already, and the others are moved as far.
    """
    if not sys.stdout.isatty():
        return text
    room = max(20, shutil.get_terminal_size().columns - indent)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))
