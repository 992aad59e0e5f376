"""The rows of a backup that was read before, block by block, for whoever loads or compares them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO, cast

from pgseed.backup.copy_text import copy_line
from pgseed.backup.files import file_state, open_file, open_source
from pgseed.backup.insert_rows import DEFAULT_VALUES, insert_target, insert_tuples
from pgseed.backup.lexer import Lexer
from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.source import Source
from pgseed.backup.statement import Target
from pgseed.errors import BackupRefused

_READ_BYTES = 256 * 1024


def open_rows(backup: Backup, block: RowBlock) -> BinaryIO:
    """The bytes of one block: lines of COPY data without the end mark, or INSERT statements.

    Several threads may read at once. Raises BackupRefused, here or later, if the file has changed.
    """
    return cast("BinaryIO", _BlockFile(_BlockSource(backup, block)))


class _BlockSource(Source):
    """The text from a block's start to its end."""

    def __init__(self, backup: Backup, block: RowBlock) -> None:
        file = open_file(backup.path)
        # Compression stays "none": what the lexer looks for at a compressed file's start is done.
        super().__init__(backup.path, file, block.size)
        try:
            if file_state(file) != backup.file_state:
                raise self.changed()
            self._source = open_source(backup.path, file)
        except BaseException:
            file.close()
            raise
        self._skip, self._left = block.start, block.size
        self._state = backup.file_state
        if backup.compression == "none" and backup.kind != "custom":
            file.seek(block.start)
            self._skip = 0

    def read(self) -> bytes:
        while self._left:
            data = self._source.read()
            if not data:
                raise self.changed()
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed : passed + self._left]
            if data:
                self._left -= len(data)
                return data
        # Overwritten in place while its rows were on their way: these may be another file's.
        if file_state(self._file) != self._state:
            raise self.changed()
        return b""

    def changed(self) -> BackupRefused:
        return self._refused("it has changed since it was read", "Try again")


class _BlockFile(io.RawIOBase):
    """A block as a file for COPY FROM STDIN."""

    def __init__(self, source: _BlockSource) -> None:
        super().__init__()
        self._source, self._rest = source, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(self._source.read())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        self._source.close()
        super().close()


def insert_statements(
    backup: Backup, block: RowBlock, *, batch_bytes: int = 1024 * 1024
) -> Iterator[tuple[bytes, int]]:
    """The INSERT statements of a block in batches for the server, each with its number of rows.

    Parsed again, so nothing but INSERTs of literals into the block's table goes out. Their session
    needs standard_conforming_strings = on. A batch is at least one statement.
    """
    batch: list[bytes] = []
    size = rows = 0
    for text, _, tuples in _inserts(backup, block):
        batch.append(text)
        size += len(text)
        rows += len(tuples)
        if size >= batch_bytes:
            yield b"\n".join(batch), rows
            batch, size, rows = [], 0, 0
    if batch:
        yield b"\n".join(batch), rows


def line_batches(backup: Backup, block: RowBlock) -> Iterator[list[bytes]]:
    """The rows of a block as lines of COPY text without line feeds, some thousand at a time."""
    if block.form == "insert":
        for _, target, tuples in _inserts(backup, block):
            no_columns = target.overriding == DEFAULT_VALUES
            yield [b"" if no_columns else copy_line(literals) for literals in tuples]
        return
    rest = b""
    with open_rows(backup, block) as rows:
        while chunk := rows.read(_READ_BYTES):
            lines = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
            rest = lines.pop()
            yield lines


def _inserts(backup: Backup, block: RowBlock) -> Iterator[tuple[bytes, Target, list[bytes]]]:
    """Parse a block's statements again: the text, the target and the tuples of each."""
    with closing(_BlockSource(backup, block)) as source:
        lexer = Lexer(source, line=block.line)
        while True:
            lexer.mark()
            lexer.blank()
            if lexer.pos == len(lexer.buffer):
                return
            if lexer.comment() is not None:
                continue
            lexer.mark()
            start = lexer.offset
            first = lexer.token()
            if first is None or not first.is_word("insert"):
                raise source.changed()
            target = insert_target(lexer, block.schema, lexer.line())
            if (target.table, target.columns) != (block.table, block.columns):
                raise source.changed()
            tuples = insert_tuples(lexer, target)
            yield lexer.buffer[start - lexer.base : lexer.pos], target, tuples
