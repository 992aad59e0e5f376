"""The floor: the same bytes by COPY into tables without index, key, constraint or default.

Two connections the way ours go, frozen rows, no write-ahead log: no load that ends in
PostgreSQL tables can be faster by much. What it leaves is not a usable database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO

import psycopg2
from psycopg2 import sql

from benchmarks.stack import SCHEMA, Stack
from pgseed.backup.model import RowBlock
from pgseed.backup.reader import read_backup

_DATABASE = "bench_bare"
_CHUNK_BYTES = 256 * 1024
_CONNECTIONS = 2


@dataclass(frozen=True)
class BareCopy:
    """A copy of the live database whose tables' bare twins are filled; `blocks` are the rows."""

    stack: Stack
    url: str = field(repr=False)
    backup: Path
    blocks: Sequence[RowBlock]

    @classmethod
    def of(cls, stack: Stack) -> BareCopy:
        stack.copy_database(_DATABASE)
        blocks = read_backup(stack.backup, schema=SCHEMA).blocks
        largest_first = sorted(blocks, key=lambda block: block.start - block.end)
        return cls(stack, stack.superuser_url(_DATABASE), stack.backup, largest_first)

    def empty(self) -> None:
        """Make the bare tables anew."""
        statements = [
            sql.SQL("DROP SCHEMA IF EXISTS bare CASCADE"),
            sql.SQL("CREATE SCHEMA bare"),
            *(
                sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                    sql.Identifier("bare", block.table),
                    _columns(block),
                    sql.Identifier(block.schema, block.table),
                )
                for block in self.blocks
            ),
        ]
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("; ").join(statements))
        connection.close()
        self.stack.checkpoint()

    def load(self) -> float:
        """Fill the bare tables; return the seconds."""
        waiting: SimpleQueue[RowBlock] = SimpleQueue()
        for block in self.blocks:
            waiting.put(block)
        start = time.perf_counter()
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for done in [pool.submit(self._fill, waiting) for _ in range(_CONNECTIONS)]:
                done.result()
        return time.perf_counter() - start

    def _fill(self, waiting: SimpleQueue[RowBlock]) -> None:
        connection = psycopg2.connect(self.url)
        while (block := _next(waiting)) is not None:
            table = sql.Identifier("bare", block.table)
            with connection, connection.cursor() as cursor, self.backup.open("rb") as file:
                # Emptied in this transaction, so COPY may freeze rows and skip the log.
                cursor.execute(sql.SQL("TRUNCATE {}").format(table))
                file.seek(block.start)
                cursor.copy_expert(
                    sql.SQL("COPY {} ({}) FROM STDIN WITH (FREEZE)").format(table, _columns(block)),
                    _Part(file, block.size),
                    _CHUNK_BYTES,
                )
        connection.close()


def _next(waiting: SimpleQueue[RowBlock]) -> RowBlock | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None


class _Part:
    """A file's next `size` bytes as a file of its own."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece

    def readline(self, _size: int = -1, /) -> bytes:
        raise NotImplementedError("psycopg2's COPY only reads")


def _columns(block: RowBlock) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, block.columns or ()))
