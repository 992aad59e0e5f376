"""Databases dropped: at once, or behind the back of a command that need not wait for it.

DROP DATABASE writes every changed page of the whole server to disk first, which at the real size
takes longer than a swap and a clone together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from vpdb.database.behind import leave_behind

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


def drop_behind(admin: Connection, names: Sequence[str]) -> None:
    """Leave databases to a thread that drops them by this session, then closes it.

    What fails, and what a killed program no longer sent, the next run takes away.
    """
    leave_behind([partial(drop, admin, name, quietly=True) for name in names], admin.close)
