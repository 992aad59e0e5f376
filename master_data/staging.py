"""From a CSV file into a temporary table: values are judged on the way, rows travel by COPY."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO

import psycopg2
from psycopg2 import extensions, sql

from master_data.ahead import Ahead
from master_data.catalog import Facts
from master_data.csv_file import Batch, CsvFile
from master_data.faults import Rejection, shown
from master_data.tables import Column
from master_data.values import ValueRefused, Values, converted, copy_text
from pgseed.progress import Progress, quiet

STAGED = sql.Identifier("pg_temp", "staged_rows")
REJECTED = sql.Identifier("pg_temp", "rejected_rows")

# Lines for COPY, and how far into the file they reach, in bytes.
Chunk = tuple[bytes, int]
_END: Chunk = (b"", -1)

_BATCH_ROWS = 4_000
_BATCHES_AHEAD = 8
# A whole batch at a time: each read waits for the thread that makes the next one to give way.
_READ_BYTES = 16 << 20


class Reading:
    """A file whose values are judged and made ready for COPY.

    Rows that break a rule which needs no database are kept apart in a temporary file.
    """

    def __init__(self, file: CsvFile) -> None:
        self.file = file
        self.delivered = tuple(c for c in file.table.columns if c.name in file.columns)
        self._refused = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115
        self.chunks = _Judge(file, self.delivered, self._refused).chunks()

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._refused.close()

    def stage(self, cursor: extensions.cursor, facts: Facts, progress: Progress = quiet) -> int:
        """Fill the staging tables, one of rows and one of reasons to reject; how many of those.

        Raises CsvRefused.
        """
        _create_tables(cursor, facts, self.delivered)
        stream = _Stream(self._in_steps(progress))
        copy = "COPY {} FROM STDIN WITH (NULL '', ENCODING 'UTF8')"
        try:
            cursor.copy_expert(sql.SQL(copy).format(STAGED), stream, size=_READ_BYTES)
        except psycopg2.Error:
            # psycopg2 answers with an error of its own to what happens while it reads.
            if stream.error:
                raise stream.error from None
            raise
        found = 0
        if self._refused.tell():
            self._refused.seek(0)
            cursor.copy_expert(sql.SQL(copy).format(REJECTED), self._refused)
            found = cursor.rowcount
        # Nobody gathers statistics of temporary tables by themselves, and joins go wrong without;
        # those of long texts would cost most and help nobody.
        joined = [c.name for c in self.delivered if c.reference or c.name in self.file.table.key]
        cursor.execute(
            sql.SQL("ANALYZE {} ({})").format(
                STAGED, sql.SQL(", ").join(map(sql.Identifier, joined))
            )
        )
        return found

    def _in_steps(self, progress: Progress) -> Iterator[bytes]:
        for lines, position in self.chunks:
            yield lines
            progress(f"read {self.file.path.name}", position, self.file.size_bytes)


@contextmanager
def read_ahead(files: Iterable[CsvFile]) -> Iterator[list[Reading]]:
    """Begin to read files, some batches ahead of their use, which must be in the same order.

    One thread for all of them: several would hold the interpreter in turns of 5 ms each, and every
    answer of the database would wait for all of these.
    """
    with ExitStack() as stack:
        readings = [stack.enter_context(Reading(file)) for file in files]
        ahead = Ahead(_in_turn([reading.chunks for reading in readings]), depth=_BATCHES_AHEAD)
        chunks = iter(stack.enter_context(ahead))
        for reading in readings:
            reading.chunks = iter(partial(next, chunks), _END)
        yield readings


def _in_turn(files: Iterable[Iterator[Chunk]]) -> Iterator[Chunk]:
    for chunks in files:
        yield from chunks
        yield _END


def _create_tables(cursor: extensions.cursor, facts: Facts, delivered: tuple[Column, ...]) -> None:
    columns: list[sql.Composable] = [sql.SQL("line integer")]
    for column in delivered:
        # A reference arrives as the other row's key; its id is looked up later.
        type_name = "text" if column.reference else facts.types[column.target]
        columns.append(sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(type_name)))
    cursor.execute(
        sql.SQL(
            """
            DROP TABLE IF EXISTS {staged}, {rejected};
            CREATE TEMPORARY TABLE staged_rows ({columns}) ON COMMIT DROP;
            CREATE TEMPORARY TABLE rejected_rows
                (line integer, column_name text, rule text, reason text) ON COMMIT DROP
            """
        ).format(staged=STAGED, rejected=REJECTED, columns=sql.SQL(", ").join(columns))
    )


class _Judge:
    """Turns records into lines for COPY, a batch at a time, and sorts out the refused ones."""

    def __init__(self, file: CsvFile, delivered: tuple[Column, ...], spool: IO[str]) -> None:
        self._file = file
        self._places = [(column, file.columns.index(column.name)) for column in delivered]
        self._values = {column.name: Values(column) for column in delivered}
        self._refused = spool

    def chunks(self) -> Iterator[Chunk]:
        for batch in self._file.batches(rows=_BATCH_ROWS):
            judged = self._as_one(batch)
            if judged is None:
                judged = self._one_by_one(batch)
            lines = "\n".join(map("\t".join, judged))
            yield (f"{lines}\n" if lines else "").encode(), batch.position

    def _as_one(self, batch: Batch) -> Iterable[tuple[str, ...]] | None:
        """The batch column by column, or None if something in it is wrong."""
        width = len(self._file.columns)
        if any(len(record) != width for record in batch.records):
            return None
        by_column = tuple(zip(*batch.records, strict=True))
        judged: list[Sequence[str]] = [list(map(str, batch.lines))]
        for column, place in self._places:
            values = self._values[column.name].copy_texts(by_column[place])
            if values is None:
                return None
            judged.append(values)
        return zip(*judged, strict=True)

    def _one_by_one(self, batch: Batch) -> Iterator[tuple[str, ...]]:
        """The same for a batch with faults in it: every fault is told."""
        for line, record in zip(batch.lines, batch.records, strict=True):
            faults = list(judge_record(self._file, line, record, self._places))
            for fault in faults:
                told = (str(line), fault.column, fault.rule, fault.reason)
                self._refused.write("\t".join(map(copy_text, told)) + "\n")
            if not faults:
                values = (converted(column, record[place]) for column, place in self._places)
                yield (str(line), *map(copy_text, values))


def judge_record(
    file: CsvFile, line: int, record: list[str], places: list[tuple[Column, int]]
) -> Iterator[Rejection]:
    """Every rule that a record breaks by itself."""
    if len(record) != len(file.columns):
        yield Rejection(
            line,
            "",
            "fields",
            f"has {len(record)} fields where the header has {len(file.columns)}"
            f" (delimiter {shown(file.delimiter)})",
        )
        return
    for column, place in places:
        try:
            converted(column, record[place])
        except ValueRefused as refused:
            yield Rejection(line, column.name, refused.rule, str(refused))


class _Stream(io.RawIOBase):
    """Chunks as a file, for `copy_expert`: nothing is held but the chunk at hand."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)
