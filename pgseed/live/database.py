"""The live database: loaded, swapped, kept, brought back, looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime

from pgseed.changes.local_changes import Changes, Look, TableLocked, find_changes
from pgseed.databases.catalog import read_tables
from pgseed.databases.copies import copy_database, finish, lacks_spare, make_spare
from pgseed.databases.names import clone_name, kept_name, snapshot_name
from pgseed.databases.retention import (
    DEFAULT_POLICY,
    Policy,
    find_live,
    find_template,
    leftovers,
    newest_kept,
    next_kept_no,
    over_limit,
)
from pgseed.databases.sessions import Client, sessions_in
from pgseed.databases.stamp import Database, Stamp, list_databases, now
from pgseed.databases.swap import Rename, swap
from pgseed.databases.work import WAIT_S, Work
from pgseed.errors import SeedError
from pgseed.live.adopt import adopt
from pgseed.live.replace import Action, Brought, LoadResult, changes_of, clean_up, replace_live
from pgseed.live.status import Status, status_of
from pgseed.progress import Progress, quiet
from pgseed.queries import query, run
from pgseed.seed import PlannedSeed, Seed
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Server, pg_errors_as

# Who only wants to look does not queue behind somebody who wants a table for himself; in seconds.
LOCKED_S = 1.0


class NothingThere(SeedError):
    """What was asked for by name, or as the newest, does not exist."""


class LiveDatabase:
    """The database `name` of a server, and the templates and kept databases beside it.

    `policy` says how many of those stay. A live database that is not there yet gets the `owner`.
    Whatever fails in a method, the live database stays as it was. The methods raise
    ServerUnreachable, Busy, or SeedError with the cause in one line.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        policy: Policy = DEFAULT_POLICY,
        *,
        owner: str = "",
        progress: Progress = quiet,
    ) -> None:
        self.server, self.name, self.policy = server, name, policy
        self.owner, self.progress = owner, progress

    # To look: read-only, without the lock.

    def databases(self, *, sizes: bool = False, timeout_s: float = 10) -> list[Database]:
        """Return every database that belongs to this one, itself included."""
        admin = self.server.connect(MAINTENANCE_DATABASE, purpose="list", timeout_s=timeout_s)
        with closing(admin), pg_errors_as(f"list the databases of {self.name}"):
            return list_databases(admin, self.name, sizes=sizes)

    def stamp(self, *, timeout_s: float = 1.0) -> Stamp | None:
        """Return what it holds; None when it is not there or no load made it."""
        live = find_live(self.databases(timeout_s=timeout_s))
        return live.stamp if live else None

    def status(self, wanted: Seed | None = None, *, detail: bool = True) -> Status:
        """Return its state beside a seed, also where a session keeps a table for itself."""
        databases = self.databases(sizes=True)
        live = find_live(databases)
        try:
            changes, unknown = self._changes(databases, detail), ""
        except TableLocked as locked:
            changes, unknown = Changes(), str(locked)
        return replace(status_of(databases, live, changes, wanted), changes_unknown=unknown)

    def changes(self, *, detail: bool = True) -> Changes:
        """Return how it differs from what was loaded; nothing where it is not there."""
        return self._changes(self.databases(), detail)

    def sessions(self) -> list[Client]:
        """Return whose sessions a swap would end."""
        with self.server.session(MAINTENANCE_DATABASE, purpose="sessions") as admin:
            return sessions_in(admin, self.name)

    def snapshots(self) -> list[Database]:
        """Return the snapshots with their sizes, by name."""
        return [d for d in self.databases(sizes=True) if d.kind == "snapshot"]

    def prunable(self) -> list[Database]:
        """Return what prune() would drop."""
        databases = self.databases(sizes=True)
        names = {*leftovers(databases), *over_limit(databases, self.policy)}
        return [database for database in databases if database.name in names]

    # To change something: one command at a time.

    @contextmanager
    def turn(self, purpose: str, *, wait_s: float = WAIT_S) -> Iterator[Work]:
        """Hold the lock for the time of a block; raises Busy after `wait_s` seconds.

        What is doomed when the block has ended well is dropped behind the caller's back.
        """
        admin = self.server.connect(MAINTENANCE_DATABASE, purpose=purpose, settings=UNATTENDED)
        work = Work(self.server, self.name, admin, self.policy, self.owner, self.progress)
        try:
            with pg_errors_as(purpose, "Run it again"):
                work.take_lock(wait_s)
                yield work
        except BaseException:
            admin.close()
            raise
        work.end()

    def load(self, seed: Seed | PlannedSeed, *, even_if_clean: bool = False) -> LoadResult:
        """Make it hold this content, unless it does so already and is clean.

        Raises BackupRefused for rows that do not fit the schema.
        """
        with self.turn(f"load {self.name}") as work:
            clean_up(work)
            databases = work.databases()
            present = find_live(databases)
            stamp = present.stamp if present else None
            if present and stamp and stamp.content_id == seed.id and not even_if_clean:
                work.say("look for local changes")
                if not changes_of(work, databases, present, Look(detail=False)):
                    work.doomed += over_limit(work.databases(sizes=True), self.policy)
                    return LoadResult("adopted", stamp)
            template, action = _template(work, databases, seed)
            return replace_live(work, template, action)

    def prepare(self, seed: Seed) -> None:
        """Have ready what load() will want, the live database untouched: template and spare.

        Does nothing where the content is live. Raises Busy where another command is at work.
        """
        with self.turn(f"load {self.name}", wait_s=0) as work:
            present = find_live(work.databases())
            if present and present.stamp and present.stamp.content_id == seed.id:
                return
            clean_up(work)
            template, _ = _template(work, work.databases(), seed)
            if lacks_spare(template, work.databases(sizes=True), self.policy):
                make_spare(work.admin, template, self.name)

    def reset(self, read: Callable[[], Seed] | None = None) -> LoadResult:
        """Give it the loaded content anew; local changes are kept aside.

        `read` gives the seed of the files; it is asked only where the template of the loaded
        content is gone. Raises NothingThere when the files have moved on since.
        """
        with self.turn(f"reset {self.name}") as work:
            clean_up(work)
            databases = work.databases()
            present = find_live(databases)
            stamp = present.stamp if present else None
            template = find_template(databases, stamp.content_id) if stamp else None
            if template is not None:
                # Who resets once is likely to do so again.
                return replace_live(work, template, "cloned", again=True)
        if read is None:
            raise NothingThere(f"failed to reset {self.name}: no template of it is there. Load it")
        seed = read()
        if stamp is not None and stamp.content_id and stamp.content_id != seed.id:
            raise NothingThere(
                f"failed to reset {self.name}: the template of what is loaded"
                f" ({stamp.content_id[:12]}) is gone, and {seed.label} has changed since."
                " Load the new content: pulumi up"
            )
        return self.load(seed, even_if_clean=True)

    def undo(self, wanted: str = "") -> LoadResult:
        """Swap the newest kept database back; the present one is kept, so a second undo returns.

        `wanted` is the id of what the files want: this content is held until that changes. Raises
        NothingThere when none is kept.
        """
        with self.turn(f"undo {self.name}") as work:
            clean_up(work)
            databases = work.databases()
            back = newest_kept(databases)
            if back is None:
                raise NothingThere(
                    f"failed to undo on {self.name}: no database is kept. `python -m vpdb status`"
                    " lists what there is"
                )
            stamp = (back.stamp or Stamp(content_id="")).with_state(
                state="loaded",
                kept_because="",
                kept_at="",
                origin="undo",
                origin_at=now(),
                held_for=wanted,
            )
            renames = [Rename(back.name, self.name, stamp)]
            aside = None
            if (present := find_live(databases)) is not None:
                aside = kept_name(self.name, datetime.now(), {d.name for d in databases})
                former = (present.stamp or Stamp(content_id="")).with_state(
                    kept_because="replaced by undo", kept_at=now(), kept_no=next_kept_no(databases)
                )
                renames.insert(0, Rename(self.name, aside, former))
            work.say(f"swap {self.name}")
            with (
                pg_errors_as(
                    f"bring {back.name} back", "The live database is as it was; run it again"
                ),
                self.server.session(MAINTENANCE_DATABASE, purpose="swap") as helper,
            ):
                work.log(f"undo {self.name}: {back.name} in, former one to {aside}")
                swap(helper, work.admin, renames)
            return LoadResult("cloned", stamp, aside)

    def snapshot(self, name: str) -> Database:
        """Keep a copy under a name, until it is dropped by that name.

        The sessions in it are ended: PostgreSQL copies a database only while nobody uses it.
        """
        full_name = snapshot_name(self.name, name)
        with self.turn(f"snapshot {name}") as work:
            clean_up(work)
            databases = work.databases()
            present = find_live(databases)
            if present is None:
                raise NothingThere(
                    f"failed to copy {self.name}: there is no such database. Run pulumi up"
                )
            if full_name in {d.name for d in databases}:
                raise SeedError(
                    f"failed to make snapshot {name}: there is one of that name. Choose another"
                    f" name, or drop it: python -m vpdb snapshots --drop {name}"
                )
            stamp = (present.stamp or Stamp(content_id="")).with_state(
                kept_because=f"snapshot {name}", kept_at=now()
            )
            work.say(f"copy {self.name}")
            with pg_errors_as(f"make snapshot {name}"):
                copy = clone_name(self.name)
                copy_database(work, self.name, copy)
                finish(work, copy, full_name, stamp)
            return next(d for d in work.databases(sizes=True) if d.name == full_name)

    def restore(self, name: str, wanted: str = "") -> LoadResult:
        """Put a copy of a snapshot in its place; local changes there are kept.

        `wanted` is the id of what the files want: this content is held until that changes.
        """
        full_name = snapshot_name(self.name, name)
        with self.turn(f"restore {name}") as work:
            clean_up(work)
            source = _snapshot(work.databases(), full_name, name)
            brought = Brought(f"snapshot {name}", wanted)
            return replace_live(work, source, "cloned", brought=brought)

    def drop_snapshot(self, name: str) -> None:
        """Drop a snapshot for good; raises NothingThere when there is none of that name."""
        full_name = snapshot_name(self.name, name)
        with self.turn(f"drop snapshot {name}") as work:
            _snapshot(work.databases(), full_name, name)
            with pg_errors_as(f"drop snapshot {name}"):
                work.drop(full_name)

    def clean_up(self) -> None:
        """Drop what killed runs left, and nothing else."""
        with self.turn(f"clean up {self.name}") as work:
            clean_up(work)

    def prune(self) -> list[str]:
        """Drop leftovers, and what is beyond the policy's numbers and size; return what went."""
        with self.turn(f"prune {self.name}") as work:
            clean_up(work)
            names = over_limit(work.databases(sizes=True), self.policy)
            with pg_errors_as("drop old templates and kept databases"):
                for name in names:
                    work.drop(name)
            return names

    @contextmanager
    def loaded_aside(self, seed: Seed) -> Iterator[str]:
        """Load a seed into a private database for the time of a block and give its name.

        Everything a load checks is checked; this database is not touched.
        """
        from pgseed.template.build import private_database

        with (
            self.turn(f"load {seed.label} aside") as work,
            pg_errors_as(f"load {seed.label} aside", "The live database is as it was"),
            private_database(work, seed) as name,
        ):
            yield name

    def columns(self, seed: Seed) -> dict[str, tuple[str, ...]]:
        """Return what a seed's schema files give: the columns of each table.

        The database that loads begin with is looked at; one made for this is dropped again.
        """
        from pgseed.template.build import schema_database

        with (
            self.turn(f"look at the schema for {self.name}") as work,
            pg_errors_as("try out the schema files"),
        ):
            schema = schema_database(work, seed)
            try:
                with self.server.session(schema.name, purpose="look at the schema") as session:
                    tables = read_tables(session)
            finally:
                if schema.is_new:
                    work.drop(schema.name, quietly=True)
        return {name: tuple(c.name for c in table.columns) for name, table in tables.items()}

    # A dump of it holds its content.

    def dump_horizon(self) -> int:
        """Return the id before which every transaction had ended; ask before a dump begins.

        What is written at or after it may or may not be in the dump, and is compared with it later.
        """
        with (
            self.server.session(MAINTENANCE_DATABASE, purpose="dump") as admin,
            pg_errors_as("prepare the dump"),
        ):
            return int(run(admin, query("oldest_transaction"))[0][0])

    def adopt_dump(self, seed: Seed, dumped: int, horizon: int) -> str:
        """Stamp it with the seed whose backup was dumped from it; return "" or why it was not done.

        `dumped` is the oid of the database the dump came from: meanwhile another one may be live.
        `horizon` comes from dump_horizon(). Where the schema files have changed since the load, the
        database is not what a load of this seed gives. Changes made after the dump began, and
        objects added locally, still count as local changes.
        """
        with self.turn(f"adopt the dump of {self.name}") as work:
            return adopt(work, seed, dumped, horizon)

    def _changes(self, databases: list[Database], detail: bool) -> Changes:
        live = find_live(databases)
        if live is None:
            return Changes()
        template = find_template(databases, live.stamp.content_id) if live.stamp else None
        return find_changes(self.server, live, template, Look(detail=detail, wait_s=LOCKED_S))


def _template(
    work: Work, databases: list[Database], seed: Seed | PlannedSeed
) -> tuple[Database, Action]:
    """Find the finished template of a seed, or build it; tell what a load from it has done."""
    found = find_template(databases, seed.id)
    if found is not None:
        return found, "cloned"
    from pgseed.template.build import build_template  # brings all that reads backups

    name = build_template(work, seed.read() if isinstance(seed, PlannedSeed) else seed)
    return next(d for d in work.databases() if d.name == name), "built"


def _snapshot(databases: list[Database], full_name: str, name: str) -> Database:
    for database in databases:
        if database.name == full_name and not database.half_dropped:
            return database
    there = ", ".join(d.name.partition("_snapshot_")[2] for d in databases if d.kind == "snapshot")
    raise NothingThere(
        f"failed to find snapshot {name}: there is none of that name."
        f" {f'There are: {there}' if there else 'Make one: python -m vpdb snapshot NAME'}"
    )
