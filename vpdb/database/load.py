"""The reload: content into the live database, built beside it and swapped in."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import psycopg2.extensions
from psycopg2 import sql

from vpdb.config import Settings
from vpdb.database.changes import NO_CHANGES, Changes, changes_in
from vpdb.database.drop import drop
from vpdb.database.lock import locked
from vpdb.database.log import log
from vpdb.database.names import kept_name
from vpdb.database.orphans import remove_orphans
from vpdb.database.plan import (
    find_live,
    find_template,
    leftovers,
    over_limit,
    undecided,
)
from vpdb.database.reference import open_reference
from vpdb.database.server import Server, told_as
from vpdb.database.stamp import Database, Stamp, comment_on, list_databases, now
from vpdb.database.swap import Rename, clone, hand_over, swap
from vpdb.progress import Progress, quiet

if TYPE_CHECKING:
    from vpdb.content import Content

Connection = psycopg2.extensions.connection
Action = Literal["adopted", "cloned", "built"]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a reload did; `kept` is the database that the former live one is kept as."""

    action: Action
    stamp: Stamp
    kept: str | None = None
    changes: Changes = NO_CHANGES


def load_content(
    server: Server,
    settings: Settings,
    content: Content,
    progress: Progress = quiet,
    *,
    even_if_clean: bool = False,
) -> LoadResult:
    """Make the live database hold this content, unless it does so already and is clean.

    Whatever fails, the live database stays as it was. Raises BackupRefused for rows that do not
    fit the schema, ServerUnreachable, lock.Busy, or VpdbError with the cause in one line.
    """
    live = settings.database
    doomed: list[str] = []
    with locked(server, f"load {live}", progress, doomed=doomed) as admin:
        clean_up(server, admin, settings, progress)
        databases = list_databases(admin, live)
        present = find_live(databases)
        stamp = present.stamp if present else None
        if present and stamp and stamp.content_id == content.content_id and not even_if_clean:
            progress("look for local changes", 0, 0)
            if not changes_of(server, databases, present, content=content):
                doomed += superfluous(admin, settings)
                return LoadResult("adopted", stamp)
        template = find_template(databases, content.content_id)
        action: Action = "cloned" if template else "built"
        if template is None:
            from vpdb.database.build import build_template  # brings all that reads backups

            commit = commit_of(settings)
            build_template(server, admin, live, content, commit=commit, progress=progress)
            template = find_template(list_databases(admin, live), content.content_id)
            assert template is not None
        return replace_live(server, admin, settings, template, action, progress, doomed)


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
    more room for, is added to `doomed`, for the caller to drop.
    """
    live = settings.database
    stamp = source.stamp or Stamp(content_id="")
    new = stamp.with_state(
        loaded_at=stamp.loaded_at if origin else now(),
        kept_because="",
        kept_at="",
        origin=origin,
        origin_at=now() if origin else "",
    )
    with told_as(f"replace {live}", "It is as it was; run it again"):
        progress(f"clone {source.name}", 0, 0)
        fresh = clone(server, admin, source.name, live)
        databases = list_databases(admin, live)
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
        swap(server, admin, renames)
    if aside is None:
        doomed += superfluous(admin, settings)
        return LoadResult(action, new)
    progress("look for local changes in the replaced database", 0, 0)
    databases = list_databases(admin, live)
    replaced = next(d for d in databases if d.name == aside)
    changes = settle(server, admin, settings, databases, replaced)
    replaced_for_good = [] if changes else [replaced.name]
    # The live content's former place comes last: it is the only one that is not waited for.
    doomed += [*superfluous(admin, settings, besides=replaced_for_good), *replaced_for_good]
    return LoadResult(action, new, aside if changes else None, changes)


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


def superfluous(admin: Connection, settings: Settings, *, besides: Sequence[str] = ()) -> list[str]:
    """Name the databases that the settings have no room for, as if those `besides` were gone."""
    databases = list_databases(admin, settings.database, sizes=True)
    return over_limit(
        [database for database in databases if database.name not in besides],
        templates=settings.templates,
        kept=settings.kept_databases,
        limit_bytes=settings.cache_limit_gb * 10**9,
    )


def commit_of(settings: Settings) -> str:
    """Give the short id of the checked-out commit; empty outside a Git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=settings.project_dir,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _give_to(admin: Connection, database: str, owner: str) -> None:
    with admin.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(database), sql.Identifier(owner)
            )
        )
