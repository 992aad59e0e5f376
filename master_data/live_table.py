"""What the database itself says of a table that is loaded: types, defaults, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg2 import extensions, sql

from master_data.queries import query


@dataclass(frozen=True, slots=True)
class Check:
    """A check constraint of the table; `words` are its comment, if it has one."""

    columns: tuple[str, ...]
    expression: str
    words: str


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table as the catalog describes it.

    `referring` are the columns of its foreign keys. With `plain_inserts` nothing but foreign keys
    happens on INSERT, and this role may pass over them.
    """

    types: Mapping[str, str]
    defaults: Mapping[str, str]
    checks: tuple[Check, ...]
    referring: frozenset[str]
    sequence: str | None
    plain_inserts: bool


def read_live_tables(
    cursor: extensions.cursor, schema: str, names: Iterable[str]
) -> Mapping[str, LiveTable]:
    """Look at tables of a schema, by name; expressions are as the search path shortens them."""
    cursor.execute(query("live_tables"), {"schema": schema, "tables": sorted(names)})
    found = {}
    for name, types, defaults, checks, referring, *rest in cursor.fetchall():
        known = tuple(Check(tuple(c["columns"]), c["expression"], c["words"]) for c in checks)
        found[name] = LiveTable(types, defaults, known, frozenset(referring), *rest)
    return found


def keep_sequence(cursor: extensions.cursor, table: LiveTable) -> None:
    """Let the ids that this transaction draws come back if it is rolled back.

    Sequences are not transactional, but ALTER SEQUENCE … RESTART gives this transaction a new
    copy of one (https://www.postgresql.org/docs/17/sql-altersequence.html#SQL-ALTERSEQUENCE-NOTES).
    """
    if table.sequence is None:
        return
    sequence = sql.SQL(table.sequence)  # quoted by PostgreSQL
    cursor.execute(sql.SQL("SELECT last_value + is_called::int FROM {}").format(sequence))
    cursor.execute(sql.SQL("ALTER SEQUENCE {} RESTART WITH %s").format(sequence), cursor.fetchone())
