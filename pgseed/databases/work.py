"""One command's turn at a live database: the lock, its session, and what every step shares.

The session that holds the lock also clones, renames and drops, so PostgreSQL lets the lock go only
after such a statement of a killed program has ended, and the next program finds a settled state.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from pgseed.databases.after_exit import leave_behind
from pgseed.databases.names import build_name
from pgseed.databases.retention import DEFAULT_POLICY, Policy
from pgseed.databases.stamp import Database, Stamp, comment_on, list_databases
from pgseed.errors import SeedError, ServerUnreachable
from pgseed.progress import Progress, quiet
from pgseed.queries import named, query, run
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Connection, Server
from pgseed.sql_names import quote_literal
from pgseed.units import duration

# Any fixed number will do; advisory locks are per database, and this one is in "postgres".
LOCK_KEY = 0x7670_6462
WAIT_S = 600.0


class Busy(SeedError):
    """Another command holds the lock for longer than this one may wait."""


def lock_holder(session: Connection) -> tuple[str, float] | None:
    """Name the command that holds the lock, and since how many seconds; None when nobody does."""
    return next(iter(run(session, query("lock_holder"), {"key": LOCK_KEY})), None)


@dataclass(slots=True)
class Work:
    """A turn at the live database `live`: `admin` is the session that holds the lock.

    `owner` is the role that gets a live database which was not there before; "" leaves it to the
    administrator. `doomed` are the databases to drop when the turn has ended well.
    """

    server: Server
    live: str
    admin: Connection
    policy: Policy = DEFAULT_POLICY
    owner: str = ""
    progress: Progress = quiet
    doomed: list[str] = field(default_factory=list)

    def take_lock(self, wait_s: float = WAIT_S) -> None:
        """Wait until no other command holds the lock, naming that one; Busy after `wait_s`."""
        # Asked again and again: a session that waits in pg_advisory_lock() does not see that the
        # DROP DATABASE of the one with the lock waits for it (WaitForProcSignalBarrier), so both
        # would wait.
        start = time.monotonic()
        while run(self.admin, f"SELECT pg_try_advisory_lock({LOCK_KEY})") != [(True,)]:
            holder, _ = lock_holder(self.admin) or ("a command that is just ending", 0.0)
            waited = time.monotonic() - start
            if waited > wait_s:
                raise Busy(
                    f"failed to take the lock: {holder} has held it for {duration(wait_s)}."
                    " Wait for it to end, or end that process"
                )
            self.say(f"waiting for {holder}")
            time.sleep(min(0.2, 0.02 + waited / 10))

    def say(self, phase: str) -> None:
        self.progress(phase, 0, 0)

    def databases(self, *, sizes: bool = False) -> list[Database]:
        return list_databases(self.admin, self.live, sizes=sizes)

    def log(self, text: str) -> None:
        """Write a line that begins with `vpdb: ` into the server's log, without the statement."""
        body = (
            "BEGIN BEGIN PERFORM set_config('log_min_error_statement', 'panic', true),"
            " set_config('log_error_verbosity', 'terse', true);"
            # Only a superuser may; the line then stands with its statement.
            " EXCEPTION WHEN insufficient_privilege THEN NULL; END;"
            f" RAISE LOG USING MESSAGE = {quote_literal(f'vpdb: {text}')}; END"
        )
        run(self.admin, sql.SQL("DO {}").format(sql.Literal(body)))

    def create_empty(self) -> str:
        """Create a private database; what somebody put into template1 stays out of it."""
        name = build_name(self.live)
        run(self.admin, named("CREATE DATABASE {} TEMPLATE template0", name))
        return name

    def write_stamp(self, database: str, stamp: Stamp) -> None:
        run(self.admin, comment_on(database, stamp.to_comment()))

    def drop(self, name: str, *, quietly: bool = False) -> None:
        drop_database(self.admin, name, quietly=quietly)

    def end(self) -> None:
        """Drop what is doomed behind the caller's back; the lock is held until the last is gone.

        DROP DATABASE writes every changed page of the whole server to disk first, which at the
        real size takes longer than a swap and a clone together. Each database has a session of its
        own, so that a program that ends waits for none of them and they share the writing. What
        fails, and what a killed program no longer sent, the next run takes away.
        """
        if not self.doomed:
            self.admin.close()
            return
        *others, last = self.doomed
        for name in others:
            with suppress(ServerUnreachable):
                session = self.server.connect(
                    MAINTENANCE_DATABASE, purpose="drop", settings=UNATTENDED
                )
                leave_behind(partial(drop_database, session, name, quietly=True), session.close)
        leave_behind(partial(drop_database, self.admin, last, quietly=True), self.admin.close)


def drop_database(session: Connection, name: str, *, quietly: bool = False) -> None:
    """Drop a database and end the sessions in it; `quietly` leaves a failure to the next run."""
    try:
        if session.info.transaction_status != TRANSACTION_STATUS_IDLE:
            run(session, "ROLLBACK")
        run(session, named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
    except psycopg2.Error:
        if not quietly:
            raise
