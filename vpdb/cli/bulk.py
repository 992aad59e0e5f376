"""`bulk`: bulk mode by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from pgseed.errors import ServerUnreachable
from vpdb.cli.common import Json, Stack, print_json, server_of, settings_of, working

bulk = typer.Typer(
    help="Set the database up for many inserts, and back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@bulk.command()
def on(stack: Stack = None) -> None:
    """Switch bulk mode on: autovacuum off for the big tables, commits do not wait for the disk.

    data/optimize-for-bulk-insert.sql does it. A reload or reset ends it as well.

    \b
    Examples:
    python -m vpdb bulk on
    """
    from vpdb import bulk as engine

    settings = settings_of(stack)
    with working() as progress:
        mode = engine.switch_on(server_of(settings), settings, progress)
    typer.echo(f"bulk mode is {mode.describe()}: {', '.join(mode.tables) or 'none is big'}")


@bulk.command()
def off(
    if_there: Annotated[
        bool,
        typer.Option("--if-there", help="Succeed as well when the server is gone: then it is off."),
    ] = False,
    stack: Stack = None,
) -> None:
    """Switch bulk mode off: everything as before, then VACUUM and ANALYZE.

    data/restore-after-bulk-insert.sql does it.

    \b
    Examples:
    python -m vpdb bulk off
    """
    from vpdb import bulk as engine

    settings = settings_of(stack)
    try:
        server = server_of(settings)
    except ServerUnreachable as error:
        if not if_there:
            raise
        typer.echo(f"nothing to switch off: {error}")
        return
    with working() as progress:
        was_on = engine.switch_off(server, settings, progress)
    typer.echo("bulk mode is off" + ("" if was_on else ", as it was"))


@bulk.command()
def status(as_json: Json = False, stack: Stack = None) -> None:
    """Say whether bulk mode is on, and since when. Exit code 3 when it is overdue.

    \b
    Examples:
    python -m vpdb bulk status
    """
    from vpdb import bulk as engine

    settings = settings_of(stack)
    mode = engine.read(server_of(settings), settings)
    late = engine.overdue(mode, settings)
    if as_json:
        document = {
            "on": mode is not None,
            "since": mode.since.isoformat() if mode else None,
            "tables": list(mode.tables) if mode else [],
            "release": mode.release if mode else "",
            "overdue": bool(late),
        }
        print_json(document)
    else:
        typer.echo(f"bulk mode is {mode.describe() if mode else 'off'}")
        if late:
            typer.echo(late)
    if late:
        raise typer.Exit(3)
