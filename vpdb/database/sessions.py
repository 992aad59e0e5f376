"""Other people's sessions: who is connected, and how they are ended when a database is swapped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg2
import psycopg2.extensions

from vpdb.queries import query
from vpdb.units import duration

Connection = psycopg2.extensions.connection

_POLL_S = 0.004


@dataclass(frozen=True, slots=True)
class Session:
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


def sessions_in(connection: Connection, database: str) -> list[Session]:
    """Tell whose sessions a swap of this database would end."""
    with connection.cursor() as cursor:
        cursor.execute(query("sessions"), {"database": database})
        return [Session(*row) for row in cursor.fetchall()]


def end_sessions(connection: Connection, *databases: str, patience_s: float) -> bool:
    """End every session in these databases; tell whether none was left when this returns.

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
        time.sleep(_POLL_S)


@contextmanager
def ending_sessions(helper: Connection, *databases: str) -> Iterator[None]:
    """While the block runs, the helper ends every session that comes to these databases.

    Inside the block a statement that needs one of them alone (RENAME, CREATE … TEMPLATE) gets it,
    however eagerly clients reconnect.
    """
    done = threading.Event()

    def keep_ending() -> None:
        # Where this connection breaks, so does the one that waits for the database, and says so.
        with suppress(psycopg2.Error):
            while not done.is_set():
                with helper.cursor() as cursor:
                    cursor.execute(query("end_sessions"), {"databases": [*databases]})
                done.wait(_POLL_S)

    thread = threading.Thread(target=keep_ending, daemon=True)
    try:
        end_sessions(helper, *databases, patience_s=0.05)
        thread.start()
        yield
    finally:
        done.set()
        if thread.ident is not None:
            thread.join()
