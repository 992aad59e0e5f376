"""One change at a time: a session lock in the maintenance database.

The session that holds the lock also clones, renames and drops, so PostgreSQL lets the lock go only
after such a statement of a killed program has ended, and the next program finds a settled state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2.extensions

from pgseed.databases.drop import drop_behind
from pgseed.errors import SeedError
from pgseed.progress import Progress
from pgseed.queries import query
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Server, told_as
from pgseed.units import duration

# Any fixed number will do; advisory locks are per database, and this one is in "postgres".
LOCK_KEY = 0x7670_6462
WAIT_S = 600.0


class Busy(SeedError):
    """Another command holds the lock for longer than this one may wait."""


@contextmanager
def locked(
    server: Server,
    purpose: str,
    progress: Progress,
    *,
    wait_s: float = WAIT_S,
    doomed: list[str] | None = None,
) -> Iterator[psycopg2.extensions.connection]:
    """Hold the stack's lock and give the session that holds it (autocommit, maintenance database).

    A second command waits, naming the first through `progress`; Busy after `wait_s` seconds. The
    databases that are in `doomed` when the block ends well are dropped behind the caller's back,
    who does not wait for it; the lock is held until the last of them is gone.
    """
    connection = server.connect(MAINTENANCE_DATABASE, purpose=purpose, settings=UNATTENDED)
    try:
        with told_as(purpose, "Run it again"):
            _take(connection, progress, wait_s)
            yield connection
    except BaseException:
        connection.close()
        raise
    if doomed:
        drop_behind(server, connection, doomed)
    else:
        connection.close()


def lock_holder(connection: psycopg2.extensions.connection) -> tuple[str, float] | None:
    """Name the command that holds the lock and since how many seconds; None when nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(query("lock_holder"), {"key": LOCK_KEY})
        return next(iter(cursor.fetchall()), None)


def _take(connection: psycopg2.extensions.connection, progress: Progress, wait_s: float) -> None:
    # Asked again and again: a session that waits in pg_advisory_lock() does not see that the DROP
    # DATABASE of the one with the lock waits for it (WaitForProcSignalBarrier), so both would wait.
    start = time.monotonic()
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
            ((taken,),) = cursor.fetchall()
            if taken:
                return
            holder, _ = lock_holder(connection) or ("a command that is just ending", 0.0)
            waited = time.monotonic() - start
            if waited > wait_s:
                raise Busy(
                    f"failed to take the lock: {holder} has held it for {duration(wait_s)}."
                    " Wait for it to end, or end that process"
                )
            progress(f"waiting for {holder}", 0, 0)
            time.sleep(min(0.2, 0.02 + waited / 10))
