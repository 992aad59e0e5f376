"""The SQL that this package runs, one query a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection


@cache
def query(name: str) -> str:
    """Return the text of `<name>.sql` in this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")


def rows(
    session: connection, name: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run `<name>.sql` and return its rows by column name.

    In a query that takes values a percent sign is written twice.
    """
    from psycopg2.extras import RealDictCursor

    with session.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(query(name), values)
        return [dict(row) for row in cursor.fetchall()]
