"""Rows of one table against the same table elsewhere: how many added, removed and changed.

Memory stays bounded whatever the tables' size: rows come through server-side cursors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from pgseed.databases.catalog import Table
from pgseed.queries import named, query, run
from pgseed.server import Connection

Counts = tuple[int, int, int]

_BATCH_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Key:
    """The columns that tell a table's rows apart; `plain`: their types' `=` is in pg_catalog."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    plain: bool


@dataclass(frozen=True, slots=True)
class Side:
    """A table, and the session in which it is read."""

    connection: Connection
    table: Table


@dataclass(frozen=True, slots=True)
class Written:
    """The first transaction id that came after the load, and the numbers of rows now and then."""

    horizon: int
    rows: int
    rows_then: int


def compare_table(here: Side, loaded: Side, written: Written) -> Counts:
    """Count the rows added, removed and changed since the load; `loaded` has them as loaded.

    With a key only the rows written since are looked at: all others are in the template as they
    are here, so what is missing there follows from the numbers of rows.
    """
    known = {column.name for column in loaded.table.columns}
    columns = [column.name for column in here.table.columns if column.name in known]
    key = read_key(here)
    if key is None or not set(key.names) <= known or key != read_key(loaded):
        return _compare_as_bags(here, loaded, columns)
    added = changed = 0
    for batch in _written_rows(here, key, columns, written.horizon):
        theirs = _look_up(loaded, key, columns, batch)
        for row, their in zip(batch, theirs, strict=True):
            added += their is None
            changed += their is not None and their != bytes(row[-1])
    return added, written.rows_then - (written.rows - added), changed


def read_key(side: Side) -> Key | None:
    """Return the columns that tell a table's rows apart; None when nothing promises that."""
    found = run(side.connection, query("table_keys"), {"tables": [side.table.oid]})
    return next((Key(tuple(names), tuple(types), plain) for _, names, types, plain in found), None)


def row_hash(columns: list[str], alias: str) -> sql.Composed:
    """Return the expression that hashes a row's values in this order of columns."""
    values = sql.SQL(", ").join(sql.Identifier(alias, name) for name in columns)
    return sql.SQL("sha256(convert_to(ROW({})::text, 'UTF8'))").format(values)


def _written_rows(
    here: Side, key: Key, columns: list[str], horizon: int
) -> Iterator[list[tuple[Any, ...]]]:
    statement = sql.SQL(
        "SELECT {}, {} FROM ONLY {} AS t"
        " WHERE age(t.xmin) <= (SELECT age({}::xid)) OR (SELECT {} >= 2147483648)"
    ).format(
        sql.SQL(", ").join(named("t.{}::text", name) for name in key.names),
        row_hash(columns, "t"),
        here.table.identifier,
        sql.Literal(str(horizon % 2**32)),
        sql.SQL("pg_snapshot_xmax(pg_current_snapshot())::text::int8 - {}").format(
            sql.Literal(horizon)
        ),
    )
    return _batches(here.connection, "vpdb_written", statement)


def _look_up(
    loaded: Side, key: Key, columns: list[str], batch: list[tuple[Any, ...]]
) -> list[bytes | None]:
    """Return the loaded hash of each row of the batch, in its order; None where there is none."""
    asked = [f"k{n}" for n in range(len(key.names))]
    conditions = []
    for name, kind, ask in zip(key.names, key.types, asked, strict=True):
        # Types of extensions bring an `=` of their own, which need not be on the search path.
        template = "r.{name} = k.{ask}::{kind}" if key.plain else "r.{name}::text = k.{ask}"
        conditions.append(
            sql.SQL(template).format(
                name=sql.Identifier(name), ask=sql.Identifier(ask), kind=sql.SQL(kind)
            )
        )
    statement = sql.SQL(
        "SELECT CASE WHEN r.tableoid IS NOT NULL THEN {hash} END"
        " FROM unnest({arrays}) WITH ORDINALITY AS k ({asked}, n)"
        " LEFT JOIN ONLY {table} AS r ON {conditions} ORDER BY k.n"
    ).format(
        hash=row_hash(columns, "r"),
        # Not as parameters: then a `%` in a column's name would have to be doubled.
        arrays=sql.SQL(", ").join(
            sql.SQL("{}::text[]").format(sql.Literal([row[n] for row in batch]))
            for n in range(len(asked))
        ),
        asked=sql.SQL(", ").join(map(sql.Identifier, asked)),
        table=loaded.table.identifier,
        conditions=sql.SQL(" AND ").join(conditions),
    )
    found = run(loaded.connection, statement)
    return [None if hashed is None else bytes(hashed) for (hashed,) in found]


def _compare_as_bags(here: Side, loaded: Side, columns: list[str]) -> Counts:
    """Compare rows without a key: equal ones cancel out, the rest were added or removed."""
    added = removed = 0
    ours = _hashes(here, columns)
    theirs = _hashes(loaded, columns)
    mine, their = next(ours, None), next(theirs, None)
    while mine is not None or their is not None:
        if their is None or (mine is not None and mine[0] < their[0]):
            assert mine is not None
            added += mine[1]
            mine = next(ours, None)
        elif mine is None or their[0] < mine[0]:
            removed += their[1]
            their = next(theirs, None)
        else:
            added += max(0, mine[1] - their[1])
            removed += max(0, their[1] - mine[1])
            mine, their = next(ours, None), next(theirs, None)
    return added, removed, 0


def _hashes(side: Side, columns: list[str]) -> Iterator[tuple[bytes, int]]:
    statement = sql.SQL(
        "SELECT {} AS hash, count(*) FROM ONLY {} AS t GROUP BY 1 ORDER BY 1"
    ).format(row_hash(columns, "t"), side.table.identifier)
    for batch in _batches(side.connection, "vpdb_hashes", statement):
        for found, number in batch:
            yield bytes(found), number


def _batches(
    connection: Connection, name: str, statement: sql.Composed
) -> Iterator[list[tuple[Any, ...]]]:
    with closing(connection.cursor(name)) as cursor:
        cursor.itersize = _BATCH_ROWS
        cursor.execute(statement)
        while batch := cursor.fetchmany(_BATCH_ROWS):
            yield batch
