"""A fresh clone in the live database's place, and what becomes of the database that was there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import psycopg2.extensions
from psycopg2 import sql

from pgseed.changes.loaded_rows import open_reference
from pgseed.changes.local_changes import NO_CHANGES, Changes, changes_in
from pgseed.databases.drop import drop
from pgseed.databases.log import log
from pgseed.databases.names import clone_name, kept_name
from pgseed.databases.retention import find_live, leftovers, over_limit, undecided
from pgseed.databases.spare import copy_by_spare, make_spare_behind, next_spare
from pgseed.databases.stamp import Database, Stamp, comment_on, list_databases, now
from pgseed.databases.swap import Rename, hand_over, swap
from pgseed.progress import Progress
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Server, told_as
from vpdb.config import Settings
from vpdb.server.orphans import remove_orphans

if TYPE_CHECKING:
    from vpdb.content import Content

Connection = psycopg2.extensions.connection
Action = Literal["adopted", "cloned", "built"]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a reload did; `kept` is the database that the former live one is kept as.

    `dropped` are the databases kept before for which there was no more room.
    """

    action: Action
    stamp: Stamp
    kept: str | None = None
    changes: Changes = NO_CHANGES
    dropped: tuple[str, ...] = ()


def replace_live(
    server: Server,
    admin: Connection,
    settings: Settings,
    source: Database,
    action: Action,
    progress: Progress,
    doomed: list[str],
    *,
    origin: str = "",
) -> LoadResult:
    """Put a fresh clone of a template or snapshot in the live database's place.

    The live database is renamed in the same transaction; whether it is kept is decided
    afterwards, when nobody can write to it any more. What is not to be kept, and what there is no
    more room for, is added to `doomed`, for the caller to drop. What the next command will copy
    gets a spare behind everybody's back.
    """
    live = settings.database
    # Ends sessions while `admin` renames, then makes a spare behind its back.
    helper = server.connect(MAINTENANCE_DATABASE, purpose="swap", settings=UNATTENDED)
    wanted: Database | None = None
    changes = NO_CHANGES
    try:
        with told_as(f"replace {live}", "It is as it was; run it again"):
            new, aside = _swap_in(server, admin, helper, settings, source, origin, progress)
        databases = list_databases(admin, live, sizes=True)
        for template in (d for d in databases if d.oid == source.oid and d.kind == "template"):
            wanted = next_spare(databases, template, settings)
        replaced = next((d for d in databases if d.name == aside), None)
        if replaced is not None:
            progress("look for local changes in the replaced database", 0, 0)
            changes = settle(server, admin, settings, databases, replaced)
    finally:
        make_spare_behind(helper, wanted, live)
    goes = [] if replaced is None or changes else [replaced.name]
    beyond = superfluous([d for d in databases if d.name not in goes], settings)
    # The former live database comes last: the session with the lock drops it, so that the next
    # command finds it gone.
    doomed += [*beyond, *goes]
    dropped = tuple(d.name for d in databases if d.kind == "kept" and d.name in beyond)
    return LoadResult(action, new, aside if changes else None, changes, dropped)


def _swap_in(
    server: Server,
    admin: Connection,
    helper: Connection,
    settings: Settings,
    source: Database,
    origin: str,
    progress: Progress,
) -> tuple[Stamp, str | None]:
    """Swap a clone of the source in; give its stamp, and the former live database's new name."""
    live = settings.database
    stamp = source.stamp or Stamp(content_id="")
    new = stamp.with_state(
        loaded_at=stamp.loaded_at if origin else now(),
        kept_because="",
        kept_at="",
        origin=origin,
        origin_at=now() if origin else "",
    )
    progress(f"clone {source.name}", 0, 0)
    databases = list_databases(admin, live)
    fresh = clone_name(live)
    copy_by_spare(server, admin, databases, source, fresh)
    present = find_live(databases)
    renames = []
    aside = None
    if present is None:
        _give_to(admin, fresh, settings.user)
    else:
        hand_over(admin, live, fresh)
        aside = kept_name(live, datetime.now(), {d.name for d in databases})
        former = present.stamp or Stamp(content_id="")
        renames.append(Rename(live, aside, former.with_state(state="replaced", kept_at=now())))
    renames.append(Rename(fresh, live, new))
    progress(f"swap {live}", 0, 0)
    log(admin, f"swap {live}: content {new.content_id[:12]} in, former one to {aside}")
    swap(helper, admin, renames)
    return new, aside


def clean_up(server: Server, admin: Connection, settings: Settings, progress: Progress) -> None:
    """Take away what killed runs left, and finish what they had begun."""
    databases = list_databases(admin, settings.database)
    with told_as("clean up after an interrupted run"):
        for name in leftovers(databases):
            progress(f"drop {name}, left by an interrupted run", 0, 0)
            drop(admin, name)
        for database in undecided(databases):
            if not settle(server, admin, settings, databases, database):
                drop(admin, database.name)
        for number in remove_orphans(server, admin):
            progress(f"remove base/{number}, left by a killed server", 0, 0)


def settle(
    server: Server,
    admin: Connection,
    settings: Settings,
    databases: list[Database],
    replaced: Database,
) -> Changes:
    """Keep a replaced database that has local changes; tell them, none for one to be dropped."""
    stamp = replaced.stamp or Stamp(content_id="")
    live = find_live(databases)
    pristine = live.stamp.catalog if live and live.stamp else ""
    changes = changes_of(server, databases, replaced, pristine=pristine)
    with told_as(f"put {replaced.name} away"):
        if changes and settings.kept_databases:
            because = changes.describe()
            kept = stamp.with_state(state="loaded", kept_because=because)
            with admin.cursor() as cursor:
                cursor.execute(comment_on(replaced.name, kept.to_comment()))
            return changes
        return NO_CHANGES


def changes_of(
    server: Server,
    databases: list[Database],
    database: Database,
    *,
    pristine: str = "",
    content: Content | None = None,
    detail: bool = False,
    wait_s: float | None = None,
) -> Changes:
    """Compare a database with what was loaded into it, while that is still there.

    `wait_s` bounds the wait for locked tables; TableLocked after it.
    """
    stamp, name = database.stamp, database.name
    with open_reference(server, databases, name, stamp, content) as reference:
        return changes_in(
            server,
            name,
            stamp,
            reference=reference,
            pristine=pristine,
            detail=detail,
            wait_s=wait_s,
        )


def superfluous(databases: Sequence[Database], settings: Settings) -> list[str]:
    """Name those of the databases, listed with their sizes, that the settings have no room for."""
    return over_limit(
        databases,
        templates=settings.templates,
        kept=settings.kept_databases,
        limit_bytes=settings.cache_limit_gb * 10**9,
    )


def _give_to(admin: Connection, database: str, owner: str) -> None:
    with admin.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(database), sql.Identifier(owner)
            )
        )
