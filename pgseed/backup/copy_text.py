"""Lines of COPY's text format and the values in them: a `str`, for NULL None."""

from __future__ import annotations

import re

NULL = rb"\N"
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BACKSLASH = re.compile(
    rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.S
)
_SPECIAL = re.compile(rb"[\\\b\f\n\r\t\v]")
# A value of a tuple in pg_dump's spelling, with its casts such as `::numeric(10,2)`.
_VALUE = re.compile(
    rb"""
    (?: (?P<prefix>[bBxX]?) ' (?P<text> [^']* (?: '' [^']* )* ) '
      | [eE] ' (?P<escaped> [^'\\]* (?: (?: \\. | '' ) [^'\\]* )* ) '
      | (?P<word> [^',:]+ )
    )
    (?: :: [^,()]* (?: \( [^)]* \) [^,()]* )? )*
    (?: ,\  | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_WORDS = {b"NULL": NULL, b"true": b"t", b"false": b"f"}
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


def copy_line(literals: bytes) -> bytes:
    """A tuple in pg_dump's spelling, `(1, 'it''s', NULL)`, as a line of COPY text."""
    return b"\t".join(map(_field, _VALUE.finditer(literals, 1, len(literals) - 1)))


def _field(match: re.Match[bytes]) -> bytes:
    prefix, text, escaped, word = match.group("prefix", "text", "escaped", "word")
    if word is not None:
        return _WORDS.get(word, word)
    if escaped is not None:
        return escape(unescape(escaped.replace(b"''", b"'")))
    if prefix in (b"x", b"X"):
        return b"".join(b"%04d" % int(f"{int(chr(digit), 16):b}") for digit in text)
    return escape(text.replace(b"''", b"'"))
