"""What the database itself says of the tables that are loaded: types, defaults, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg2 import extensions, sql

from master_data.queries import query


@dataclass(frozen=True, slots=True)
class Check:
    """A check constraint of the table, in words where its comment has some."""

    columns: tuple[str, ...]
    expression: str
    words: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One table. `plain_inserts`: nothing but foreign keys happens on INSERT, and they may be
    passed over; `referring` are the columns of its foreign keys."""

    types: Mapping[str, str]
    defaults: Mapping[str, str]
    checks: tuple[Check, ...]
    referring: frozenset[str]
    sequence: str | None
    plain_inserts: bool


def read_facts(cursor: extensions.cursor, schema: str, names: Iterable[str]) -> Mapping[str, Facts]:
    """Look at tables of a schema, by name; expressions are as the search path shortens them."""
    cursor.execute(query("master_data_facts"), {"schema": schema, "tables": sorted(names)})
    return {
        name: Facts(
            types=types,
            defaults=defaults or {},
            checks=tuple(
                Check(tuple(check["columns"]), check["expression"], check["words"])
                for check in checks or ()
            ),
            referring=frozenset(referring or ()),
            sequence=sequence,
            plain_inserts=plain_inserts,
        )
        for name, types, defaults, checks, referring, sequence, plain_inserts in cursor.fetchall()
    }


def keep_sequence(cursor: extensions.cursor, facts: Facts) -> None:
    """Let the ids that this transaction draws come back if it is rolled back.

    Sequences are not transactional, but ALTER SEQUENCE … RESTART gives this transaction a new
    copy of one (https://www.postgresql.org/docs/17/sql-altersequence.html#SQL-ALTERSEQUENCE-NOTES).
    """
    if facts.sequence is None:
        return
    sequence = sql.SQL(facts.sequence)  # quoted by PostgreSQL
    cursor.execute(sql.SQL("SELECT last_value + is_called::int FROM {}").format(sequence))
    row = cursor.fetchone()
    assert row
    cursor.execute(sql.SQL("ALTER SEQUENCE {} RESTART WITH %s").format(sequence), row)
