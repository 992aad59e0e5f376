"""Back to what was: reset, undo, snapshots, restore, prune."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from vpdb.cli.common import (
    Json,
    Stack,
    Yes,
    confirm,
    finding_server,
    hanging,
    print_json,
    server_of,
    settings_of,
    working,
)
from vpdb.config import Settings

if TYPE_CHECKING:
    from pgseed.live.replace import LoadResult
    from pgseed.seed import Seed
    from pgseed.server import Server

SnapshotName = Annotated[
    str, typer.Argument(metavar="NAME", help="Small letters, digits and underscores.")
]


def reset(yes: Yes = False, stack: Stack = None) -> None:
    """Start afresh with the loaded data, within a second and without Pulumi.

    The live database is replaced by a clone of what was loaded last. Local changes are kept aside;
    `undo` brings them back. Asks when it would end sessions or drop something for good.

    \b
    Examples:
    python -m vpdb reset
    python -m vpdb reset --yes
    """
    settings = settings_of(stack)
    with finding_server(settings) as found:
        from vpdb.content import choose_content, seed_with_commit
        from vpdb.live import live_database

        server = found()

    def read() -> Seed:
        content = choose_content(settings.project_dir, settings)
        return seed_with_commit(settings.project_dir, content.seed)

    _agree("reset", server, settings, yes=yes, keeps_changes=True)
    with working() as progress:
        result = live_database(server, settings, progress).reset(read)
    _tell(f"reset {settings.database}", result, settings)


def undo(yes: Yes = False, stack: Stack = None) -> None:
    """Swap the newest kept database back in; a second undo swaps again.

    \b
    Examples:
    python -m vpdb undo
    """
    from vpdb.live import live_database

    settings = settings_of(stack)
    server = server_of(settings)
    _agree("undo", server, settings, yes=yes)
    with working() as progress:
        result = live_database(server, settings, progress).undo()
    _tell(f"brought {settings.database} back", result, settings)


def snapshot(name: SnapshotName, yes: Yes = False, stack: Stack = None) -> None:
    """Keep a copy of the live database under a name.

    PostgreSQL copies a database only while nobody uses it, so sessions are ended; asks then.

    \b
    Examples:
    python -m vpdb snapshot before_import
    """
    from pgseed.units import size
    from vpdb.live import live_database

    settings = settings_of(stack)
    server = server_of(settings)
    _agree("snapshot", server, settings, yes=yes)
    with working() as progress:
        made = live_database(server, settings, progress).snapshot(name)
    typer.echo(f"kept {settings.database} as snapshot {name} ({size(made.size_bytes)})")


def restore(name: SnapshotName, yes: Yes = False, stack: Stack = None) -> None:
    """Put a copy of a snapshot in the live database's place; local changes there are kept.

    \b
    Examples:
    python -m vpdb restore before_import
    """
    from vpdb.live import live_database

    settings = settings_of(stack)
    server = server_of(settings)
    _agree("restore", server, settings, yes=yes, keeps_changes=True)
    with working() as progress:
        result = live_database(server, settings, progress).restore(name)
    _tell(f"restored snapshot {name} into {settings.database}", result, settings)


def snapshots(
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="NAME", help="Drop this one for good.")
    ] = None,
    as_json: Json = False,
    yes: Yes = False,
    stack: Stack = None,
) -> None:
    """List the snapshots, or drop one.

    \b
    Examples:
    python -m vpdb snapshots
    python -m vpdb snapshots --drop before_import
    """
    from pgseed.units import ago, size
    from vpdb.live import live_database
    from vpdb.stamp_text import moment, stamp_note

    settings = settings_of(stack)
    server = server_of(settings)
    if drop is not None:
        confirm(f"drop snapshot {drop}", [f"Snapshot {drop} will be gone for good."], yes=yes)
        with working() as progress:
            live_database(server, settings, progress).drop_snapshot(drop)
        typer.echo(f"dropped snapshot {drop}")
        return
    found = live_database(server, settings).snapshots()
    now = time.time()
    rows = [
        {
            "name": database.name.partition("_snapshot_")[2],
            "size_bytes": database.size_bytes,
            "kept_at": database.stamp.kept_at if database.stamp else "",
            "holds": stamp_note(database.stamp, now),
        }
        for database in found
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no snapshots; `python -m vpdb snapshot NAME` makes one")
    for database, row in zip(found, rows, strict=True):
        when = ago(now - moment(str(row["kept_at"]))) if row["kept_at"] else "at some time"
        text = f"{row['name']}  {size(database.size_bytes)}  made {when}  {row['holds']}"
        typer.echo(hanging(text, 2).lstrip())


def prune(yes: Yes = False, stack: Stack = None) -> None:
    """Drop what killed runs left and what is beyond the settings' numbers and sizes.

    Settings: templates, keptDatabases, cacheLimitGb. Snapshots are never dropped by this.

    \b
    Examples:
    python -m vpdb prune
    pulumi config set keptDatabases 1 && python -m vpdb prune
    """
    from vpdb.live import live_database

    settings = settings_of(stack)
    server = server_of(settings)
    going = live_database(server, settings).prunable()
    if not going:
        typer.echo("nothing to drop")
        return
    # Templates can be built again; a kept database holds somebody's work.
    kept = [d.name for d in going if d.kind == "kept" and d.is_settled]
    if kept:
        losses = [f"{name} and the changes in it will be gone for good." for name in kept]
        confirm("prune", losses, yes=yes)
    with working() as progress:
        live_database(server, settings, progress).prune()
    for database in going:
        typer.echo(f"dropped {database.name}")


def _agree(
    doing: str, server: Server, settings: Settings, *, yes: bool, keeps_changes: bool = False
) -> None:
    """Say whose sessions end and what is lost for good, and ask when there is any of it."""
    from vpdb.live import live_database
    from vpdb.stamp_text import printable

    live = live_database(server, settings)
    sessions, databases = live.sessions(), live.databases()
    losses = [
        f"This ends a session in {settings.database}: {printable(session.describe())}."
        for session in sessions
        # Our own commands come and go by themselves.
        if not session.application.startswith("vpdb ")
    ]
    kept = sum(database.kind == "kept" for database in databases)
    # With room for one more kept database no change is lost, so nobody needs to look for any. Who
    # has said yes learns afterwards which one had to go, unless it is the present changes.
    if keeps_changes and kept >= settings.kept_databases and not (yes and settings.kept_databases):
        losses += _lost_for_good(server, settings)
    if losses:
        confirm(f"{doing} {settings.database}", losses, yes=yes)


def _lost_for_good(server: Server, settings: Settings) -> list[str]:
    """Word what goes for good because no more databases are kept than the settings say."""
    from pgseed.changes.local_changes import TableLocked
    from vpdb.live import live_database

    try:
        found = live_database(server, settings).status(detail=False)
    except TableLocked as locked:
        # Nobody can tell what is in it, so the worst is said.
        fate = "are lost" if settings.kept_databases == 0 else "may push out the oldest kept one"
        return [f"{locked}. Local changes, if there are any, {fate}."]
    if not found.changes:
        return []
    changes = found.changes.describe()
    if settings.kept_databases == 0:
        return [f"Local changes are lost, since keptDatabases is 0: {changes}."]
    oldest_first = sorted(database.name for database in found.kept)
    too_many = len(oldest_first) + 1 - settings.kept_databases
    return [
        f"{name} is dropped for good, to keep the newest {settings.kept_databases}."
        for name in oldest_first[: max(0, too_many)]
    ]


def _tell(done: str, result: LoadResult, settings: Settings) -> None:
    typer.echo(f"{done}: content {result.stamp.content_id[:12]} from {result.stamp.label}")
    if result.kept:
        typer.echo(f"kept the former one as {result.kept}; `python -m vpdb undo` brings it back")
    for name in result.dropped:
        typer.echo(f"dropped {name} for good, to keep the newest {settings.kept_databases}")
