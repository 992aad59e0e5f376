"""A read-only session whose texts of rows are the same on every machine, and what it can ask."""

from __future__ import annotations

import psycopg2.extensions
from psycopg2 import sql

from pgseed.backup.model import SequenceValue
from pgseed.dumping.tables import DumpTable, SortColumn
from pgseed.queries import query

Connection = psycopg2.extensions.connection


def begin(connection: Connection) -> tuple[int, str]:
    """Start the one transaction of a dump; returns the database's oid and the snapshot's name."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(query("begin_dump"))
        ((oid, snapshot),) = cursor.fetchall()
        return int(oid), str(snapshot)


def read_tables(connection: Connection, schema: str) -> list[DumpTable]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_tables"), {"schema": schema})
        tables = []
        for oid, name, size, columns, key, triggers in cursor.fetchall():
            sorted_by = tuple(SortColumn(**column) for column in key)
            tables.append(DumpTable(oid, schema, name, tuple(columns), sorted_by, size, triggers))
        return tables


def read_references(connection: Connection, schema: str) -> set[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_references"), {"schema": schema})
        return {(origin, to) for origin, to in cursor.fetchall()}


def read_sequences(connection: Connection, schema: str) -> list[SequenceValue]:
    with connection.cursor() as cursor:
        cursor.execute(query("dump_sequences"), {"schema": schema})
        part = sql.SQL("SELECT {}, last_value, is_called FROM {}")
        parts = [
            part.format(sql.Literal(name), sql.Identifier(schema, name))
            for (name,) in cursor.fetchall()
        ]
        if not parts:
            return []
        cursor.execute(sql.SQL(" UNION ALL ").join(parts))
        return [SequenceValue(schema, *row) for row in cursor.fetchall()]
