"""The SQL of the CSV loader, one statement a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg2.sql import SQL, Composable, Composed, Identifier

_TEMPORARY = {
    name: Identifier("pg_temp", f"{name}_rows") for name in ("staged", "proposed", "rejected")
}


def query(name: str, **parts: Composable) -> Composed:
    """Return the statements of `<name>.sql` with {staged}, {proposed}, {rejected} and `parts`."""
    return SQL(_text(name)).format(**_TEMPORARY, **parts)


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
