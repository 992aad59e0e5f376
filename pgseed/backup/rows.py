"""Gives the rows of a backup that was read before, block by block, to whoever loads them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from pgseed.backup.files import file_state, open_file, open_source
from pgseed.backup.insert_rows import insert_target, insert_tuples
from pgseed.backup.lexer import Lexer
from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.source import Source
from pgseed.errors import BackupRefused


def open_rows(backup: Backup, block: RowBlock) -> BinaryIO:
    """The bytes of one block: lines of COPY data without the end mark, or INSERT statements.

    Each call opens the file anew, so several threads may read at once. Raises BackupRefused, here
    or while reading, if the file is no longer the one that was read.
    """
    return cast("BinaryIO", _BlockReader(_source_at(backup, block.start), backup, block))


def insert_statements(
    backup: Backup, block: RowBlock, *, batch_bytes: int = 1024 * 1024
) -> Iterator[tuple[bytes, int]]:
    """The INSERT statements of a block in batches for the server, each with its number of rows.

    They are parsed again, so nothing but INSERTs of literals into the block's table goes out, even
    if the file has been replaced since. Set standard_conforming_strings to on in the session that
    executes them. A batch is at least one statement.
    """
    with block_lexer(backup, block) as lexer:
        yield from _batches(lexer, block, batch_bytes)


@contextmanager
def block_lexer(backup: Backup, block: RowBlock) -> Iterator[Lexer]:
    """The statements of a block, to be read token by token."""
    source = _source_at(backup, block.start)
    try:
        yield Lexer(_Limited(source, block, backup), line=block.line)
    finally:
        source.close()


def _batches(lexer: Lexer, block: RowBlock, batch_bytes: int) -> Iterator[tuple[bytes, int]]:
    batch: list[bytes] = []
    size = rows = 0
    while True:
        lexer.mark()
        lexer.blank()
        if lexer.pos == len(lexer.buffer):
            break
        if lexer.comment() is not None:
            continue
        lexer.mark()
        start = lexer.offset
        first = lexer.token()
        if first is None or not first.is_word("insert"):
            raise _changed(lexer.source)
        target = insert_target(lexer, block.schema, lexer.line())
        if (target.table, target.columns) != (block.table, block.columns):
            raise _changed(lexer.source)
        rows += insert_tuples(lexer, target)[1]
        text = lexer.buffer[start - lexer.base : lexer.pos]
        batch.append(text)
        size += len(text)
        if size >= batch_bytes:
            yield b"\n".join(batch), rows
            batch, size, rows = [], 0, 0
    if batch:
        yield b"\n".join(batch), rows


def _source_at(backup: Backup, offset: int) -> Source:
    """The backup's source with everything before `offset` already passed over."""
    file = open_file(backup.path)
    try:
        if file_state(file) != backup.file_state:
            raise BackupRefused(backup.path, "it has changed since it was read", remedy="Try again")
        source = open_source(backup.path, file)
        if backup.compression == "none" and backup.kind != "custom":
            file.seek(offset)
            source.consumed = source.produced = offset
        return source
    except BaseException:
        file.close()
        raise


def _changed(source: Source) -> BackupRefused:
    return BackupRefused(source.path, "it has changed since it was read", remedy="Try again")


class _Limited(Source):
    """A source from a block's start to its end."""

    def __init__(self, source: Source, block: RowBlock, backup: Backup) -> None:
        # Compression stays "none": what the lexer looks for at a compressed file's start is done.
        self.path, self.size = source.path, block.size
        self.consumed = self.produced = 0
        self._source, self._left = source, block.size
        self._skip = block.start - source.produced

    def read(self) -> bytes:
        while self._left:
            data = self._source.read()
            if not data:
                raise _changed(self._source)
            if self._skip:
                passed = min(self._skip, len(data))
                self._skip -= passed
                data = data[passed:]
            if data:
                data = data[: self._left]
                self._left -= len(data)
                return data
        return b""

    def close(self) -> None:
        self._source.close()


class _BlockReader(io.RawIOBase):
    def __init__(self, source: Source, backup: Backup, block: RowBlock) -> None:
        super().__init__()
        self._limited = _Limited(source, block, backup)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        if not self._rest:
            self._rest = memoryview(self._limited.read())
        data = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return data

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._limited.close()
        super().close()
