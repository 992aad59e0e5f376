"""Does a database differ from what was loaded into it? Quick and exact.

Every row carries the id of the transaction that wrote it (`xmin`). The stamp keeps the first id
that came after the load, and the number of rows. A table with as many rows as then, none of them
written since, is unchanged: a deleted row lowers the count, an inserted or updated one is new, and
neither VACUUM (also FULL) nor CLUSTER changes `xmin`. What was written since may hold the same
values as before, so such rows are compared with the template's. Where the template is gone, such
tables are named as changed: to keep too much is the safe side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import psycopg2.errors

from pgseed.changes.compare_rows import Side, Written, compare_table
from pgseed.databases.catalog import (
    Catalog,
    Table,
    catalog_differences,
    fingerprint,
    read_catalog,
    read_tables,
    table_counts,
    without_bulk_mode,
)
from pgseed.databases.stamp import Database, Stamp
from pgseed.errors import SeedError
from pgseed.queries import query, run
from pgseed.server import Connection, Server, pg_errors_as
from pgseed.units import count

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
        counts = {"added": self.added, "removed": self.removed, "changed": self.changed}
        parts = [f"{count(number)} {verb}" for verb, number in counts.items() if number]
        return f"{self.table} ({', '.join(parts)})" if parts else self.table


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the load: rows by table, and objects by name.

    `unknown`: the database was not made by a load, so there is nothing to compare with; its tables
    with rows are listed.
    """

    tables: tuple[TableChange, ...] = ()
    catalog: tuple[str, ...] = ()
    unknown: bool = False

    def __bool__(self) -> bool:
        return bool(self.tables or self.catalog)

    def describe(self, *, most: int = 4) -> str:
        """Return the changes in one line; empty when there are none."""
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


@dataclass(frozen=True, slots=True)
class Look:
    """How to look for changes.

    Without `detail`, tables whose number of rows differs are only named. `wait_s` bounds the wait
    for a table that a session keeps, or wants, for itself. `pristine` is the fingerprint of a
    database that no load has made and nobody has used.
    """

    detail: bool = True
    wait_s: float | None = None
    pristine: str = ""


def find_changes(
    server: Server, database: Database, template: Database | None, look: Look = Look()
) -> Changes:
    """Compare a database with its stamp, and, where rows were written, with its template.

    Raises TableLocked where a table stays locked for longer than the look may wait.
    """
    with (
        pg_errors_as(f"look for local changes in {database.name}"),
        server.session(database.name, purpose="look for changes", autocommit=False) as connection,
        ExitStack() as stack,
    ):
        # One snapshot for counts and rows.
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        stack.enter_context(_waiting_at_most(connection, database.name, look.wait_s))
        tables = read_tables(connection)
        stamp = database.stamp
        if stamp is None or not stamp.content_id:
            return _of_unknown(connection, tables, look.pristine)
        loaded = _Template(server, template.name, stack) if template else None
        return _Comparison(connection, tables, stamp, loaded, look.detail).changes()


class _Template:
    """The template that a database was cloned from: its rows and objects, as they were loaded.

    It is connected to once something of it is asked for: a clean database, the usual case, is
    found out by its stamp alone. `stack` ends the session.
    """

    def __init__(self, server: Server, template: str, stack: ExitStack) -> None:
        self._server, self._template, self._stack = server, template, stack

    @cached_property
    def connection(self) -> Connection:
        connection = self._stack.enter_context(
            self._server.session(self._template, purpose="compare", autocommit=False)
        )
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        return connection

    @cached_property
    def catalog(self) -> Catalog:
        return without_bulk_mode(read_catalog(self.connection))

    @cached_property
    def tables(self) -> dict[str, Table]:
        return read_tables(self.connection)


@dataclass(frozen=True)
class _Comparison:
    connection: Connection
    tables: Mapping[str, Table]
    stamp: Stamp
    loaded: _Template | None
    detail: bool

    @cached_property
    def states(self) -> dict[str, TableState]:
        age = age_of(self.connection, self.stamp.horizon)
        return table_states(self.connection, self.tables, age)

    def changes(self) -> Changes:
        suspects = suspect_tables(self.stamp.rows, self.states)
        found = (self._change_of(name) for name in suspects)
        return Changes(tuple(change for change in found if change), tuple(self._catalog_changes()))

    def _change_of(self, name: str) -> TableChange | None:
        then, now = self.stamp.rows.get(name), self.states.get(name)
        if now is None:  # the table itself is gone, which the catalog says too
            return TableChange(name, added=0, removed=then, changed=0) if then else None
        if then is None:
            return TableChange(name, added=now.rows, removed=0, changed=0) if now.rows else None
        if self.loaded is None or (now.rows != then and not self.detail):
            return TableChange(name)
        there = self.loaded.tables.get(name)
        if there is None:
            return TableChange(name)
        counts = compare_table(
            Side(self.connection, self.tables[name]),
            Side(self.loaded.connection, there),
            Written(self.stamp.horizon, rows=now.rows, rows_then=then),
        )
        return TableChange(name, *counts) if any(counts) else None

    def _catalog_changes(self) -> list[str]:
        catalog = without_bulk_mode(read_catalog(self.connection))
        if fingerprint(catalog) == self.stamp.catalog:
            return []
        if self.loaded is None:
            return ["objects of the schema"]
        # Where nothing differs, some other version took the fingerprint.
        return catalog_differences(self.loaded.catalog, catalog)


@contextmanager
def _waiting_at_most(connection: Connection, database: str, wait_s: float | None) -> Iterator[None]:
    if wait_s is None:
        yield
        return
    run(connection, f"SET LOCAL lock_timeout = '{wait_s * 1000:.0f}ms'")
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        raise TableLocked(
            f"failed to look for local changes in {database}: {_holder(connection)} keeps a table"
            " for itself, or waits to. `python -m vpdb monitor` shows it"
        ) from None


def _holder(connection: Connection) -> str:
    connection.rollback()
    found = [f"process {pid} ({name})" for pid, name in run(connection, query("table_holder"))]
    return found[0] if found else "a session"


def suspect_tables(then: Mapping[str, int], now: Mapping[str, TableState]) -> list[str]:
    """Name the tables whose rows may differ; the others are surely as they were loaded."""
    return [
        name
        for name in sorted({*then, *now})
        if name not in then or name not in now or now[name].rows != then[name] or now[name].written
    ]


def age_of(connection: Connection, horizon: int) -> int:
    """Return the age that an `xmin` at the horizon has here: younger ones came later.

    Where ids have gone too far to tell, every row counts as younger.
    """
    ((passed, age),) = run(
        connection,
        f"SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 - {horizon:d},"
        f" age('{horizon % 2**32:d}'::xid)",
    )
    # age() counts back from the next id, which stays the same within a transaction.
    return int(age) if 0 <= passed < _HORIZON_REACH else _HORIZON_REACH - 1


def table_states(
    connection: Connection, tables: Mapping[str, Table], age: int
) -> dict[str, TableState]:
    """Count rows, and those whose `xmin` is no older than `age`, one scan a table."""
    counts = f"count(*), count(*) FILTER (WHERE age(xmin) <= {age:d})"
    found = table_counts(connection, tables, counts)
    return {name: TableState(rows, new) for name, rows, new in found}


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
