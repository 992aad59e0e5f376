"""Back to what was: reset, undo, snapshots, and the clearing out of what is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pgseed.databases.drop import drop
from pgseed.databases.lock import locked
from pgseed.databases.log import log
from pgseed.databases.names import clone_name, kept_name, snapshot_name
from pgseed.databases.retention import find_live, find_template, newest_kept
from pgseed.databases.stamp import Database, Stamp, list_databases, now
from pgseed.databases.swap import Rename, copy_database, finish, swap
from pgseed.errors import SeedError
from pgseed.live.load import load_content
from pgseed.live.replace import LoadResult, clean_up, replace_live, superfluous
from pgseed.progress import Progress, quiet
from pgseed.server import MAINTENANCE_DATABASE, Server, told_as
from vpdb.config import Settings
from vpdb.content import Content


class NothingThere(SeedError):
    """What was asked for by name, or as the newest, does not exist."""


def reset(
    server: Server, settings: Settings, choose: Callable[[], Content], progress: Progress = quiet
) -> LoadResult:
    """Give the live database the loaded content anew; local changes are kept aside.

    `choose` reads the project's content; it is asked only where the template of the loaded one is
    gone. NothingThere when the files have moved on since.
    """
    live = settings.database
    doomed: list[str] = []
    with locked(server, f"reset {live}", progress, doomed=doomed) as admin:
        clean_up(server, admin, settings, progress)
        databases = list_databases(admin, live)
        present = find_live(databases)
        stamp = present.stamp if present else None
        template = find_template(databases, stamp.content_id) if stamp else None
        if template is not None:
            return replace_live(server, admin, settings, template, "cloned", progress, doomed)
    content = choose()
    if stamp is not None and stamp.content_id and stamp.content_id != content.content_id:
        raise NothingThere(
            f"failed to reset {live}: the template of what is loaded ({stamp.content_id[:12]}) is"
            f" gone, and {content.label} has changed since. Load the new content: pulumi up"
        )
    return load_content(server, settings, content, progress, even_if_clean=True)


def undo(server: Server, settings: Settings, progress: Progress = quiet) -> LoadResult:
    """Swap the newest kept database back; the present one is kept, so a second undo returns.

    NothingThere when none is kept.
    """
    live = settings.database
    with locked(server, f"undo {live}", progress) as admin:
        clean_up(server, admin, settings, progress)
        databases = list_databases(admin, live)
        back = newest_kept(databases)
        if back is None:
            raise NothingThere(
                f"failed to undo on {live}: no database is kept. `python -m vpdb status` lists"
                " what there is"
            )
        present = find_live(databases)
        stamp = (back.stamp or Stamp(content_id="")).with_state(
            state="loaded", kept_because="", kept_at="", origin="undo", origin_at=now()
        )
        renames = [Rename(back.name, live, stamp)]
        aside = None
        if present is not None:
            aside = kept_name(live, datetime.now(), {d.name for d in databases})
            former = (present.stamp or Stamp(content_id="")).with_state(
                kept_because="replaced by undo", kept_at=now()
            )
            renames.insert(0, Rename(live, aside, former))
        progress(f"swap {live}", 0, 0)
        with (
            told_as(f"bring {back.name} back", "The live database is as it was; run it again"),
            server.session(MAINTENANCE_DATABASE, purpose="swap") as helper,
        ):
            log(admin, f"undo {live}: {back.name} in, former one to {aside}")
            swap(helper, admin, renames)
        return LoadResult("cloned", stamp, aside)


def snapshot(server: Server, settings: Settings, name: str, progress: Progress = quiet) -> Database:
    """Keep a copy of the live database under a name, until it is dropped by that name.

    The sessions in it are ended: PostgreSQL copies a database only while nobody uses it.
    """
    live = settings.database
    full_name = snapshot_name(live, name)
    with locked(server, f"snapshot {name}", progress) as admin:
        clean_up(server, admin, settings, progress)
        databases = list_databases(admin, live)
        present = find_live(databases)
        if present is None:
            raise NothingThere(f"failed to copy {live}: there is no such database. Run pulumi up")
        if full_name in {d.name for d in databases}:
            raise SeedError(
                f"failed to make snapshot {name}: there is one of that name. Choose another name,"
                f" or drop it: python -m vpdb snapshots --drop {name}"
            )
        stamp = (present.stamp or Stamp(content_id="")).with_state(
            kept_because=f"snapshot {name}", kept_at=now()
        )
        progress(f"copy {live}", 0, 0)
        with told_as(f"make snapshot {name}"):
            copy = clone_name(live)
            copy_database(server, admin, live, copy)
            finish(admin, copy, full_name, stamp)
        return next(d for d in list_databases(admin, live, sizes=True) if d.name == full_name)


def restore(
    server: Server, settings: Settings, name: str, progress: Progress = quiet
) -> LoadResult:
    """Put a copy of a snapshot in the live database's place; local changes there are kept."""
    live = settings.database
    full_name = snapshot_name(live, name)
    doomed: list[str] = []
    with locked(server, f"restore {name}", progress, doomed=doomed) as admin:
        clean_up(server, admin, settings, progress)
        source = _named(list_databases(admin, live), full_name, name)
        return replace_live(
            server, admin, settings, source, "cloned", progress, doomed, origin=f"snapshot {name}"
        )


def snapshots(server: Server, settings: Settings) -> list[Database]:
    """List the snapshots with their sizes, by name."""
    with server.session(MAINTENANCE_DATABASE, purpose="snapshots") as admin:
        found = list_databases(admin, settings.database, sizes=True)
    return [database for database in found if database.kind == "snapshot"]


def drop_snapshot(
    server: Server, settings: Settings, name: str, progress: Progress = quiet
) -> None:
    """Drop a snapshot for good; NothingThere when there is none of that name."""
    full_name = snapshot_name(settings.database, name)
    with locked(server, f"drop snapshot {name}", progress) as admin:
        _named(list_databases(admin, settings.database), full_name, name)
        with told_as(f"drop snapshot {name}"):
            drop(admin, full_name)


def prune(server: Server, settings: Settings, progress: Progress = quiet) -> list[str]:
    """Drop leftovers, and what is beyond the settings' numbers and size; name what went."""
    with locked(server, f"prune {settings.database}", progress) as admin:
        clean_up(server, admin, settings, progress)
        names = superfluous(list_databases(admin, settings.database, sizes=True), settings)
        with told_as("drop old templates and kept databases"):
            for name in names:
                drop(admin, name)
        return names


def clean_up_leftovers(server: Server, settings: Settings, progress: Progress = quiet) -> None:
    """Drop what killed runs left, and nothing else: no template, no kept database, no snapshot."""
    with locked(server, f"clean up {settings.database}", progress) as admin:
        clean_up(server, admin, settings, progress)


def _named(databases: list[Database], full_name: str, name: str) -> Database:
    for database in databases:
        if database.name == full_name and not database.half_dropped:
            return database
    there = ", ".join(d.name.partition("_snapshot_")[2] for d in databases if d.kind == "snapshot")
    raise NothingThere(
        f"failed to find snapshot {name}: there is none of that name."
        f" {f'There are: {there}' if there else 'Make one: python -m vpdb snapshot NAME'}"
    )
