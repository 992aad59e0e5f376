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

from pgseed.databases.after_exit import leave_behind
from pgseed.databases.names import spare_name
from pgseed.databases.retention import find_spare, spare_sources
from pgseed.databases.stamp import Database
from pgseed.databases.swap import copy_database
from pgseed.server import Server
from vpdb.config import Settings

Connection = psycopg2.extensions.connection

# A larger copy takes disk and time that nobody asked for; in bytes.
LARGEST_BYTES = 64 * 1024 * 1024


def lacks_spare(databases: Sequence[Database], source: Database, settings: Settings) -> bool:
    """Tell whether a database should have a spare and has none; its size has to be known."""
    return (
        bool(settings.templates and settings.cache_limit_gb)
        and source.size_bytes <= LARGEST_BYTES
        and find_spare(databases, source) is None
    )


def next_spare(
    databases: Sequence[Database], template: Database, settings: Settings
) -> Database | None:
    """Give the database to make a spare of: a template's schema, where that has one the template.

    A load of everything takes the schema's, so it leaves another of that. What takes none, or the
    template's own (a reset, a load of few tables), leaves one of the template: who does so once is
    taken to do so again. One at a time, since clients feel it while files are copied.
    """
    sources = reversed(spare_sources(databases, template))
    return next((d for d in sources if lacks_spare(databases, d, settings)), None)


def make_spare(admin: Connection, source: Database, live: str) -> None:
    """Copy a database into its spare; where one is there already, or cannot be made, do nothing."""
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG ALLOW_CONNECTIONS false"
    ).format(sql.Identifier(spare_name(live, source.oid)), sql.Identifier(source.name))
    with suppress(psycopg2.Error), admin.cursor() as cursor:
        cursor.execute(statement)


def make_spare_behind(admin: Connection, source: Database | None, live: str) -> None:
    """Leave a spare to a thread that makes it by this session, which is closed in any case.

    Nothing depends on whether it comes.
    """
    if source is None:
        admin.close()
    else:
        leave_behind(partial(make_spare, admin, source, live), admin.close)


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
