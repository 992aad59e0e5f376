"""Reading CSV files as they come: from spreadsheets, databases and hands."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from master_data.faults import CsvRefused, shown
from master_data.tables import TABLES, Table

REJECTED_COLUMNS = ("rejected_line", "rejected_because")
"""Written in front of rejected rows; ignored when such a file is mended and loaded again."""

_DELIMITERS = (",", ";", "\t")
_CHUNK = 1 << 20
_BATCH_BYTES = 2 << 20
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
    """A CSV file that was looked at: how it is written and what its columns are.

    `columns` are the names of the header, in file order, in the spelling of the table.
    """

    path: Path
    table: Table
    encoding: str
    delimiter: str
    header_line: int
    columns: tuple[str, ...]
    size_bytes: int
    sha256: str

    def batches(self, *, rows: int) -> Iterator[Batch]:
        """The rows below the header, some thousands at a time; empty ones are left out.

        Raises CsvRefused where quotation marks or characters are damaged.
        """
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
                raise CsvRefused(self.path, _csv_fault(str(error)), line=line + 1) from None
            except UnicodeDecodeError:
                raise CsvRefused(
                    self.path,
                    f"a character at or soon behind this line is not {self.encoding}",
                    line=reader.line_num + 1,
                ) from None
            if records:
                yield Batch(lines, records, self.size_bytes)


def find_files(folder: Path) -> tuple[Path, ...]:
    """The CSV files in a folder that belong to a table, in the order in which to load them."""
    found = [path for path in sorted(folder.glob("*.csv")) if _table_of(path) is not None]
    return in_load_order(found)


def in_load_order(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Files of referred tables first; CsvRefused for a file that belongs to no table."""
    positions = {table.name: position for position, table in enumerate(TABLES)}
    return tuple(sorted(paths, key=lambda path: positions[table_of(path).name]))


def table_of(path: Path) -> Table:
    """The table that a file is for: `products.csv`, also `products_2026-11.csv`."""
    table = _table_of(path)
    if table is None:
        known = ", ".join(known.file_name for known in TABLES)
        raise CsvRefused(path, "its name stands for no table", remedy=f"Known names: {known}")
    return table


def _table_of(path: Path) -> Table | None:
    stem = path.name.lower().removesuffix(".csv")
    for table in TABLES:
        rest = stem.removeprefix(table.name)
        if stem.startswith(table.name) and (not rest or not rest[0].isalnum()):
            return table
    return None


def look_at(path: Path, *, encoding: str | None = None) -> CsvFile:
    """Find out encoding, delimiter and columns of a file, reading it once.

    `encoding` overrides the guess. Raises CsvRefused.
    """
    table = table_of(path)
    try:
        found, digest, size_bytes = _scan(path)
    except OSError as error:
        raise CsvRefused(path, error.strerror or str(error)) from None
    encoding = encoding or found
    if not size_bytes:
        raise CsvRefused(path, "the file is empty", remedy=f"Expected columns: {_expected(table)}")
    delimiter, header_line, columns = _header(path, table, encoding)
    return CsvFile(path, table, encoding, delimiter, header_line, columns, size_bytes, digest)


def _scan(path: Path) -> tuple[str, str, int]:
    """Encoding, sha256 and size. UTF-8 unless there is a mark or something that is not UTF-8."""
    digest = hashlib.sha256()
    size_bytes = 0
    encoding = "utf-8"
    fits = True
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if not size_bytes:
                encoding = _marked_encoding(chunk)
                fits = encoding != "utf-16"
            digest.update(chunk)
            size_bytes += len(chunk)
            if fits:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    fits = False
        if fits:
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                fits = False
    if not fits and encoding != "utf-16":
        encoding = _other_encoding(path)
    return encoding, digest.hexdigest(), size_bytes


def _other_encoding(path: Path) -> str:
    """Windows' western encoding, if no character is UTF-8; else the file is damaged."""
    damaged_line = 0
    proper = False
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.isascii():
                rest = _ESCAPED.sub("", line)
                proper = proper or not rest.isascii()
                if len(rest) < len(line):
                    damaged_line = damaged_line or number
    if proper:
        raise CsvRefused(
            path,
            "a character is damaged: the file is UTF-8, this line is not",
            line=damaged_line,
            remedy="Save the file as UTF-8 again where it comes from",
        )
    return "cp1252"


def _marked_encoding(beginning: bytes) -> str:
    if beginning.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8"


def _header(path: Path, table: Table, encoding: str) -> tuple[str, int, tuple[str, ...]]:
    """Delimiter, line number and columns of the header."""
    try:
        with path.open(encoding=encoding, newline="") as stream:
            first = stream.readline()
            header_line = 1
            hint = _SPREADSHEET_HINT.fullmatch(first)
            if hint:
                first = stream.readline()
                header_line = 2
    except UnicodeError:
        raise CsvRefused(path, f"it is not {encoding}", line=1) from None
    known = {column.name for column in table.columns}
    candidates = [hint[1]] if hint else _DELIMITERS
    delimiter, columns = max(
        ((d, _names(path, first, d)) for d in candidates),
        key=lambda found: len(known.intersection(found[1])),
    )
    _judge_columns(path, table, header_line, columns)
    return delimiter, header_line, columns


def _names(path: Path, first: str, delimiter: str) -> tuple[str, ...]:
    try:
        record = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise CsvRefused(path, _csv_fault(str(error)), line=1) from None
    return tuple(name.strip().lower() for name in record)


def _judge_columns(path: Path, table: Table, line: int, columns: tuple[str, ...]) -> None:
    known = {column.name for column in table.columns}
    expected = f"Expected columns: {_expected(table)}"
    if not known.intersection(columns):
        raise CsvRefused(
            path, "this line holds none of the column names", line=line, remedy=expected
        )
    for position, name in enumerate(columns):
        if name not in known and name not in REJECTED_COLUMNS:
            raise CsvRefused(
                path, "this column is not known", line=line, column=shown(name), remedy=expected
            )
        if name in columns[:position]:
            raise CsvRefused(path, "this column is there twice", line=line, column=name)
    for column in table.columns:
        if column.required and not column.defaulted and column.name not in columns:
            raise CsvRefused(
                path,
                "this required column is missing",
                line=line,
                column=column.name,
                remedy=expected,
            )


def _expected(table: Table) -> str:
    return ", ".join(column.name for column in table.columns)


def _csv_fault(message: str) -> str:
    """The csv module's words for people: they do not say that quotation marks are the matter."""
    if "unexpected end" in message:
        return "a quotation mark is opened here or above and never closed"
    if "field larger" in message:
        return (
            f"a value is longer than {csv.field_size_limit():,} characters;"
            " look for a quotation mark that is never closed"
        )
    if "expected after" in message:
        return "text stands behind a closing quotation mark; one inside a value is written twice"
    return message
