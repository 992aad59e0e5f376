"""Does a backup fit the schema? Asked before a row moves, answered with line and remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pgseed.databases.catalog import Table
from pgseed.errors import BackupRefused
from pgseed.sql_names import quote_name

if TYPE_CHECKING:
    from pgseed.backup.model import Backup, RowBlock


def check_fit(
    backup: Backup, tables: Mapping[str, Table], sequences: Collection[tuple[str, str]]
) -> None:
    """Compare the backup's tables, columns and sequences with the schema's.

    A column that the backup lacks is fine where it may be null or has a default. Raises
    BackupRefused with the line of the first that is not.
    """
    for block in backup.blocks:
        table = tables.get(block.name)
        if table is None:
            raise BackupRefused(
                backup.path,
                f"it holds rows of {block.name}, which the schema does not have",
                line=block.line,
                remedy=_remedy("Create the table in 02-create-schema.sql"),
            )
        if block.columns is not None:
            _check_columns(backup.path, block, table)
    for value in backup.sequence_values:
        if (value.schema, value.sequence) not in sequences:
            raise BackupRefused(
                backup.path,
                f"it sets sequence {value.name}, which the schema does not have",
                line=value.line,
                remedy=_remedy("Create the sequence in 02-create-schema.sql"),
            )


def _check_columns(path: Path, block: RowBlock, table: Table) -> None:
    named = block.columns or ()
    known = {column.name: column for column in table.columns}
    surplus = [name for name in named if name not in known]
    if surplus:
        raise BackupRefused(
            path,
            f"column {_listed(surplus)} of {block.name} is not in the schema",
            line=block.line,
            remedy=_remedy("Add the column in 02-create-schema.sql"),
        )
    computed = [name for name in named if known[name].generated]
    if computed:
        raise BackupRefused(
            path,
            f"it brings values for {_listed(computed)} of {block.name}, which the schema computes",
            line=block.line,
            remedy=_remedy("Make it an ordinary column in 02-create-schema.sql"),
        )
    missing = [c.name for c in table.columns if c.is_required and c.name not in named]
    if missing and block.rows:
        raise BackupRefused(
            path,
            f"it has no values for {_listed(missing)} of {block.name}, which must not be null",
            line=block.line,
            remedy=_remedy("Give the column a default in 02-create-schema.sql"),
        )


def _listed(names: Collection[str]) -> str:
    return ", ".join(quote_name(name) for name in names)


def _remedy(change: str) -> str:
    return f"{change}, or write the backup anew from a database that has this schema"
