"""The generated data as files: CSVs to load, and the backup that a dump of them would be."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from master_data.tables import IMPORT_LOG, TABLES, Column, Table
from pgseed.backup.model import SequenceValue
from pgseed.dumping import dump_text
from pgseed.dumping.tables import DumpTable, order_tables
from sample_data.generator import KEY_OF_ID, Row, Size, rows

_SCHEMA = "vpv4"
_COPY_ESCAPES = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\b": r"\b", "\f": r"\f", "\v": r"\v"}
)
_LINES_A_WRITE = 2_000


def generate_csvs(out_dir: Path, scale: float = 1) -> dict[str, int]:
    """Write a CSV file for each table, whole or not at all; return the rows of each."""
    size = Size.of(scale)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = {}
    for table in TABLES:
        with _replaced(out_dir / table.file_name) as stream:
            # "\n" also on Windows: the same bytes everywhere.
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(column.name for column in table.columns)
            count = 0
            for count, row in enumerate(_csv_rows(table, size), start=1):  # noqa: B007
                writer.writerow(row)
            written[table.name] = count
    return written


def write_backup(path: Path, scale: float = 1) -> dict[str, int]:
    """Write the backup that a dump of the generated data gives; return the rows of each table.

    At scale 1 this is `backups/production_backup_data_only.sql`, byte for byte.
    """
    size = Size.of(scale)
    known = {table.name: table for table in (*TABLES, IMPORT_LOG)}
    written: dict[str, int] = {}
    with _replaced(path) as stream:
        stream.write(dump_text.header(replica=False))
        for table in _dump_order(known):
            produced = rows(known[table.name], size) if known[table.name] in TABLES else iter(())
            stream.write(dump_text.table_header(table))
            written[table.name] = 0
            while some := list(islice(produced, _LINES_A_WRITE)):
                stream.write("".join(map(_copy_line, some)))
                written[table.name] += len(some)
            stream.write(dump_text.TABLE_FOOTER)
        for name, described in sorted(known.items()):
            if described.identity:
                # Ids count from 1; a sequence that was never used gives 1 next.
                sequence = f"{name}_{described.identity}_seq"
                value = SequenceValue(_SCHEMA, sequence, max(1, written[name]), written[name] > 0)
                stream.write(dump_text.sequence_text(value))
        stream.write(dump_text.footer(replica=False))
    return written


def _dump_order(known: dict[str, Table]) -> tuple[DumpTable, ...]:
    oids = {name: oid for oid, name in enumerate(known, start=1)}
    references = {
        (oids[table.name], oids[column.reference.table])
        for table in known.values()
        for column in table.columns
        if column.reference
    }
    found = [DumpTable(oids[name], _SCHEMA, name, known[name].row_columns) for name in known]
    return order_tables(found, references).tables


def _csv_rows(table: Table, size: Size) -> Iterator[list[str]]:
    converters = [_csv_value(column) for column in table.columns]
    skipped = 1 if table.identity else 0
    for row in rows(table, size):
        # Behind the values of the CSV a row has its timestamps.
        pairs = zip(converters, row[skipped:], strict=False)
        yield ["" if value is None else convert(value) for convert, value in pairs]


def _csv_value(column: Column) -> Callable[[str], str]:
    if column.reference:
        key_of_id = KEY_OF_ID[column.reference.table]
        return lambda value: key_of_id(int(value))
    if column.kind == "boolean":
        return {"t": "true", "f": "false"}.__getitem__
    if column.kind == "decimal" and column.scale > 2:
        return lambda value: value.rstrip("0").rstrip(".")
    return str


def _copy_line(row: Row) -> str:
    return "\t".join("\\N" if v is None else v.translate(_COPY_ESCAPES) for v in row) + "\n"


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only once it is complete."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
