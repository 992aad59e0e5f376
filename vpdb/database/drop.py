"""Databases dropped: at once, or behind the back of a command that need not wait for it.

DROP DATABASE writes every changed page of the whole server to disk first, which at the real size
takes longer than a swap and a clone together.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

Connection = psycopg2.extensions.connection

DROP_THREAD = "drop databases"
# Nobody is kept from leaving for longer by a statement that is being sent; in seconds.
_SEND_S = 0.02
# PostgreSQL needs as long for a drop as its disk for all that waits to be written.
_LONGEST_S = 60.0


def drop(admin: Connection, name: str, *, quietly: bool = False) -> None:
    """Drop a database and end the sessions in it; `quietly` leaves a failure to the next run."""
    try:
        with admin.cursor() as cursor:
            if admin.info.transaction_status != TRANSACTION_STATUS_IDLE:
                cursor.execute("ROLLBACK")
            cursor.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
    except psycopg2.Error:
        if not quietly:
            raise


def drop_behind(admin: Connection, names: Sequence[str]) -> None:
    """Leave databases to a thread that drops them by this session, then closes it.

    A statement that has reached the server is carried out, also when the program ends meanwhile
    (the session's client_connection_check_interval has to be 0). What fails, and what a killed
    program no longer sent, the next run takes away.
    """
    last_begins = threading.Event()

    def work() -> None:
        try:
            for name in names[:-1]:
                drop(admin, name, quietly=True)
            last_begins.set()
            drop(admin, names[-1], quietly=True)
        finally:
            last_begins.set()
            admin.close()

    # A daemon, so that nothing waits for its end; until the last statement is sent something does.
    thread = threading.Thread(target=work, name=DROP_THREAD, daemon=True)

    def see_it_sent() -> None:
        last_begins.wait(_LONGEST_S)
        thread.join(_SEND_S)

    atexit.register(see_it_sent)
    thread.start()
