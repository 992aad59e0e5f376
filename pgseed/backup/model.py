"""What a backup file holds, as plain values: where its rows are, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pgseed.sql_names import qualified_name

# Device, inode, size in bytes, modification time in ns.
FileState = tuple[int, int, int, int]
Kind = Literal["data-only", "full", "custom"]
Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class RowBlock:
    """The rows one COPY statement, or a run of INSERT statements, puts into one table.

    `start` and `end` are byte offsets in the uncompressed file: the lines of COPY data without the
    closing `\\.`, or everything from the first `INSERT` to the last `;`. Row n of COPY data stands
    at `line` + n. `digest` is the SHA-256 of the rows alone. `columns` is None where the statement
    names none.
    """

    form: Literal["copy", "insert"]
    schema: str
    table: str
    columns: tuple[str, ...] | None
    line: int
    start: int
    end: int
    rows: int
    digest: str = ""

    @property
    def name(self) -> str:
        return qualified_name(self.schema, self.table)

    @property
    def size(self) -> int:
        """Bytes of the uncompressed file."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class SequenceValue:
    """What `setval` sets: the next value is `value` itself, or the one after it if `is_called`."""

    schema: str
    sequence: str
    value: int
    is_called: bool
    line: int = 0

    @property
    def name(self) -> str:
        return qualified_name(self.schema, self.sequence)


@dataclass(frozen=True, slots=True)
class SkippedStatement:
    """A statement that was read over and is never executed; `text` is its beginning, printable."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup file that was read to its end and found to hold nothing but data.

    `data_hash` is over rows, column lists and sequence values; comments, settings, restrict tokens
    and compression leave it unchanged. `file_state` tells whether the file is still the one that
    was read.
    """

    path: Path
    kind: Kind
    compression: Compression
    blocks: tuple[RowBlock, ...]
    sequence_values: tuple[SequenceValue, ...]
    data_hash: str
    size_bytes: int
    uncompressed_bytes: int
    skipped: tuple[SkippedStatement, ...] = ()
    notices: tuple[str, ...] = ()
    schema: str = ""
    file_state: FileState = field(default=(0, 0, 0, 0), compare=False)

    @property
    def tables(self) -> dict[str, int]:
        """Rows per table, summed over its blocks, in the order the file first names them."""
        rows: dict[str, int] = {}
        for block in self.blocks:
            rows[block.name] = rows.get(block.name, 0) + block.rows
        return rows

    @property
    def rows(self) -> int:
        return sum(block.rows for block in self.blocks)
