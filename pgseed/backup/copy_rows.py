"""Passes over the lines of a COPY statement: finds their end, counts, hashes and checks them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from pgseed.backup import limits
from pgseed.backup.lexer import CRLF_REMEDY, Lexer
from pgseed.backup.model import RowBlock
from pgseed.backup.statement import Statement, Target

_MARK = b"\\."


def copy_target(statement: Statement, schema: str) -> Target:
    """COPY schema.table (columns) FROM stdin. Raises BackupRefused for every other COPY."""
    statement.expect("copy")
    if statement.accept("("):
        raise statement.refused("COPY of a query writes, a backup only brings rows")
    name, table, columns = statement.target(schema)
    if not statement.accept("from"):
        raise statement.refused("COPY … TO writes, a backup only brings rows")
    if statement.accept("program"):
        raise statement.refused("COPY FROM PROGRAM would run a command on the server")
    if not statement.accept("stdin"):
        raise statement.refused("COPY from a file would read the server's disk")
    statement.end()
    return Target(name, table, columns)


def copy_block(
    lexer: Lexer, target: Target, progress: Callable[[], None]
) -> tuple[RowBlock, hashlib._Hash]:
    """Read the lines behind a COPY up to its `\\.`: the block, and the hash that it gets later."""
    lexer.need(2)
    if lexer.buffer[lexer.pos : lexer.pos + 1] == b"\r":
        raise lexer.carriage_return(lexer.pos)
    line, rows_here = lexer.line(), f"the rows of {target.name} that start here"
    if lexer.buffer[lexer.pos : lexer.pos + 1] != b"\n":
        if lexer.pos == len(lexer.buffer):
            raise lexer.cut(rows_here, line=line)
        cause = "something follows a COPY statement on its line"
        raise lexer.refused(cause, "psql would read it as a command after the rows")
    lexer.pos += 1
    start, rows, digest = lexer.offset, 0, hashlib.sha256()
    while True:
        lexer.mark()
        end = _whole_lines(lexer, rows_here, line)
        stop, after = _end_mark(lexer, end)
        if (at := lexer.buffer.find(b"\r", lexer.pos, stop)) >= 0:
            raise lexer.refused(
                "a carriage return stands unescaped in COPY data", CRLF_REMEDY, line=lexer.line(at)
            )
        digest.update(memoryview(lexer.buffer)[lexer.pos : stop])
        rows += lexer.advance(stop)
        progress()
        if after:
            break
    block = RowBlock(
        "copy", target.schema, target.table, target.columns, line, start, lexer.offset, rows
    )
    lexer.advance(after)
    return block, digest


def _whole_lines(lexer: Lexer, rows_here: str, line: int) -> int:
    """Where the last whole line in the window ends; at least one line is in it."""
    while True:
        end = lexer.buffer.rfind(b"\n", lexer.pos) + 1
        if end:
            return end
        if len(lexer.buffer) - lexer.pos > limits.ROW:
            raise lexer.refused(f"a row is longer than {limits.ROW // limits.MIB} MiB")
        if not lexer.fill():
            raise lexer.cut(rows_here, line=line)


def _end_mark(lexer: Lexer, end: int) -> tuple[int, int]:
    """Where the rows in the window end, and where to go on behind a `\\.` line (0: none seen)."""
    # The server takes an unescaped `\.` anywhere for the end and drops what follows on the line, so
    # it is refused elsewhere. `\\.` is an escaped backslash in front of a dot.
    buffer, at = lexer.buffer, lexer.pos
    while (at := buffer.find(_MARK, at, end)) >= 0:
        if (at == lexer.pos or buffer[at - 1] == 0x0A) and buffer[at + 2] == 0x0A:
            return at, at + 3
        first = at
        while first > lexer.pos and buffer[first - 1] == 0x5C:
            first -= 1
        if (at - first) % 2 == 0:
            cause = "the end mark `\\.` stands inside COPY data"
            remedy = "psql and the server would go on behind it as if the rows had ended"
            raise lexer.refused(cause, remedy, line=lexer.line(at))
        at += 2
    return end, 0
