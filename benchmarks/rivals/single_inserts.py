"""CSV files into tables row by row, as a loader on a plain driver does it.

One INSERT a round trip, a commit every 1,000 rows; references are looked up in dictionaries that
were read once, and nothing is validated.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from master_data.tables import TABLES, Table

_ROWS_A_COMMIT = 1000


def main(schema: str, folder: Path) -> None:
    """Load every table's file, in the order of references; PG* variables name the database."""
    connection = psycopg2.connect(options=f"-c search_path={schema}")
    ids: dict[str, dict[str, int]] = {}
    for table in TABLES:
        _load(connection, table, folder / table.file_name, ids)
    connection.close()


def _load(
    connection: psycopg2.extensions.connection,
    table: Table,
    path: Path,
    ids: dict[str, dict[str, int]],
) -> None:
    columns = [column.target for column in table.columns]
    returning = sql.SQL(" RETURNING {}").format(sql.Identifier(table.identity or ""))
    statement = (
        sql.SQL("INSERT INTO {} ({}) VALUES ({}){}")
        .format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
            returning if table.identity else sql.SQL(""),
        )
        .as_string(connection)
    )
    known = ids.setdefault(table.name, {})
    with path.open(newline="", encoding="utf-8") as file, connection.cursor() as cursor:
        for number, row in enumerate(csv.DictReader(file), start=1):
            cursor.execute(statement, _values(table, row, ids))
            if table.identity:
                ((row_id,),) = cursor.fetchall()
                known["/".join(row[key] for key in table.key)] = row_id
            if number % _ROWS_A_COMMIT == 0:
                connection.commit()
    connection.commit()


def _values(
    table: Table, row: Mapping[str, str], ids: Mapping[str, Mapping[str, int]]
) -> Sequence[str | int | None]:
    return [
        None
        if not row[column.name]
        else ids[column.reference.table][row[column.name]]
        if column.reference
        else row[column.name]
        for column in table.columns
    ]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
