"""A read-only session whose texts of rows are the same on every machine, and what it can ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2.extensions
from psycopg2 import sql

from pgseed.dumping.layout import DumpTable, SequenceState, SortColumn
from pgseed.queries import query
from pgseed.sql_names import quote_literal

Connection = psycopg2.extensions.connection

# What the text of a value depends on, pinned; then what only costs time, switched off.
_SETTINGS = {
    "search_path": "",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
    "work_mem": "64MB",
}


def begin(connection: Connection, snapshot: str = "") -> str:
    """Start the one transaction of a dump, or join the one that exported `snapshot`.

    Returns the snapshot's name for others to join.
    """
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
        for name, value in _SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
        if snapshot:
            return snapshot
        cursor.execute("SELECT pg_export_snapshot()")
        return str(_row(cursor)[0])


def read_database(connection: Connection) -> int:
    """The oid of the session's database, which it keeps under every name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        return int(_row(cursor)[0])


def read_tables(connection: Connection, schema: str) -> list[DumpTable]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_tables"), {"schema": schema})
        return [
            DumpTable(
                oid=oid,
                schema=schema,
                name=name,
                columns=tuple(columns),
                key=tuple(SortColumn(**column) for column in key),
                size_bytes=size,
                has_insert_triggers=triggers,
            )
            for oid, name, size, columns, key, triggers in cursor.fetchall()
        ]


def read_keys(connection: Connection, schema: str) -> dict[str, tuple[str, ...]]:
    """The primary key's columns per qualified table; tables without one are not listed."""
    tables = read_tables(connection, schema)
    return {t.qualified: tuple(column.name for column in t.key) for t in tables if t.key}


def read_references(connection: Connection, schema: str) -> set[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_references"), {"schema": schema})
        return {(origin, to) for origin, to in cursor.fetchall()}


def read_sequences(connection: Connection, schema: str) -> list[SequenceState]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_sequences"), {"schema": schema})
        names = [name for (name,) in cursor.fetchall()]
        if not names:
            return []
        parts = [
            sql.SQL("SELECT {}, last_value, is_called FROM {}").format(
                sql.Literal(name), sql.Identifier(schema, name)
            )
            for name in names
        ]
        cursor.execute(sql.SQL(" UNION ALL ").join(parts))
        return [SequenceState(*row) for row in cursor.fetchall()]


def conditions(connection: Connection, table: DumpTable, pieces: int) -> list[str]:
    """Conditions that cut a table into pieces of about the same size, in the order of its key.

    Where they cut is sampled and does not show in the dump.
    """
    if pieces < 2 or not table.key:
        return [""]
    key = table.key[0].expression
    shares = [number / pieces for number in range(1, pieces)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY {key})::text[]"
            f" FROM {table.qualified} TABLESAMPLE SYSTEM (1)",
            (shares,),
        )
        found = _row(cursor)[0] or []
    points = [quote_literal(value) for value in dict.fromkeys(found) if value is not None]
    below = [*(f"{key} < {point}" for point in points), ""]
    above = ["", *(f"{key} >= {point}" for point in points)]
    return [" AND ".join(filter(None, pair)) for pair in zip(above, below, strict=True)]


def _row(cursor: psycopg2.extensions.cursor) -> Sequence[Any]:
    row = cursor.fetchone()
    assert row is not None
    return row
