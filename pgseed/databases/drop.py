"""Databases dropped: at once, or behind the back of a command that need not wait for it.

DROP DATABASE writes every changed page of the whole server to disk first, which at the real size
takes longer than a swap and a clone together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from pgseed.databases.after_exit import leave_behind
from pgseed.errors import ServerUnreachable
from pgseed.server import MAINTENANCE_DATABASE, UNATTENDED, Server

Connection = psycopg2.extensions.connection


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


def drop_behind(server: Server, admin: Connection, names: Sequence[str]) -> None:
    """Leave databases to threads that drop them, the last by this session, which is then closed.

    Each has a session of its own: a program that ends waits for none of them, and they share the
    writing. What fails, and what a killed program no longer sent, the next run takes away.
    """
    *others, last = names
    for name in others:
        with suppress(ServerUnreachable):
            session = server.connect(MAINTENANCE_DATABASE, purpose="drop", settings=UNATTENDED)
            leave_behind(partial(drop, session, name, quietly=True), session.close)
    leave_behind(partial(drop, admin, last, quietly=True), admin.close)
