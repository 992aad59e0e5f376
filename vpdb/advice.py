"""Advice in words on what data/analyze-performance.sql shows in tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg2.extensions
from psycopg2 import sql

from pgseed import units
from pgseed.queries import run
from vpdb.queries import query, rows

Kind = TypeVar("Kind")

# Below these, advice would be about noise.
_YOUNG_S = 3600
_MANY_ROWS = 10_000
_MANY_DEAD = 1_000
_MANY_SCANS = 50
_LARGE_INDEX_BYTES = 1 << 20
_SLOW_S = 0.5
_FEW_HITS = 0.90
_ENOUGH_BLOCKS = 100_000


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    blocks_hit: int
    blocks_read: int
    temp_files: int
    temp_bytes: int
    deadlocks: int
    counted_s: float
    work_mem: str
    shared_buffers: str
    statements_schema: str | None
    """Where pg_stat_statements is; None without it."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    name: str
    rows: int
    dead_rows: int
    changed_rows: int
    analyzed: bool
    sequential_scans: int
    rows_read: int
    index_scans: int
    autovacuum_off: bool


@dataclass(frozen=True, slots=True)
class UnusedIndex:
    name: str
    table_name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BareForeignKey:
    """A foreign key without an index; `remedy` is the statement that makes one."""

    table_name: str
    name: str
    remedy: str
    rows: int


@dataclass(frozen=True, slots=True)
class StatementTimes:
    """A statement's times in seconds, and its share (0 to 1) of all time counted."""

    query: str
    calls: int
    mean_s: float
    total_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Performance:
    database: DatabaseFacts
    tables: Sequence[TableFacts] = ()
    unused: Sequence[UnusedIndex] = ()
    foreign_keys: Sequence[BareForeignKey] = ()
    statements: Sequence[StatementTimes] = ()


def collect(connection: psycopg2.extensions.connection, schema: str) -> Performance:
    """Read the counters of one schema of the database at hand."""

    def read(name: str, kind: type[Kind]) -> list[Kind]:
        return [kind(**row) for row in rows(connection, name, {"schema": schema})]

    (database,) = read("analyze_database", DatabaseFacts)
    statements = []
    if database.statements_schema:
        place = sql.Identifier(database.statements_schema)
        statement = sql.SQL(query("analyze_statements")).format(extension=place)
        statements = [StatementTimes(*row) for row in run(connection, statement)]
    return Performance(
        database=database,
        tables=read("analyze_tables", TableFacts),
        unused=read("analyze_unused_indexes", UnusedIndex),
        foreign_keys=read("analyze_foreign_keys", BareForeignKey),
        statements=statements,
    )


def advise(found: Performance) -> list[str]:
    """Draw the advice, the most useful first; empty when there is nothing to say."""
    return [
        *_on_statements(found.statements),
        *_on_missing_indexes(found),
        *_on_care(found.tables),
        *_on_memory(found.database),
        *_on_unused(found),
        *_on_the_counters(found.database),
    ]


def _on_statements(statements: Sequence[StatementTimes]) -> Iterator[str]:
    for one in statements[:3]:
        if one.share > 0.5 and one.calls > 1 and one.total_s > 1:
            yield (
                f"One statement takes {one.share:.0%} of all time ({units.count(one.calls)} calls,"
                f" {units.duration(one.mean_s)} each): {one.query}. Look at it with"
                " EXPLAIN (ANALYZE, BUFFERS), and whether it need be asked so often."
            )
        elif one.mean_s > _SLOW_S:
            yield (
                f"A statement takes {units.duration(one.mean_s)} on average"
                f" ({units.count(one.calls)} calls): {one.query}. Look at it with"
                " EXPLAIN (ANALYZE, BUFFERS)."
            )


def _on_missing_indexes(found: Performance) -> Iterator[str]:
    for key in found.foreign_keys:
        yield (
            f"{key.table_name}: foreign key {key.name} has no index, so a changed or deleted key"
            f" reads all {units.count(key.rows)} rows. {key.remedy}; (in"
            " postgres/init/02-create-schema.sql)."
        )
    for table in found.tables:
        scans = table.sequential_scans
        if scans < _MANY_SCANS or scans <= table.index_scans:
            continue
        if table.rows_read / scans < _MANY_ROWS:
            continue
        yield (
            f"{table.name} is read from end to end more often than by index"
            f" ({units.count(scans)} against {units.count(table.index_scans)} times,"
            f" {units.count(table.rows_read / scans)} rows each). Index the columns that WHERE"
            " names."
        )


def _on_care(tables: Sequence[TableFacts]) -> Iterator[str]:
    for table in tables:
        dead = table.dead_rows
        if dead > _MANY_DEAD and dead > 0.2 * (table.rows + dead):
            share = dead / (table.rows + dead)
            yield (
                f"{table.name} is {share:.0%} dead rows ({units.count(dead)}). VACUUM {table.name};"
            )
        if table.rows > _MANY_DEAD and not table.analyzed:
            yield f"{table.name} was never analyzed: the planner guesses. ANALYZE {table.name};"
        elif table.changed_rows > max(_MANY_DEAD, 0.2 * table.rows):
            yield (
                f"{table.name} has {units.count(table.changed_rows)} rows changed since it was"
                f" analyzed. ANALYZE {table.name};"
            )
    off = [table.name for table in tables if table.autovacuum_off]
    if off:
        yield (
            f"Autovacuum is off for {', '.join(off)}. If no load is under way:"
            " python -m vpdb bulk off"
        )


def _on_memory(database: DatabaseFacts) -> Iterator[str]:
    blocks = database.blocks_hit + database.blocks_read
    if blocks > _ENOUGH_BLOCKS and database.blocks_hit / blocks < _FEW_HITS:
        yield (
            f"Only {database.blocks_hit / blocks:.0%} of blocks came from memory. Raise"
            f" shared_buffers ({database.shared_buffers}) in postgres/velpharma.conf."
        )
    if database.temp_files:
        yield (
            f"{units.count(database.temp_files)} sorts or joins did not fit into work_mem"
            f" ({database.work_mem}) and wrote {units.size(database.temp_bytes)} to disk. Raise it"
            " for the session that does it: SET work_mem = '64MB';"
        )
    if database.deadlocks:
        yield (
            f"{units.count(database.deadlocks)} deadlocks. Take locks in the same order everywhere;"
            " python -m vpdb logs names the statements."
        )


def _on_unused(found: Performance) -> Iterator[str]:
    if found.database.counted_s < _YOUNG_S:
        return
    for index in found.unused:
        if index.bytes >= _LARGE_INDEX_BYTES:
            yield (
                f"{index.name} on {index.table_name} ({units.size(index.bytes)}) was not used for"
                f" {units.duration(found.database.counted_s)}, and every INSERT pays for it. If"
                f" nobody needs it: DROP INDEX {index.name};"
            )


def _on_the_counters(database: DatabaseFacts) -> Iterator[str]:
    if database.counted_s < _YOUNG_S:
        yield (
            f"The counters run for {units.duration(database.counted_s)} only (a reload begins them"
            " anew): look again after a day's work."
        )
    if not database.statements_schema:
        yield (
            "Slow statements are not counted: the extension pg_stat_statements is missing from"
            " postgres/init/03-create-extensions.sql."
        )
