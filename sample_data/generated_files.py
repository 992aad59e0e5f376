"""The generated data as files: CSVs to load, and the backup that a dump of them would be."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from master_data import tables
from master_data.tables import TABLES, Column, Table
from pgseed.backup.model import SequenceValue
from pgseed.dumping import dump_text
from pgseed.dumping.tables import DumpTable, order_tables
from sample_data.generator import KEY_OF_ID, Row, Size, rows

_SCHEMA = "vpv4"

_COPY_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "\t": "\\t",
        "\n": "\\n",
        "\r": "\\r",
        "\b": "\\b",
        "\f": "\\f",
        "\v": "\\v",
    }
)

_LINES_A_WRITE = 2_000


def generate_csvs(out_dir: Path, scale: float = 1) -> dict[str, int]:
    """Write one CSV file for every table into `out_dir`; the rows of each, by table.

    The same scale always gives the same bytes. A file is replaced whole or not at all.
    Raises ValueError for a scale of zero or below.
    """
    size = Size.of(scale)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = {}
    for table in TABLES:
        with _replaced(out_dir / table.file_name) as stream:
            # "\n" also on Windows: the same bytes everywhere.
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(column.name for column in table.columns)
            written[table.name] = _count(writer.writerow, _csv_rows(table, size))
    return written


def write_backup(path: Path, scale: float = 1) -> dict[str, int]:
    """Write the backup that a dump of the generated data gives; the rows of each table.

    At scale 1 this is `backups/production_backup_data_only.sql`, byte for byte.
    Raises ValueError for a scale of zero or below.
    """
    size = Size.of(scale)
    written: dict[str, int] = {}
    with _replaced(path) as stream:
        stream.write(dump_text.header(replica=False))
        for table in _dump_order():
            stream.write(dump_text.table_header(table))
            written[table.name] = _write_copy_rows(stream, _dump_rows(table.name, size))
            stream.write(dump_text.TABLE_FOOTER)
        for name, identity in sorted(_identities().items()):
            # Ids count from 1; a sequence that was never used gives 1 next.
            value = SequenceValue(
                _SCHEMA, f"{name}_{identity}_seq", max(1, written[name]), written[name] > 0
            )
            stream.write(dump_text.sequence_text(value))
        stream.write(dump_text.footer(replica=False))
    return written


def _dump_order() -> tuple[DumpTable, ...]:
    columns = {table.name: table.row_columns for table in TABLES}
    columns[tables.IMPORT_LOG] = tables.IMPORT_LOG_COLUMNS
    oids = {name: oid for oid, name in enumerate(columns, start=1)}
    references = {
        (oids[table.name], oids[column.reference.table])
        for table in TABLES
        for column in table.columns
        if column.reference
    }
    found = [DumpTable(oids[name], _SCHEMA, name, listed) for name, listed in columns.items()]
    return order_tables(found, references).tables


def _dump_rows(name: str, size: Size) -> Iterable[Row]:
    return next((rows(table, size) for table in TABLES if table.name == name), ())


def _identities() -> dict[str, str]:
    found = {table.name: table.identity for table in TABLES if table.identity}
    return {**found, tables.IMPORT_LOG: tables.IMPORT_LOG_IDENTITY}


def _csv_rows(table: Table, size: Size) -> Iterator[list[str]]:
    converters = [_csv_value(column) for column in table.columns]
    skipped = 1 if table.identity else 0
    for row in rows(table, size):
        values = row[skipped : skipped + len(converters)]
        yield [
            "" if value is None else convert(value)
            for convert, value in zip(converters, values, strict=True)
        ]


def _csv_value(column: Column) -> Callable[[str], str]:
    if column.reference:
        key_of_id = KEY_OF_ID[column.reference.table]
        return lambda value: key_of_id(int(value))
    if column.kind == "boolean":
        return {"t": "true", "f": "false"}.__getitem__
    if column.kind == "decimal" and column.scale > 2:
        return lambda value: value.rstrip("0").rstrip(".")
    return str


def _write_copy_rows(stream: IO[str], produced: Iterable[Row]) -> int:
    written = 0
    lines: list[str] = []
    for row in produced:
        lines.append(
            "\t".join("\\N" if v is None else v.translate(_COPY_ESCAPES) for v in row) + "\n"
        )
        if len(lines) == _LINES_A_WRITE:
            written += len(lines)
            stream.write("".join(lines))
            lines.clear()
    stream.write("".join(lines))
    return written + len(lines)


def _count(write: Callable[[list[str]], object], produced: Iterable[list[str]]) -> int:
    count = 0
    for row in produced:
        write(row)
        count += 1
    return count


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    """A text file that takes its name only once it is complete."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
