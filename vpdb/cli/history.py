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
    settings_of,
    working,
)
from vpdb.settings import Settings

if TYPE_CHECKING:
    from pgseed.live.database import LiveDatabase
    from pgseed.live.replace import LoadResult
    from pgseed.seed import Seed

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

    def read() -> Seed:
        from vpdb.seed_source import choose_content, seed_with_commit

        content = choose_content(settings.project_dir, settings)
        return seed_with_commit(settings.project_dir, content.seed)

    live = _live(settings)
    _agree("reset", live, yes=yes, keeps_changes=True)
    with working() as live.progress:
        result = live.reset(read)
    _tell(f"reset {live.name}", result, live)


def undo(yes: Yes = False, stack: Stack = None) -> None:
    """Swap the newest kept database back in; a second undo swaps again.

    \b
    Examples:
    python -m vpdb undo
    """
    settings = settings_of(stack)
    live = _live(settings)
    _agree("undo", live, yes=yes)
    with working() as live.progress:
        result = live.undo(_wanted(settings))
    _tell(f"brought {live.name} back", result, live)


def snapshot(name: SnapshotName, yes: Yes = False, stack: Stack = None) -> None:
    """Keep a copy of the live database under a name.

    PostgreSQL copies a database only while nobody uses it, so sessions are ended; asks then.

    \b
    Examples:
    python -m vpdb snapshot before_import
    """
    from pgseed.units import size

    live = _live(settings_of(stack))
    _agree("snapshot", live, yes=yes)
    with working() as live.progress:
        made = live.snapshot(name)
    typer.echo(f"kept {live.name} as snapshot {name} ({size(made.size_bytes)})")


def restore(name: SnapshotName, yes: Yes = False, stack: Stack = None) -> None:
    """Put a copy of a snapshot in the live database's place; local changes there are kept.

    \b
    Examples:
    python -m vpdb restore before_import
    """
    settings = settings_of(stack)
    live = _live(settings)
    _agree("restore", live, yes=yes, keeps_changes=True)
    with working() as live.progress:
        result = live.restore(name, _wanted(settings))
    _tell(f"restored snapshot {name} into {live.name}", result, live)


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
    from vpdb.stamp_text import moment, stamp_note

    live = _live(settings_of(stack))
    if drop is not None:
        confirm(f"drop snapshot {drop}", [f"Snapshot {drop} will be gone for good."], yes=yes)
        with working() as live.progress:
            live.drop_snapshot(drop)
        typer.echo(f"dropped snapshot {drop}")
        return
    found, now = live.snapshots(), time.time()
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
    live = _live(settings_of(stack))
    going = live.prunable()
    if not going:
        typer.echo("nothing to drop")
        return
    # Templates can be built again; a kept database holds somebody's work.
    kept = [d.name for d in going if d.kind == "kept" and d.is_settled]
    if kept:
        losses = [f"{name} and the changes in it will be gone for good." for name in kept]
        confirm("prune", losses, yes=yes)
    with working() as live.progress:
        live.prune()
    for database in going:
        typer.echo(f"dropped {database.name}")


def _live(settings: Settings) -> LiveDatabase:
    with finding_server(settings) as found:
        from vpdb.live import live_database

        return live_database(found(), settings)


def _wanted(settings: Settings) -> str:
    """Return the id of what the files want; "" where they give nothing to load."""
    from pgseed.errors import SeedError
    from vpdb.seed_source import choose_content

    try:
        return choose_content(settings.project_dir, settings).content_id
    except SeedError:
        return ""


def _agree(doing: str, live: LiveDatabase, *, yes: bool, keeps_changes: bool = False) -> None:
    """Say whose sessions end and what is lost for good, and ask when there is any of it."""
    from vpdb.stamp_text import printable

    losses = [
        f"This ends a session in {live.name}: {printable(session.describe())}."
        for session in live.sessions()
        # Our own commands come and go by themselves.
        if not session.application.startswith("vpdb ")
    ]
    kept, most = sum(d.kind == "kept" for d in live.databases()), live.policy.kept
    # With room for one more kept database no change is lost, so nobody needs to look for any. Who
    # has said yes learns afterwards which one had to go, unless it is the present changes.
    if keeps_changes and kept >= most and not (yes and most):
        losses += _lost_for_good(live)
    if losses:
        confirm(f"{doing} {live.name}", losses, yes=yes)


def _lost_for_good(live: LiveDatabase) -> list[str]:
    """Word what goes for good because no more databases are kept than the settings say."""
    from pgseed.databases.retention import pushed_out

    most = live.policy.kept
    found = live.status(detail=False)
    if found.changes_unknown:
        # Nobody can tell what is in it, so the worst is said.
        fate = "may push out the oldest kept one" if most else "are lost"
        return [f"{found.changes_unknown}. Local changes, if there are any, {fate}."]
    if not found.changes:
        return []
    if most == 0:
        return [f"Local changes are lost, since keptDatabases is 0: {found.changes.describe()}."]
    return [
        f"{name} is dropped for good, to keep the newest {most}."
        for name in pushed_out(found.kept, live.policy)
    ]


def _tell(done: str, result: LoadResult, live: LiveDatabase) -> None:
    typer.echo(f"{done}: content {result.stamp.content_id[:12]} from {result.stamp.label}")
    if result.kept:
        typer.echo(f"kept the former one as {result.kept}; `python -m vpdb undo` brings it back")
    for name in result.dropped:
        typer.echo(f"dropped {name} for good, to keep the newest {live.policy.kept}")
