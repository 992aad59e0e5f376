"""The tables of a dump and their order, decided from the catalog's values alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pgseed.errors import SeedError
from pgseed.sql_names import qualified_name, quote_name


class DumpRefused(SeedError):
    """The database does not fit what a dump of it would be restored into."""


@dataclass(frozen=True, slots=True)
class SortColumn:
    name: str
    collated: bool = False
    by_text: bool = False

    @property
    def expression(self) -> str:
        """What to sort by, the same whatever collation the database or the column has."""
        name = quote_name(self.name)
        if self.by_text:
            name += "::text"
        return f'{name} COLLATE "C"' if self.collated or self.by_text else name


@dataclass(frozen=True, slots=True)
class DumpTable:
    """A table as the catalog describes it; `size_bytes` on disk, without its indexes."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    key: tuple[SortColumn, ...] = ()
    size_bytes: int = 0
    has_insert_triggers: bool = False

    @property
    def qualified(self) -> str:
        return qualified_name(self.schema, self.name)

    @property
    def column_list(self) -> str:
        return ", ".join(map(quote_name, self.columns))

    @property
    def query(self) -> str:
        """The COPY that gives its rows in order. ONLY, as pg_dump does."""
        # Without a key by all columns as text, so that equal rows stay together.
        key = self.key or tuple(SortColumn(column, by_text=True) for column in self.columns)
        by = ", ".join(column.expression for column in key)
        order = f" ORDER BY {by}" if self.columns else ""
        return f"COPY (SELECT {self.column_list} FROM ONLY {self.qualified}{order}) TO STDOUT"


@dataclass(frozen=True, slots=True)
class Order:
    """Tables so that rows come after the rows they refer to; `cyclic` ones cannot be so ordered."""

    tables: tuple[DumpTable, ...]
    cyclic: frozenset[int]

    @property
    def needs_replica_role(self) -> bool:
        """Whether rows can go in as they are only with triggers off."""
        return bool(self.cyclic) or any(table.has_insert_triggers for table in self.tables)


def order_tables(tables: Iterable[DumpTable], references: Collection[tuple[int, int]]) -> Order:
    """Order tables by name, each behind the ones it refers to (pairs of oids: from, to).

    A reference of a table to itself does not count: a COPY is checked when all its rows are in.
    In a cycle the table with the fewest outstanding references, then the first by name, goes next.
    """
    waiting = {table.oid: table for table in tables}
    needs: dict[int, set[int]] = {oid: set() for oid in waiting}
    for origin, to in references:
        if origin != to and origin in waiting and to in waiting:
            needs[origin].add(to)
    ordered: list[DumpTable] = []
    cyclic: set[int] = set()

    def rank(table: DumpTable) -> tuple[int, bytes]:
        return len(needs[table.oid] & waiting.keys()), table.name.encode()

    while waiting:
        table = min(waiting.values(), key=rank)
        if needs[table.oid] & waiting.keys():
            cyclic.add(table.oid)
        del waiting[table.oid]
        ordered.append(table)
    return Order(tuple(ordered), frozenset(cyclic))


def check_fits(tables: Iterable[DumpTable], expected: Mapping[str, Collection[str]]) -> None:
    """Refuse tables and columns that `expected` (qualified table -> columns) does not have."""
    unknown = []
    for table in tables:
        known = expected.get(table.qualified)
        if known is None:
            unknown.append(f"table {table.qualified}")
            continue
        foreign = (quote_name(column) for column in table.columns if column not in known)
        unknown += [f"column {table.qualified}.{column}" for column in foreign]
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if unknown[5:] else "")
        raise DumpRefused(
            f"failed to dump the database: the project's schema does not have {shown}. Add it"
            " there, or drop it from the database, and dump again"
        )
