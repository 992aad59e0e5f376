"""The SQL that this package runs, one query a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

if TYPE_CHECKING:
    from psycopg2.extensions import connection


@cache
def query(name: str) -> str:
    """Give the text of `<name>.sql` in this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")


def run(
    session: connection, statement: str | sql.Composable, values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Carry out a statement and return its rows, none for one that gives none."""
    with session.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def named(statement: str, *names: str) -> sql.Composed:
    """Return a statement with these identifiers in its places."""
    return sql.SQL(statement).format(*map(sql.Identifier, names))
