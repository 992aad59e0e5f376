"""Everyday access: psql, logs, connection."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pgseed.errors import SeedError
from vpdb.cli.common import Stack, settings_of
from vpdb.config import ENCRYPTED


class Format(StrEnum):
    """The forms of `connection`; the names are those of vpdb.connection.FORMATS."""

    psql = "psql"
    dotnet = "dotnet"
    jdbc = "jdbc"
    env = "env"
    url = "url"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        rich_help_panel="Every day",
    )(psql)
    app.command(rich_help_panel="Every day")(logs)
    app.command(rich_help_panel="Every day")(connection)


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
    from vpdb.cli import container

    settings = settings_of(stack)
    args = [part for sql in command or () for part in ("-c", sql)]
    raise typer.Exit(container.psql(settings, [*ctx.args, *args]))


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
    from vpdb.cli import container

    settings = settings_of(stack)
    raise typer.Exit(container.logs(settings, follow=follow, tail=tail, since=since, loads=loads))


def connection(
    form: Annotated[
        Format, typer.Option("--format", case_sensitive=False, help="Form to print.")
    ] = Format.psql,
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
    from vpdb import connection as forms

    settings = settings_of(stack)
    if show_password and settings.password == ENCRYPTED:
        raise SeedError(
            "failed to show the password: it is encrypted in the stack's file."
            f" Run `pulumi config get password --stack {settings.stack}`"
        )
    typer.echo(forms.FORMATS[form.value](settings, settings.password if show_password else None))
