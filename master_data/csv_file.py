"""CSV files as they come: from spreadsheets, databases and hands."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from master_data.faults import CsvRefused, shown
from master_data.tables import TABLES, Column, Table

# Written in front of rejected rows; ignored when such a file is mended and loaded again.
REJECTED_COLUMNS = ("rejected_line", "rejected_because")

_DELIMITERS = (",", ";", "\t")
_BATCH_BYTES = 2 << 20
_CHUNK = 1 << 20
_SPREADSHEET_HINT = re.compile(r"sep=(.)\s*", re.IGNORECASE)
# What `surrogateescape` makes of bytes that are not UTF-8 (PEP 383).
_ESCAPED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows, the lines they begin on, and how far into the file they reach, in bytes."""

    lines: list[int]
    records: list[list[str]]
    position: int


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file that was looked at; `columns` are those of its header, spelled as the table's."""

    path: Path
    table: Table
    encoding: str
    delimiter: str
    header_line: int
    columns: tuple[str, ...]
    size_bytes: int
    sha256: str

    @property
    def delivered(self) -> tuple[Column, ...]:
        """The table's columns that the file has, in the order of the table."""
        return tuple(column for column in self.table.columns if column.name in self.columns)

    def batches(self, *, rows: int) -> Iterator[Batch]:
        """Read the rows below the header in batches, without the empty ones. Raises CsvRefused."""
        with self.path.open("rb") as binary:
            text = io.TextIOWrapper(binary, encoding=self.encoding, newline="")
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            line = began_at = 0
            lines: list[int] = []
            records: list[list[str]] = []
            try:
                for record in reader:
                    began, line = line + 1, reader.line_num
                    if began <= self.header_line or not any(record):
                        continue
                    lines.append(began)
                    records.append(record)
                    # Now and then, also by size: rows with long texts must not pile up.
                    if len(records) == rows or (
                        len(records) % 64 == 0 and binary.tell() - began_at > _BATCH_BYTES
                    ):
                        began_at = binary.tell()
                        yield Batch(lines, records, began_at)
                        lines, records = [], []
            except csv.Error as error:
                raise CsvRefused(self.path, _csv_fault(error), line=line + 1) from None
            except UnicodeDecodeError:
                cause = f"a character at or soon behind this line is not {self.encoding}"
                raise CsvRefused(self.path, cause, line=reader.line_num + 1) from None
            if records:
                yield Batch(lines, records, self.size_bytes)


def find_files(folder: Path) -> tuple[Path, ...]:
    """Find the CSV files in a folder that belong to a table, in the order in which to load them."""
    return in_load_order(path for path in sorted(folder.glob("*.csv")) if _table_of(path))


def in_load_order(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Put files of referred tables first; CsvRefused for a file that belongs to no table."""
    return tuple(sorted(paths, key=lambda path: TABLES.index(_known_table(path))))


def _known_table(path: Path) -> Table:
    table = _table_of(path)
    if table is None:
        known = ", ".join(known.file_name for known in TABLES)
        raise CsvRefused(path, "its name stands for no table", remedy=f"Known names: {known}")
    return table


def _table_of(path: Path) -> Table | None:
    """Return the table that a file is for: `products.csv`, also `products_2026-11.csv`."""
    stem = path.name.lower().removesuffix(".csv")
    for table in TABLES:
        rest = stem.removeprefix(table.name)
        if stem.startswith(table.name) and not rest[:1].isalnum():
            return table
    return None


def look_at(path: Path, *, encoding: str | None = None) -> CsvFile:
    """Find out encoding (unless given), delimiter and columns of a file. Raises CsvRefused."""
    table = _known_table(path)
    try:
        with path.open("rb") as stream:
            beginning = stream.read(3)
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            size_bytes = stream.tell()
        found = _encoding(path, beginning)
    except OSError as error:
        raise CsvRefused(path, error.strerror or str(error)) from None
    encoding = encoding or found
    if not size_bytes:
        raise CsvRefused(path, "the file is empty", remedy=_expected(table))
    delimiter, header_line, columns = _header(path, table, encoding)
    return CsvFile(path, table, encoding, delimiter, header_line, columns, size_bytes, sha256)


def _encoding(path: Path, beginning: bytes) -> str:
    """Guess from a mark at the beginning, else UTF-8 or, where nothing is UTF-8, Windows-1252."""
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    with path.open("rb") as stream, suppress(UnicodeDecodeError):
        for _ in codecs.iterdecode(iter(partial(stream.read, _CHUNK), b""), "utf-8"):
            pass
        return "utf-8-sig" if beginning.startswith(codecs.BOM_UTF8) else "utf-8"
    damaged_line, proper = 0, False
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            rest = _ESCAPED.sub("", line)
            if len(rest) < len(line):
                damaged_line = damaged_line or number
            proper = proper or not rest.isascii()
    if not proper:
        return "cp1252"
    cause = "a character is damaged: the file is UTF-8, this line is not"
    remedy = "Save the file as UTF-8 again where it comes from"
    raise CsvRefused(path, cause, line=damaged_line, remedy=remedy)


def _header(path: Path, table: Table, encoding: str) -> tuple[str, int, tuple[str, ...]]:
    """Read delimiter, line number and columns of the header."""
    try:
        with path.open(encoding=encoding, newline="") as stream:
            first = stream.readline()
            hint = _SPREADSHEET_HINT.fullmatch(first)
            if hint:
                first = stream.readline()
    except UnicodeError:
        raise CsvRefused(path, f"it is not {encoding}", line=1) from None
    known = {column.name for column in table.columns}
    read = [(d, _names(path, first, d)) for d in ([hint[1]] if hint else _DELIMITERS)]
    delimiter, columns = max(read, key=lambda found: len(known.intersection(found[1])))
    header_line = 2 if hint else 1
    _judge_columns(path, table, header_line, columns)
    return delimiter, header_line, columns


def _names(path: Path, first: str, delimiter: str) -> tuple[str, ...]:
    try:
        record = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise CsvRefused(path, _csv_fault(error), line=1) from None
    return tuple(name.strip().lower() for name in record)


def _judge_columns(path: Path, table: Table, line: int, columns: tuple[str, ...]) -> None:
    def refused(cause: str, column: str = "", remedy: str = "") -> CsvRefused:
        return CsvRefused(path, cause, line=line, column=column, remedy=remedy)

    known = {column.name for column in table.columns}
    expected = _expected(table)
    if not known.intersection(columns):
        raise refused("this line holds none of the column names", remedy=expected)
    for position, name in enumerate(columns):
        if name not in known and name not in REJECTED_COLUMNS:
            raise refused("this column is not known", shown(name), expected)
        if name in columns[:position]:
            raise refused("this column is there twice", name)
    for column in table.columns:
        if not column.optional and not column.defaulted and column.name not in columns:
            raise refused("this required column is missing", column.name, expected)


def _expected(table: Table) -> str:
    return f"Expected columns: {', '.join(column.name for column in table.columns)}"


def _csv_fault(error: csv.Error) -> str:
    """Word an error of the csv module: it does not say that quotation marks are the matter."""
    message = str(error)
    if "unexpected end" in message:
        return "a quotation mark is opened here or above and never closed"
    if "field larger" in message:
        most = f"{csv.field_size_limit():,} characters"
        return f"a value is longer than {most}; look for a quotation mark that is never closed"
    if "expected after" in message:
        return "text stands behind a closing quotation mark; one inside a value is written twice"
    return message
