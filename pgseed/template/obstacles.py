"""What is in the way of rows that come into a database, taken away before and brought back after.

Rows come faster into a large table without indexes, in any order without foreign keys, and no
trigger or rule may touch them. All of it goes and returns by statements that the tables' owner may
give. What might not return as the same thing is left where it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg2.extensions

from pgseed.queries import query
from pgseed.server import Connection

# A transaction locks all that it touches, and the server has room for some thousand locks.
_STATEMENTS = 500


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key that was dropped; `tables` are both its ends, with their partitions."""

    name: str
    table_oid: int
    table: str
    referenced: str
    tables: frozenset[int]
    drop: str
    add: str
    mixed_query: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index that was dropped: `build` fills it, `finish` makes it all else that it was."""

    name: str
    table_oid: int
    drop: str
    build: str
    finish: str
    has_expressions: bool


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What was taken away; `switches` are the statements that switch triggers and rules on."""

    switches: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]


def take_away(connection: Connection, filled: Collection[int], large: Collection[int]) -> Obstacles:
    """Clear the way for rows; give what has to be brought back.

    `filled` are the tables that get rows, by oid, `large` those without indexes while they do.
    """
    with connection.cursor() as cursor:
        cursor.execute(query("load_switches"), {"filled": list(filled)})
        switches = [(off, on_again) for _, off, on_again in cursor.fetchall()]
        cursor.execute(query("foreign_keys"), {"filled": list(filled)})
        keys = tuple(
            ForeignKey(name, oid, table, referenced, frozenset(tables), drop, add, mixed)
            for name, oid, table, referenced, tables, drop, add, mixed in cursor.fetchall()
        )
        cursor.execute(query("load_indexes"), {"large": list(large)})
        found = [Index(*row) for row in cursor.fetchall()]
        run_all(cursor, [off for off, _ in switches if off] + [key.drop for key in keys])
        changing = _changing(cursor, found)
        indexes = tuple(index for index in found if index.name not in changing)
        run_all(cursor, [index.drop for index in indexes])
    return Obstacles(tuple(on_again for _, on_again in reversed(switches)), keys, indexes)


def run_all(cursor: psycopg2.extensions.cursor, statements: Sequence[str]) -> None:
    """Run statements, some hundred at a time, each such part in one transaction."""
    for start in range(0, len(statements), _STATEMENTS):
        cursor.execute("; ".join(statements[start : start + _STATEMENTS]))


def _changing(cursor: psycopg2.extensions.cursor, indexes: Sequence[Index]) -> set[str]:
    """Name those of the indexes that would not be the same, to the letter, if built again.

    PostgreSQL words an expression in a way that it may word differently once it was read again.
    """
    words = {index.name: index.build for index in indexes if index.has_expressions}
    cursor.execute("BEGIN")
    run_all(cursor, [f"{i.drop}; {i.build}" for i in indexes if i.has_expressions])
    cursor.execute(
        "SELECT name, pg_get_indexdef(name::regclass) FROM unnest(%s::text[]) AS name",
        (list(words),),
    )
    changing = {name for name, again in cursor.fetchall() if again != words[name]}
    cursor.execute("ROLLBACK")
    return changing
