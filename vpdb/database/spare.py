"""A spare: a copy that stands ready of what the next reset or load copies, template or schema.

Its name tells what it is a copy of, by oid: PostgreSQL makes a database and its name visible in one
step, so it needs no mark of being complete. Nobody can connect to it, not even a superuser, so it
stays what its source is. Whatever happens to it, a copy can be made when it is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from vpdb.config import Settings
from vpdb.database.behind import leave_behind
from vpdb.database.names import spare_name
from vpdb.database.plan import find_spare, spare_sources
from vpdb.database.server import MAINTENANCE_DATABASE, UNATTENDED, Server
from vpdb.database.stamp import Database
from vpdb.database.swap import copy_database
from vpdb.errors import ServerUnreachable

Connection = psycopg2.extensions.connection

# A larger copy takes disk and time that nobody asked for; in bytes.
LARGEST_BYTES = 64 * 1024 * 1024


def missing_spares(
    databases: Sequence[Database], template: Database, settings: Settings
) -> list[Database]:
    """Give those of a template and its schema that should have a spare; sizes have to be known."""
    if not settings.templates or not settings.cache_limit_gb:
        return []
    return [
        source
        for source in spare_sources(databases, template)
        if source.size_bytes <= LARGEST_BYTES and find_spare(databases, source) is None
    ]


def make_spare(admin: Connection, source: Database, live: str) -> None:
    """Copy a database into its spare; where one is there already, or cannot be made, do nothing."""
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG ALLOW_CONNECTIONS false"
    ).format(sql.Identifier(spare_name(live, source.oid)), sql.Identifier(source.name))
    with suppress(psycopg2.Error), admin.cursor() as cursor:
        cursor.execute(statement)


def make_spares_behind(
    server: Server, admin: Connection, sources: Sequence[Database], live: str
) -> None:
    """Leave spares to threads that make them, one by this session, which is closed in any case.

    Each has a session of its own: a program that ends waits for none of them. Nothing depends on
    whether they come.
    """
    if not sources:
        admin.close()
        return
    *others, last = sources
    for source in others:
        with suppress(ServerUnreachable):
            session = server.connect(MAINTENANCE_DATABASE, purpose="spare", settings=UNATTENDED)
            leave_behind(partial(make_spare, session, source, live), session.close)
    leave_behind(partial(make_spare, admin, last, live), admin.close)


def copy_by_spare(
    server: Server, admin: Connection, databases: Sequence[Database], source: Database, name: str
) -> None:
    """Have a copy of a database under a name: its spare, where there is one among `databases`."""
    spare = find_spare(databases, source)
    if spare is None or not _take(admin, spare, name):
        copy_database(server, admin, source.name, name)


def _take(admin: Connection, spare: Database, name: str) -> bool:
    both = sql.SQL("ALTER DATABASE {0} ALLOW_CONNECTIONS true; ALTER DATABASE {0} RENAME TO {1}")
    try:
        with admin.cursor() as cursor:
            # One transaction, as PostgreSQL takes several statements that come together.
            cursor.execute(both.format(sql.Identifier(spare.name), sql.Identifier(name)))
    except psycopg2.Error:
        return False
    return True
