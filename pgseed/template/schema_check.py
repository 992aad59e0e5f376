"""Does a backup fit the schema? Asked before a row moves, answered with line and remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
        if fault := _fault(block, tables.get(block.name)):
            raise _refusal(backup, block.line, *fault)
    for value in backup.sequence_values:
        if (value.schema, value.sequence) not in sequences:
            cause = f"it sets sequence {value.name}, which the schema does not have"
            raise _refusal(backup, value.line, cause, "Create the sequence")


def _fault(block: RowBlock, table: Table | None) -> tuple[str, str] | None:
    """Say why a table does not take some rows, if so, and what to do in the schema."""
    if table is None:
        return f"it holds rows of {block.name}, which the schema does not have", "Create the table"
    if block.columns is None:
        return None
    known = {column.name: column for column in table.columns}
    if surplus := [name for name in block.columns if name not in known]:
        return f"column {_listed(surplus)} of {block.name} is not in the schema", "Add the column"
    if computed := [name for name in block.columns if known[name].generated]:
        return (
            f"it brings values for {_listed(computed)} of {block.name}, which the schema computes",
            "Make it an ordinary column",
        )
    missing = [c.name for c in table.columns if c.is_required and c.name not in block.columns]
    if missing and block.rows:
        return (
            f"it has no values for {_listed(missing)} of {block.name}, which must not be null",
            "Give the column a default",
        )
    return None


def _listed(names: Collection[str]) -> str:
    return ", ".join(quote_name(name) for name in names)


def _refusal(backup: Backup, line: int, cause: str, change: str) -> BackupRefused:
    remedy = (
        f"{change} in 02-create-schema.sql, or write the backup anew from a database that has this"
        " schema"
    )
    return BackupRefused(backup.path, cause, line=line, remedy=remedy)
