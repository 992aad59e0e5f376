"""Does a database differ from what was loaded into it? Quick and exact.

Every row carries the id of the transaction that wrote it (`xmin`). The stamp keeps the first id
that came after the load, and the number of rows. A table with as many rows as then, none of them
written since, is unchanged: a deleted row lowers the count, an inserted or updated one is new, and
neither VACUUM (also FULL) nor CLUSTER changes `xmin`. What was written since may hold the same
values as before, so such rows are compared with the template's. The same goes for the rows of the
catalogs: only where one was written since, or is gone, is the catalog's fingerprint taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg2.errors
import psycopg2.extensions
from psycopg2 import sql

from pgseed.changes.compare_rows import compare_table
from pgseed.changes.loaded_rows import Reference
from pgseed.databases.catalog import (
    Table,
    catalog_differences,
    fingerprint,
    read_catalog,
    read_tables,
    without_bulk_mode,
)
from pgseed.databases.stamp import Stamp
from pgseed.errors import SeedError
from pgseed.queries import query
from pgseed.server import Server, told_as
from pgseed.units import count

Connection = psycopg2.extensions.connection

# Ids are compared as differences of 32 bits; from half of their range on nothing is certain.
_HORIZON_REACH = 2**31


class TableLocked(SeedError):
    """A session has, or waits for, a table for itself alone, so nobody else can read it."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """How a table's rows differ; None where they could not be, or were not, counted."""

    table: str
    added: int | None = None
    removed: int | None = None
    changed: int | None = None

    def describe(self) -> str:
        parts = [
            f"{count(number)} {verb}"
            for number, verb in (
                (self.added, "added"),
                (self.removed, "removed"),
                (self.changed, "changed"),
            )
            if number
        ]
        return f"{self.table} ({', '.join(parts)})" if parts else self.table


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the load: rows by table, and objects by name.

    `unknown`: the database was not made by a load of this project, so there is nothing to compare
    with; its tables with rows are listed.
    """

    tables: tuple[TableChange, ...] = ()
    catalog: tuple[str, ...] = ()
    unknown: bool = False

    def __bool__(self) -> bool:
        return bool(self.tables or self.catalog)

    def describe(self, *, most: int = 4) -> str:
        """Word the changes in one line; empty when there are none."""
        parts = [table.describe() for table in self.tables] + list(self.catalog)
        shown = parts[:most]
        if len(parts) > most:
            shown.append(f"{len(parts) - most} more")
        return ", ".join(shown)


NO_CHANGES = Changes()


@dataclass(frozen=True, slots=True)
class TableState:
    """A table's rows now, and how many of them were written after the load."""

    rows: int
    written: int


def changes_in(
    server: Server,
    database: str,
    stamp: Stamp | None,
    *,
    reference: Reference | None = None,
    pristine: str = "",
    detail: bool = True,
    wait_s: float | None = None,
) -> Changes:
    """Compare a database with its stamp, and, where rows were written, with the reference.

    `wait_s` bounds the wait for a table that a session keeps, or wants, for itself; TableLocked
    after it.

    Without a stamp it is unchanged only if it holds no row and its catalog has the fingerprint
    `pristine`. Without `detail`, tables whose number of rows differs are only named. Without a
    reference, so are all where rows were written.
    """
    with (
        told_as(f"look for local changes in {database}"),
        server.session(database, purpose="look for changes", autocommit=False) as connection,
        ExitStack() as stack,
    ):
        # One snapshot for counts and rows.
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        stack.enter_context(_waiting_at_most(connection, database, wait_s))
        tables = read_tables(connection)
        if stamp is None or not stamp.content_id:
            return _of_unknown(connection, tables, pristine)
        age = age_of(connection, stamp.horizon)
        states = table_states(connection, tables, age)
        suspects = suspect_tables(stamp.rows, states)
        found = []
        for name in suspects:
            change = _change_of(connection, name, tables, states, stamp, reference, detail)
            if change is not None:
                found.append(change)
        return Changes(tuple(found), tuple(_catalog_changes(connection, stamp, age, reference)))


@contextmanager
def _waiting_at_most(connection: Connection, database: str, wait_s: float | None) -> Iterator[None]:
    if wait_s is None:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{wait_s * 1000:.0f}ms",))
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        raise TableLocked(
            f"failed to look for local changes in {database}: a session keeps a table for itself,"
            " or waits to. `python -m vpdb monitor` shows which"
        ) from None


def suspect_tables(then: Mapping[str, int], now: Mapping[str, TableState]) -> list[str]:
    """Name the tables whose rows may differ; the others are surely as they were loaded."""
    return [
        name
        for name in sorted({*then, *now})
        if name not in then or name not in now or now[name].rows != then[name] or now[name].written
    ]


def age_of(connection: Connection, horizon: int) -> int:
    """Give the age that an `xmin` at the horizon has in this transaction: younger ones came later.

    Where ids have gone too far to tell, every row counts as younger.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 - %s, age(%s::xid)",
            (horizon, str(horizon % 2**32)),
        )
        ((passed, age),) = cursor.fetchall()
    # age() counts back from the next id, which stays the same within a transaction.
    return int(age) if 0 <= passed < _HORIZON_REACH else _HORIZON_REACH - 1


def table_states(
    connection: Connection, tables: Mapping[str, Table], age: int
) -> dict[str, TableState]:
    """Count rows, and those whose `xmin` is no older than `age`, one scan a table."""
    holders = [table for table in tables.values() if table.kind == "r"]
    if not holders:
        return {}
    counts = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, count(*), count(*) FILTER (WHERE age(xmin) <= {}) FROM ONLY {}").format(
            sql.Literal(table.qualified), sql.Literal(age), table.identifier
        )
        for table in holders
    )
    with connection.cursor() as cursor:
        cursor.execute(counts)
        return {name: TableState(rows, new) for name, rows, new in cursor.fetchall()}


def catalog_state(connection: Connection, age: int) -> TableState:
    """Count the rows of all catalogs that describe objects, and those no older than `age`."""
    with connection.cursor() as cursor:
        cursor.execute(query("catalog_rows"), {"age": age})
        ((rows, written),) = cursor.fetchall()
    return TableState(rows, written)


def _catalog_changes(
    connection: Connection, stamp: Stamp, age: int, reference: Reference | None
) -> list[str]:
    """Name the objects that differ from those loaded."""
    if stamp.catalog_rows and catalog_state(connection, age) == TableState(stamp.catalog_rows, 0):
        return []
    catalog = without_bulk_mode(read_catalog(connection))
    if fingerprint(catalog) == stamp.catalog:
        return []
    if reference is not None and reference.catalog:
        # Some other version of this tool may have taken the fingerprint.
        return catalog_differences(reference.catalog, catalog)
    return ["objects of the schema"]


def _change_of(
    connection: Connection,
    name: str,
    tables: Mapping[str, Table],
    states: Mapping[str, TableState],
    stamp: Stamp,
    reference: Reference | None,
    detail: bool,
) -> TableChange | None:
    then, now = stamp.rows.get(name), states.get(name)
    if now is None:  # the table itself is gone, which the catalog says too
        return TableChange(name, added=0, removed=then, changed=0) if then else None
    if then is None:
        return TableChange(name, added=now.rows, removed=0, changed=0) if now.rows else None
    if (now.rows != then and not detail) or reference is None:
        return TableChange(name)
    table = tables[name]
    loaded = reference.table(table)
    if loaded is None:
        return TableChange(name)
    counts = compare_table(
        connection,
        table,
        reference.connection,
        loaded,
        horizon=stamp.horizon,
        rows=now.rows,
        rows_then=then,
    )
    return TableChange(name, *counts) if any(counts) else None


def _of_unknown(connection: Connection, tables: Mapping[str, Table], pristine: str) -> Changes:
    states = table_states(connection, tables, 0)
    catalog = without_bulk_mode(read_catalog(connection))
    filled = tuple(
        TableChange(name, added=state.rows, removed=0, changed=0)
        for name, state in states.items()
        if state.rows
    )
    altered = () if fingerprint(catalog) == pristine else ("a schema that no load has made",)
    return Changes(filled, altered, unknown=True)
