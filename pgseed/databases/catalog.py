"""What a database's catalog says: its tables, and a fingerprint of everything in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from pgseed.queries import query, run
from pgseed.server import Connection
from pgseed.sql_names import qualified_name

# Kind and name -> definition; definitions hold no object ids.
Catalog = Mapping[tuple[str, str], str]

# Storage options that bulk mode sets and takes back; they change no row and no query's answer.
_BULK_OPTION = re.compile(r"\.(toast\.)?(autovacuum_\w+|log_autovacuum_\w+|vacuum_\w+)$")


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    not_null: bool
    has_default: bool
    generated: bool

    @property
    def is_required(self) -> bool:
        return self.not_null and not self.has_default and not self.generated


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table, a partition, or (kind "p") a partitioned table."""

    oid: int
    schema: str
    name: str
    kind: str
    root: int
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        return qualified_name(self.schema, self.name)

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def read_catalog(connection: Connection) -> Catalog:
    """Describe every object in the database, as texts that two databases made alike share."""
    rows = run(connection, query("catalog"))
    return {(kind, name): definition or "" for kind, name, definition in rows}


def without_bulk_mode(catalog: Catalog) -> Catalog:
    """Leave out what bulk mode sets: it alone is no local change."""
    return {
        key: definition
        for key, definition in catalog.items()
        if not (key[0] == "option" and _BULK_OPTION.search(key[1]))
    }


def fingerprint(catalog: Catalog) -> str:
    """Hash a catalog: 32 hex digits, the same for the same objects."""
    digest = hashlib.sha256()
    for (kind, name), definition in sorted(catalog.items()):
        for part in (kind, name, definition):
            encoded = part.encode()
            digest.update(b"%d:" % len(encoded) + encoded)
    return digest.hexdigest()[:32]


def catalog_differences(before: Catalog, after: Catalog) -> list[str]:
    """Name what was added, removed or altered, as `added index vpv4.x`, in order of names."""
    lines = []
    for key in sorted(set(before) | set(after), key=lambda k: (k[1], k[0])):
        if before.get(key) != after.get(key):
            verb = "added" if key not in before else "removed" if key not in after else "altered"
            lines.append(f"{verb} {key[0]} {key[1]}")
    return lines


def read_tables(connection: Connection) -> dict[str, Table]:
    """Give the users' tables by their name as SQL needs it."""
    found = [
        Table(oid, schema, name, kind, root, tuple(Column(**column) for column in columns))
        for oid, schema, name, kind, root, columns in run(connection, query("tables"))
    ]
    return {table.qualified: table for table in found}


def count_rows(connection: Connection, tables: Mapping[str, Table]) -> dict[str, int]:
    """Count the rows of every table that holds some itself (partitioned ones do not)."""
    return dict(table_counts(connection, tables, "count(*)"))


def table_counts(
    connection: Connection, tables: Mapping[str, Table], counts: str
) -> list[tuple[Any, ...]]:
    """Return every such table's name with these counts, one scan a table."""
    selects = [
        sql.SQL("SELECT {}, {} FROM ONLY {}").format(
            sql.Literal(table.qualified), sql.SQL(counts), table.identifier
        )
        for table in tables.values()
        if table.kind == "r"
    ]
    return run(connection, sql.SQL(" UNION ALL ").join(selects)) if selects else []
