"""Whole databases as values to compare: every row of every table, sequences, catalog."""

from __future__ import annotations

import threading
import time
from typing import Any

from psycopg2 import sql

from pgseed.databases.after_exit import BEHIND_THREAD
from pgseed.databases.catalog import read_tables
from pgseed.databases.names import source_of_spare
from vpdb.server.docker_server import DockerServer


def rows_of(server: DockerServer, database: str) -> dict[str, list[str]]:
    """Give every table's and materialized view's rows as text, sorted; sequences' states too."""
    with server.session(database) as connection, connection.cursor() as cursor:
        result = {}
        for name, table in read_tables(connection).items():
            if table.kind != "r":
                continue
            cursor.execute(
                sql.SQL("SELECT t::text FROM ONLY {} AS t ORDER BY 1").format(table.identifier)
            )
            result[name] = [row for (row,) in cursor.fetchall()]
        cursor.execute(
            "SELECT oid::regclass::text, relkind FROM pg_class"
            " WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%'"
            " AND (relkind = 'S' OR relkind = 'm' AND relispopulated)"
        )
        for name, kind in cursor.fetchall():
            what = "last_value, is_called" if kind == "S" else "t::text"
            cursor.execute(f"SELECT {what} FROM {name} AS t ORDER BY 1")
            result[name] = [str(row) for row in cursor.fetchall()]
        return result


def databases_of(server: DockerServer, live: str, *, spares: bool = False) -> list[str]:
    """Name every database of the server that belongs to a live one, itself included.

    Spares are left out unless asked for: they come and go without anything depending on it.

    What an ended command drops, or copies, behind its own back is waited for.
    """
    for thread in threading.enumerate():
        if thread.name == BEHIND_THREAD:
            thread.join()
    behind = (
        "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
        " AND (query LIKE 'DROP DATABASE%' OR query LIKE 'CREATE DATABASE%')"
    )
    while ask(server, "postgres", behind):
        time.sleep(0.01)
    return [
        name
        for (name,) in ask(server, "postgres", "SELECT datname FROM pg_database ORDER BY 1")
        if (name == live or name.startswith(f"{live}_"))
        and (spares or not name.startswith(f"{live}_spare_"))
    ]


def spares_of(server: DockerServer, live: str) -> list[str]:
    """Name what a live database's server has a spare of, by kind: schema, template."""
    names = databases_of(server, live, spares=True)
    oids = dict(ask(server, "postgres", "SELECT oid::int8, datname FROM pg_database"))
    sources = [oids[source_of_spare(name)] for name in names if name.startswith(f"{live}_spare_")]
    return sorted(source.removeprefix(f"{live}_").split("_")[0] for source in sources)


def ask(server: DockerServer, database: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement as the stack's administrator; give its rows."""
    with server.session(database) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
