"""A fresh clone in the live database's place, and what becomes of the database that was there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pgseed.changes.local_changes import NO_CHANGES, Changes, Look, find_changes
from pgseed.databases.copies import copy_or_take_spare, lacks_spare, make_spare_behind
from pgseed.databases.names import clone_name, kept_name
from pgseed.databases.retention import (
    find_live,
    find_template,
    leftovers,
    next_kept_no,
    over_limit,
    undecided,
)
from pgseed.databases.stamp import Database, Stamp, now
from pgseed.databases.swap import Rename, hand_over, swap
from pgseed.databases.work import Work
from pgseed.queries import named, run
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Connection, first_line, pg_errors_as

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


@dataclass(frozen=True, slots=True)
class Brought:
    """What brought a former database back, and the content that the files wanted then."""

    origin: str
    held_for: str = ""


def replace_live(
    work: Work,
    source: Database,
    action: Action,
    *,
    brought: Brought | None = None,
    again: bool = False,
) -> LoadResult:
    """Put a fresh clone of a template or snapshot in the live database's place.

    The live database is renamed in the same transaction; whether it is kept is decided
    afterwards, when nobody can write to it any more. What is not to be kept, and what there is no
    more room for, is doomed. With `again`, a spare of the source is made behind everybody's back.
    """
    live = work.live
    # Ends sessions while `admin` renames, then makes a spare behind its back.
    helper = work.server.connect(MAINTENANCE_DATABASE, purpose="swap", settings=UNATTENDED)
    wanted, changes = None, NO_CHANGES
    try:
        with pg_errors_as(f"replace {live}", "It is as it was; run it again"):
            new, aside = _swap_in(work, helper, source, brought)
        databases = work.databases(sizes=True)
        if again and lacks_spare(source, databases, work.policy):
            wanted = source
        replaced = next((d for d in databases if d.name == aside), None)
        if replaced is not None:
            work.say("look for local changes in the replaced database")
            changes = settle(work, databases, replaced)
    finally:
        make_spare_behind(helper, wanted, live)
    goes = [] if replaced is None or changes else [replaced.name]
    beyond = over_limit([d for d in databases if d.name not in goes], work.policy)
    # What has just been promised to be kept stays, also where it is too large.
    beyond = [name for name in beyond if name != aside]
    # The former live database comes last: the session with the lock drops it, so that the next
    # command finds it gone.
    work.doomed += [*beyond, *goes]
    dropped = tuple(d.name for d in databases if d.kind == "kept" and d.name in beyond)
    return LoadResult(action, new, aside if changes else None, changes, dropped)


def _swap_in(
    work: Work, helper: Connection, source: Database, brought: Brought | None
) -> tuple[Stamp, str | None]:
    """Swap a clone of the source in; return its stamp, and the former live database's new name."""
    live = work.live
    stamp = source.stamp or Stamp(content_id="")
    new = stamp.with_state(
        loaded_at=stamp.loaded_at if brought else now(),
        kept_because="",
        kept_at="",
        origin=brought.origin if brought else "",
        origin_at=now() if brought else "",
        held_for=brought.held_for if brought else "",
    )
    work.say(f"clone {source.name}")
    fresh = clone_name(live)
    copy_or_take_spare(work, source, fresh)
    databases = work.databases()
    present = find_live(databases)
    renames, aside = [], None
    if present is None:
        if work.owner:
            run(work.admin, named("ALTER DATABASE {} OWNER TO {}", fresh, work.owner))
    else:
        hand_over(work.admin, live, fresh, work.policy)
        aside = kept_name(live, datetime.now(), {d.name for d in databases})
        former = (present.stamp or Stamp(content_id="")).with_state(
            state="replaced", kept_at=now(), kept_no=next_kept_no(databases)
        )
        renames.append(Rename(live, aside, former))
    renames.append(Rename(fresh, live, new))
    work.say(f"swap {live}")
    work.log(f"swap {live}: content {new.content_id[:12]} in, former one to {aside}")
    swap(helper, work.admin, renames)
    return new, aside


def clean_up(work: Work) -> None:
    """Take away what killed runs left, and finish what they had begun."""
    databases = work.databases()
    with pg_errors_as("clean up after an interrupted run"):
        for name in leftovers(databases):
            work.say(f"drop {name}, left by an interrupted run")
            work.drop(name)
        for database in undecided(databases):
            if not settle(work, databases, database):
                work.drop(database.name)
        work.server.tidy(work.admin, work.say)


def settle(work: Work, databases: Sequence[Database], replaced: Database) -> Changes:
    """Keep a replaced database that has local changes; return them, none for one to be dropped.

    One that cannot be judged is kept.
    """
    stamp = replaced.stamp or Stamp(content_id="")
    live = find_live(databases)
    pristine = live.stamp.catalog if live and live.stamp else ""
    try:
        changes = changes_of(work, databases, replaced, Look(detail=False, pristine=pristine))
    except Exception as error:  # noqa: BLE001 - whatever it is, the rows are somebody's
        changes = Changes(catalog=(f"could not be compared ({first_line(error)})",))
    if not changes or not work.policy.kept:
        return NO_CHANGES
    with pg_errors_as(f"put {replaced.name} away"):
        kept = stamp.with_state(state="loaded", kept_because=changes.describe())
        work.write_stamp(replaced.name, kept)
    return changes


def changes_of(
    work: Work, databases: Sequence[Database], database: Database, look: Look
) -> Changes:
    """Compare a database with its template, while that is still there."""
    template = find_template(databases, database.stamp.content_id) if database.stamp else None
    return find_changes(work.server, database, template, look)
