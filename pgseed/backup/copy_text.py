"""Rows as lines of COPY text, whichever form a backup has, and their values.

COPY's text format: PostgreSQL documentation, COPY, "Text Format". A value is a `str`, NULL is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgseed.backup.insert_rows import DEFAULT_VALUES, insert_target, insert_tuples
from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.rows import block_lexer, open_rows

NULL = rb"\N"
_READ_BYTES = 256 * 1024
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BACKSLASH = re.compile(
    rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.S
)
_SPECIAL = re.compile(rb"[\\\b\f\n\r\t\v]")
_WRITTEN = {value[0]: b"\\" + letter for letter, value in _ESCAPES.items()} | {0x5C: rb"\\"}


def unescape(text: bytes) -> bytes:
    """Resolve backslash escapes; those of COPY and of E'' strings are the same but for \\u."""

    def character(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        first = code[:1]
        if first in (b"u", b"U") and len(code) > 1:
            return chr(int(code[1:], 16)).encode("utf-8", "replace")
        if first == b"x" and len(code) > 1:
            return bytes([int(code[1:], 16)])
        if first.isdigit() and first not in b"89":
            return bytes([int(code, 8) & 0xFF])
        return _ESCAPES.get(code, code)

    return _BACKSLASH.sub(character, text) if b"\\" in text else text


def escape(text: bytes) -> bytes:
    return _SPECIAL.sub(lambda match: _WRITTEN[match.group()[0]], text)


def values(line: bytes) -> list[str | None]:
    """The values of one line."""
    return [value(field) for field in line.split(b"\t")]


def value(field: bytes) -> str | None:
    return None if field == NULL else unescape(field).decode("utf-8", "replace")


def line_batches(backup: Backup, block: RowBlock) -> Iterator[list[bytes]]:
    """The rows of a block as lines without their line feed, some thousand at a time."""
    if block.form == "insert":
        yield from _insert_batches(backup, block)
        return
    rest = b""
    with open_rows(backup, block) as rows:
        while chunk := rows.read(_READ_BYTES):
            lines = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
            rest = lines.pop()
            yield lines


def _insert_batches(backup: Backup, block: RowBlock) -> Iterator[list[bytes]]:
    with block_lexer(backup, block) as lexer:
        while True:
            lexer.mark()
            lexer.blank()
            if lexer.pos == len(lexer.buffer):
                return
            if lexer.comment() is not None:
                continue
            lexer.mark()
            lexer.token()  # INSERT
            target = insert_target(lexer, block.schema, lexer.line())
            tuples, _ = insert_tuples(lexer, target)
            yield [b"" if target.overriding == DEFAULT_VALUES else copy_line(t) for t in tuples]


def copy_line(literals: bytes) -> bytes:
    """A tuple in pg_dump's spelling, `(1, 'it''s', NULL)`, as a line of COPY text."""
    fields: list[bytes] = []
    at, end = 1, len(literals) - 1
    while at < end:
        field, at = _field(literals, at)
        fields.append(field)
        at += len(b", ")
    return b"\t".join(fields)


def _field(literals: bytes, at: int) -> tuple[bytes, int]:
    prefix = literals[at : at + 1].lower()
    if literals[at : at + 1] == b"'" or (prefix in b"bxe" and literals[at + 1 : at + 2] == b"'"):
        opening = literals.index(b"'", at)
        closing = _closing(literals, opening + 1, escapes=prefix == b"e")
        text = literals[opening + 1 : closing].replace(b"''", b"'")
        if prefix == b"e":
            text = unescape(text)
        elif prefix == b"x":
            text = b"".join(b"%b" % format(int(chr(d), 16), "04b").encode() for d in text)
        return escape(text), _behind_cast(literals, closing + 1)
    stop = _behind_cast(literals, at)
    word = literals[at:stop].split(b"::")[0]
    known = {b"NULL": NULL, b"true": b"t", b"false": b"f"}
    return known.get(word, word), stop


def _closing(literals: bytes, at: int, *, escapes: bool) -> int:
    while True:
        quote = literals.index(b"'", at)
        backslash = literals.find(b"\\", at, quote) if escapes else -1
        if backslash >= 0:
            at = backslash + 2
        elif literals[quote + 1 : quote + 2] == b"'":
            at = quote + 2
        else:
            return quote


def _behind_cast(literals: bytes, at: int) -> int:
    """Behind the rest of a value: a number or word, and casts such as `::numeric(10,2)`."""
    depth = 0
    while at < len(literals) - 1:
        byte = literals[at]
        depth += (byte == 0x28) - (byte == 0x29)
        if byte == 0x2C and not depth:
            break
        at += 1
    return at
