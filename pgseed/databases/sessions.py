"""Other people's sessions: who is connected, and how they are ended when a database is swapped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from pgseed.queries import query, run
from pgseed.server import Connection
from pgseed.units import duration

POLL_S = 0.004
# How long a transaction that keeps everybody out waits: for the proof of a deadlock, for a lock.
_DEADLOCK_MS, _LOCK_MS = 10, 50


@dataclass(frozen=True, slots=True)
class Client:
    """One session in a database, as its owner would recognise it."""

    pid: int
    role: str
    application: str
    address: str
    state: str
    seconds: float

    def describe(self) -> str:
        program = self.application or "a program without a name"
        return f"{program} as {self.role}, {self.state}, for {duration(self.seconds)}"


def sessions_in(connection: Connection, database: str) -> list[Client]:
    """Tell whose sessions a swap of this database would end."""
    return [Client(*row) for row in run(connection, query("sessions"), {"database": database})]


def database_ids(connection: Connection, *databases: str) -> list[int]:
    """Give the numbers (oid) of those of the databases that exist."""
    statement = "SELECT oid::int8 FROM pg_database WHERE datname = ANY (%(names)s)"
    return [oid for (oid,) in run(connection, statement, {"names": [*databases]})]


def end_sessions(connection: Connection, databases: Sequence[int], *, patience_s: float) -> bool:
    """End every session in these databases (oid); tell whether none was left when this returns.

    PostgreSQL's own wait, inside RENAME and CREATE DATABASE, looks again only every 0.1 s.
    """
    end = time.monotonic() + patience_s
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query("end_sessions"), {"databases": [*databases]})
            if cursor.rowcount == 0:
                return True
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)


@contextmanager
def ending_sessions(helper: Connection, databases: Sequence[int]) -> Iterator[None]:
    """While the block runs, the helper ends every session that comes to these databases (oid).

    Inside the block a statement that needs one of them alone (RENAME, CREATE … TEMPLATE) gets it,
    however eagerly clients reconnect.
    """
    done = threading.Event()

    def keep_ending() -> None:
        # Where this connection breaks, so does the one that waits for the database, and says so.
        with suppress(psycopg2.Error):
            while not done.is_set():
                end_sessions(helper, databases, patience_s=0)
                done.wait(POLL_S)

    thread = threading.Thread(target=keep_ending, daemon=True)
    try:
        end_sessions(helper, databases, patience_s=0.05)
        thread.start()
        yield
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()


def begin_alone(cursor: psycopg2.extensions.cursor) -> bool:
    """Begin a transaction that lets nobody in while it lasts; False, and none, where it cannot.

    Who connects then waits for its end, and finds the databases under the names they have by then.
    Somebody who has just read the list of databases, or is making one, may stand in the way; the
    lock is not queued for, as everybody who connects would have to queue behind it. Nor does the
    transaction wait for long: somebody half way in may hold what it wants next, and wait for it.
    So its statements may raise DeadlockDetected and LockNotAvailable.
    """
    cursor.execute("BEGIN")
    try:
        cursor.execute(
            f"SET LOCAL deadlock_timeout = '{_DEADLOCK_MS}ms';"
            f" SET LOCAL lock_timeout = '{_LOCK_MS}ms';"
            " LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE NOWAIT"
        )
    except psycopg2.errors.LockNotAvailable:
        cursor.execute("ROLLBACK")
        return False
    return True
