"""`azure-backup`: the emergency copy of production."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpdb.cli.common import NotConfirmed, Stack, Yes, psql_output, server_of, settings_of, working
from vpdb.settings import Settings

if TYPE_CHECKING:
    from vpdb.azure.fetch import Fetched
    from vpdb.azure.production import Production

WORD = "azure"
DIFFERENT = 3


def azure_backup(
    compare_schema: Annotated[
        bool, typer.Option("--compare-schema", help="Only say how the local schema differs.")
    ] = False,
    root_cert: Annotated[
        Path | None,
        typer.Option("--root-cert", metavar="PEM", help="Trust this root, not the system's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there instead.")
    ] = None,
    yes: Yes = False,
    stack: Stack = None,
) -> None:
    """Take a backup of the Azure production database, and make it the team's.

    Settings: azureHost, azureDatabase, azureUser, azureSchema. The password is asked for, or
    taken from VELPHARMA_AZURE_PASSWORD. TLS is required and the certificate verified against this
    machine's roots; the session is read-only. The data are restored into a throw-away database
    first, so what is written is known to restore; the file it replaces is kept under its date.
    It asks for the word `azure` before it overwrites.

    \b
    Examples:
    python -m vpdb azure-backup
    python -m vpdb azure-backup --compare-schema
    python -m vpdb azure-backup --out /tmp/production.sql
    """
    from vpdb.azure.fetch import fetch
    from vpdb.azure.production import Production
    from vpdb.azure.roots import read_roots
    from vpdb.backups.team_dump import target_of_team

    settings = settings_of(stack)
    target = (out or target_of_team(settings)).resolve()
    if target.exists() and not (yes or compare_schema or sys.stdin.isatty()):
        raise NotConfirmed(
            f"failed to replace {target}: it needs the word {WORD}, and there is no terminal to"
            " ask. Add --yes, or write elsewhere with --out"
        )
    server = server_of(settings)
    roots = read_roots(root_cert)
    production = Production(settings, _password(settings), roots)
    if compare_schema:
        _compare(settings, production)
        return
    with working() as progress:
        done = fetch(server, production, target, lambda found: _agree(found, yes), progress)
    _tell(settings, done)


def _password(settings: Settings) -> str:
    from vpdb.azure.explain import PASSWORD_VARIABLE

    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"failed to log in to {settings.azure_host}: there is no terminal to ask for the"
            f" password. Give it in {PASSWORD_VARIABLE}"
        )
    prompt = f"Password of {settings.azure_user} on {settings.azure_host}"
    return str(typer.prompt(prompt, hide_input=True, err=True))


def _agree(found: Fetched, yes: bool) -> None:
    """Show what would be replaced by what, and have the word typed."""
    from pgseed.diff.text import describe
    from pgseed.units import count, size

    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    typer.echo(
        f"{clear}production: {count(found.backup.rows)} rows, {size(found.backup.size_bytes)}",
        err=True,
    )
    if not found.target.exists():
        return
    if found.difference:
        for line in describe(found.difference):
            typer.echo(f"  {line}", err=True)
    else:
        typer.echo(f"  {found.target.name} there now cannot be read", err=True)
    if yes:
        return
    answer = typer.prompt(
        f"Type {WORD} to replace {found.target.name}", default="", show_default=False, err=True
    )
    if answer.strip() != WORD:
        typer.echo("nothing was replaced", err=True)
        raise typer.Exit(1)


def _tell(settings: Settings, done: Fetched) -> None:
    from pgseed.units import count, size

    backup = done.backup
    typer.echo(f"wrote {done.target}: {count(backup.rows)} rows, {size(backup.size_bytes)}")
    if done.kept:
        typer.echo(f"kept the former one as {done.kept.name}")
    if done.target == settings.backup:
        typer.echo("`pulumi up` loads it; `git diff` and a commit bring it to the team")


def _compare(settings: Settings, production: Production) -> None:
    """Say how the live database's schema differs from production's; exit code 3 when it does."""
    import json

    from vpdb.azure.schema import as_schema, differences
    from vpdb.queries import query

    with working() as progress:
        progress("read production's schema", 0, 0)
        there = as_schema(production.psql("azure_schema"))
        script = query("azure_schema").encode()
        here = as_schema(json.loads(psql_output(settings, script, "-qAt", "-v", "ON_ERROR_STOP=1")))
    found = differences(there, here)
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(DIFFERENT)
    typer.echo(f"the schema is production's ({len(here)} objects)")
