"""Looking at the server: monitor, analyze."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgseed.errors import SeedError
from vpdb.cli.common import Json, Stack, psql_output, server_of, settings_of
from vpdb.settings import Settings

ANALYZE_SCRIPT = Path("data/analyze-performance.sql")

if TYPE_CHECKING:
    from pgseed.server import Server
    from vpdb.monitor.model import Sample


def monitor(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    as_json: Json = False,
    interval: Annotated[
        float | None,
        typer.Option("--interval", "-i", min=0.2, metavar="SECONDS", help="Look every so often."),
    ] = None,
    long: Annotated[
        float, typer.Option("--long", min=0, metavar="SECONDS", help="Mark what takes longer.")
    ] = 5.0,
    stack: Stack = None,
) -> None:
    """Watch sessions, locks, loads and tables live.

    Keys: q quits, p pauses, s and t sort, + and - change the pace, ? explains. Piped, or with
    --json, it prints one frame of plain text (one line of JSON) and ends; with --interval it goes
    on until Ctrl-C. A frame shows rates, so even one takes two looks, some 2 seconds.

    \b
    Examples:
    python -m vpdb monitor
    python -m vpdb monitor --interval 1 --long 30
    python -m vpdb monitor --once
    python -m vpdb monitor --json | jq '.sessions[] | select(.blocked_by != [])'
    python -m vpdb monitor --json --interval 10 >> history.jsonl
    """
    from vpdb.monitor import screen
    from vpdb.monitor.model import View

    settings = settings_of(stack)
    look = Looker(settings)
    try:
        # First in the open, before the screen is taken: a wrong --stack is one plain line.
        look.find()
        if sys.stdout.isatty() and not once and not as_json:
            # As an exception, so that the terminal is given back as it was.
            signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
            screen.live(look, View(interval_s=interval or 2.0, long_s=long), settings.container)
            return
        repeat = None if once else interval
        view = View(interval_s=repeat or 0.0, long_s=long)
        for number, frame in enumerate(screen.frames(look, settings.container, repeat)):
            if as_json:
                screen.write_json(frame)
            else:
                sys.stdout.write("\n" if number else "")
                screen.write_plain(frame, view, settings.container)
    except KeyboardInterrupt:
        # The usual way to end it, not a failure.
        raise typer.Exit(0) from None


def analyze(
    advice_only: Annotated[
        bool, typer.Option("--advice", help="Print the advice without the tables.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Show where time and space go, and what to do about it.

    Runs data/analyze-performance.sql in the container's psql: index use, missing indexes, bloat,
    slow statements, table I/O. It reads only. Then gives advice in words.

    \b
    Examples:
    python -m vpdb analyze
    python -m vpdb analyze --advice
    """
    from vpdb import advice

    settings = settings_of(stack)
    server = server_of(settings)
    if not advice_only:
        print(_tables(settings), end="", flush=True)
    with server.session(settings.database, purpose="analyze") as connection:
        found = advice.advise(advice.collect(connection, settings.db_schema))
    typer.echo("" if advice_only else "Advice:")
    for line in found or ["nothing stands out"]:
        typer.echo(f"- {line}")


def _tables(settings: Settings) -> str:
    path = settings.project_dir / ANALYZE_SCRIPT
    try:
        return psql_output(settings, path.read_bytes())
    except OSError as error:
        raise SeedError(
            f"failed to read {ANALYZE_SCRIPT}: {error.strerror}."
            f" Restore it: git checkout -- {ANALYZE_SCRIPT}"
        ) from None


class Looker:
    """Looks at the stack's server, and finds it again after it vanished."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: Server | None = None

    def find(self) -> Server:
        self._server = server_of(self._settings)
        return self._server

    def __call__(self) -> Sample:
        from psycopg2 import OperationalError

        from vpdb.monitor.collect import collect

        try:
            return collect(self._server or self.find(), self._settings.database)
        except (SeedError, OperationalError):
            self._server = None
            raise
