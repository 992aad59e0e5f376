"""The floor: the same bytes by COPY into tables without index, key, constraint or default.

Two connections the way ours go, frozen rows, no write-ahead log: no load that ends in
PostgreSQL tables can be faster by much. What it leaves is not a usable database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO

from psycopg2 import sql

from pgseed.backup.model import RowBlock
from vpdb.server.docker_server import DockerServer

_CHUNK_BYTES = 256 * 1024
_CONNECTIONS = 2


def load_bare(
    server: DockerServer, database: str, backup: Path, blocks: Sequence[RowBlock]
) -> float:
    """Fill bare copies of the tables; `blocks` say where their rows are. Gives seconds."""
    waiting: SimpleQueue[RowBlock] = SimpleQueue()
    for block in sorted(blocks, key=lambda block: block.start - block.end):
        waiting.put(block)
    for block in blocks:
        _create_bare(server, database, block)
    start = time.perf_counter()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for done in [
            pool.submit(_fill, server, database, backup, waiting) for _ in range(_CONNECTIONS)
        ]:
            done.result()
    return time.perf_counter() - start


def _create_bare(server: DockerServer, database: str, block: RowBlock) -> None:
    with server.session(database) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS bare"))
        cursor.execute(
            sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                sql.Identifier("bare", block.table),
                _columns(block),
                sql.Identifier(block.schema, block.table),
            )
        )


def _fill(
    server: DockerServer, database: str, backup: Path, waiting: SimpleQueue[RowBlock]
) -> None:
    with server.session(database, autocommit=False) as connection:
        while (block := _next(waiting)) is not None:
            table = sql.Identifier("bare", block.table)
            with connection.cursor() as cursor, backup.open("rb") as file:
                # Emptied in this transaction, so COPY may freeze rows and skip the log.
                cursor.execute(sql.SQL("TRUNCATE {}").format(table))
                file.seek(block.start)
                cursor.copy_expert(
                    sql.SQL("COPY {} ({}) FROM STDIN WITH (FREEZE)").format(table, _columns(block)),
                    _Part(file, block.size),
                    _CHUNK_BYTES,
                )
            connection.commit()


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
