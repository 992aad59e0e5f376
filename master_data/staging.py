"""From a CSV file into a temporary table: values are judged on the way, rows travel by COPY."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

import psycopg2
from psycopg2 import extensions, sql

from master_data.csv_file import Batch, CsvFile
from master_data.faults import shown
from master_data.live_table import LiveTable
from master_data.queries import query
from master_data.values import Values, copy_text
from pgseed.progress import Progress

_BATCH_ROWS = 4_000
# More than a batch takes, but for very long rows: psycopg2 asks once for each.
_READ_BYTES = 16 << 20
_COMMA = sql.SQL(", ")
_COPY = "COPY pg_temp.%s FROM STDIN WITH (NULL '', ENCODING 'UTF8')"


def stage(cursor: extensions.cursor, table: LiveTable, file: CsvFile, progress: Progress) -> int:
    """Fill the staging tables of rows and of reasons to reject; return how many reasons."""
    columns: list[sql.Composable] = [sql.SQL("line integer")]
    for column in file.delivered:
        # A reference arrives as the other row's key; its id is looked up later.
        type_name = "text" if column.reference else table.types[column.target]
        columns.append(sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(type_name)))
    cursor.execute(query("create_staging", columns=_COMMA.join(columns)))
    found = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as spool:
        stream = _Stream(_Judge(file, spool).lines(progress))
        try:
            cursor.copy_expert(_COPY % "staged_rows", stream, size=_READ_BYTES)
        except psycopg2.Error:
            # psycopg2 answers with an error of its own to what happens while it reads.
            if stream.error:
                raise stream.error from None
            raise
        if spool.tell():
            spool.seek(0)
            cursor.copy_expert(_COPY % "rejected_rows", spool)
            found = cursor.rowcount
    # Temporary tables have no statistics unless somebody asks for them, and joins go wrong without;
    # those of long texts would cost most and help nobody.
    joined = [c.name for c in file.delivered if c.reference or c.name in file.table.key]
    analyze = sql.SQL("ANALYZE pg_temp.staged_rows ({})")
    cursor.execute(analyze.format(_COMMA.join(map(sql.Identifier, joined))))
    return found


class _Judge:
    """Turns a file's records into lines for COPY, and writes the refused ones to `spool`."""

    def __init__(self, file: CsvFile, spool: IO[str]) -> None:
        self._file = file
        self._spool = spool
        self._places = [(Values(c), file.columns.index(c.name)) for c in file.delivered]

    def lines(self, progress: Progress) -> Iterator[bytes]:
        for batch in self._file.batches(rows=_BATCH_ROWS):
            yield "\n".join([*map("\t".join, self._good_rows(batch)), ""]).encode()
            progress(f"read {self._file.path.name}", batch.position, self._file.size_bytes)

    def _good_rows(self, batch: Batch) -> Iterable[tuple[str, ...]]:
        """Judge a batch column by column; of a row with faults every one is told."""
        lines, records = self._complete(batch)
        if not lines:
            return ()
        by_column = tuple(zip(*records, strict=True))
        columns: list[Sequence[str]] = [list(map(str, lines))]
        bad: set[int] = set()
        for values, place in self._places:
            texts, refused = values.copy_texts(by_column[place])
            columns.append(texts)
            bad.update(refused)
            for number, fault in refused.items():
                self._refuse(lines[number], values.column.name, fault.rule, str(fault))
        rows = zip(*columns, strict=True)
        return (row for number, row in enumerate(rows) if number not in bad) if bad else rows

    def _complete(self, batch: Batch) -> tuple[Sequence[int], Sequence[list[str]]]:
        """Return the records that have as many fields as the header, behind their lines."""
        width = len(self._file.columns)
        if all(len(record) == width for record in batch.records):
            return batch.lines, batch.records
        lines, records = [], []
        for line, record in zip(batch.lines, batch.records, strict=True):
            if len(record) == width:
                lines.append(line)
                records.append(record)
                continue
            reason = f"has {len(record)} fields where the header has {width}"
            self._refuse(line, "", "fields", f"{reason} (delimiter {shown(self._file.delimiter)})")
        return lines, records

    def _refuse(self, line: int, *told: str) -> None:
        self._spool.write("\t".join((str(line), *map(copy_text, told))) + "\n")


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file, for `copy_expert`: nothing is held but the piece at hand."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._pieces)
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        part, self._rest = self._rest[:size], self._rest[size:]
        return part
