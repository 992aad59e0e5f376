"""Passes over INSERT statements as `pg_dump --inserts` writes them: literals only.

A tuple in pg_dump's own spelling is taken by one regular expression; any other spelling goes
through the lexer and is brought into that spelling, so both give the same hash.
"""

from __future__ import annotations

import re

from pgseed.backup.lexer import Lexer, Token
from pgseed.backup.statement import Statement, Target
from pgseed.errors import BackupRefused
from pgseed.sql_names import printable

_LITERAL = (
    rb"(?:'[^']*(?:''[^']*)*'|[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    rb"|NULL|true|false|DEFAULT|B'[01]*'|X'[0-9A-Fa-f]*')"
)
_BITS = re.compile(rb"[bB]'[01]*'|[xX]'[0-9A-Fa-f]*'")
_TUPLE = re.compile(rb"\(%b(?:, %b)*\)" % (_LITERAL, _LITERAL))
_END = Token("end", b"")
# The expression remembers where to go back to; longer tuples go through the lexer, which does not.
_TUPLE_REACH = 256 * 1024

DEFAULT_VALUES = "default values"

# Types whose input is text and nothing else: no function, table or role is looked up by name.
_PLAIN_TYPES = """
    bigint bit boolean bytea char character cidr date decimal float inet int integer interval json
    jsonb jsonpath macaddr macaddr8 money numeric oid point line lseg box path polygon circle real
    smallint text time timestamp timestamptz timetz tsquery tsvector uuid varbit varchar xml
    int2 int4 int8 float4 float8 bool bpchar int4range int8range numrange daterange tsrange
    tstzrange
    """
_TYPES = frozenset(_PLAIN_TYPES.split())
_TYPE_WORDS = frozenset({"varying", "precision", "with", "without", "time", "zone"})


def insert_target(lexer: Lexer, schema: str, line: int) -> Target:
    """INSERT INTO schema.table [(columns)] [OVERRIDING … VALUE] VALUES, up to the first tuple."""
    tokens: list[Token] = []
    while not tokens or not tokens[-1].is_word("values"):
        token = lexer.token()
        if token is None:
            raise lexer.cut("an INSERT", line=line)
        tokens.append(token)
        if token.is_sign(b";") or len(tokens) > 20_000:
            raise Statement(lexer, line, tokens).refused(
                "an INSERT brings something other than VALUES"
            )
    statement = Statement(lexer, line, tokens)
    statement.expect("into")
    name, table, columns = statement.target(schema)
    overriding = ""
    if statement.accept("overriding"):
        overriding = "user" if statement.accept("user") else "system"
        if overriding == "system":
            statement.expect("system")
        statement.expect("value")
    if statement.accept("default"):
        # A row of a table without columns; insert_tuples finds the `;` at once.
        overriding = DEFAULT_VALUES
    statement.expect("values")
    statement.end()
    return Target(name, table, columns, overriding)


def insert_tuples(lexer: Lexer, target: Target) -> list[bytes]:
    """Read the tuples up to the `;`; returns them in pg_dump's spelling."""
    if target.overriding == DEFAULT_VALUES:
        _expect(lexer, _next(lexer), b";")
        return [b"DEFAULT VALUES"]
    tuples: list[bytes] = []
    while True:
        lexer.blank()
        match = _TUPLE.match(lexer.buffer, lexer.pos, lexer.pos + _TUPLE_REACH)
        if match is not None:
            tuples.append(match.group())
            lexer.pos = match.end()
        else:
            tuples.append(_tuple(lexer))
        if lexer.buffer[lexer.pos : lexer.pos + 1] == b";":
            lexer.pos += 1
            return tuples
        sign = _next(lexer)
        if sign.is_sign(b";"):
            return tuples
        _expect(lexer, sign, b",")


def _tuple(lexer: Lexer) -> bytes:
    _expect(lexer, _next(lexer), b"(")
    values: list[bytes] = []
    while True:
        value, token = _literal(lexer)
        values.append(value)
        if token.is_sign(b")"):
            return b"(" + b", ".join(values) + b")"
        _expect(lexer, token, b",")


def _literal(lexer: Lexer) -> tuple[bytes, Token]:
    """One value in pg_dump's spelling, with the token behind it."""
    token = _next(lexer)
    sign = b""
    if token.is_sign(b"-") or token.is_sign(b"+"):
        sign, token = token.text, _next(lexer)
        if token.kind != "number":
            raise _unexpected(lexer, token)
    if token.is_word("null", "default"):
        value = token.text.upper()
    elif token.is_word("true", "false"):
        value = token.text.lower()
    elif token.kind in ("string", "escape", "number"):
        # A bit string holds digits alone (scan.l, xbinside and xhinside), no doubled quote either.
        if token.text[:1] in b"bBxX" and not _BITS.fullmatch(token.text):
            raise _unexpected(lexer, token)
        value = sign + token.text
    else:
        raise _unexpected(lexer, token)
    following = _next(lexer)
    # DEFAULT is no value, so PostgreSQL takes no cast of it.
    while value != b"DEFAULT" and following.is_sign(b"::"):
        cast, following = _cast(lexer)
        value += b"::" + cast
    return value, following


def _cast(lexer: Lexer) -> tuple[bytes, Token]:
    """The type behind `::`, one of PostgreSQL's own that only reads text."""
    token = _next(lexer)
    words: list[bytes] = []
    if token.is_word("pg_catalog"):
        dot, token = _next(lexer), _next(lexer)
        _expect(lexer, dot, b".")
        words.append(b"pg_catalog.")
    name = token.text.lower().decode("latin-1") if token.kind == "word" else ""
    if name not in _TYPES and name != "double":
        shown = "its end" if token is _END else printable(token.text)
        raise lexer.refused(
            f"a value is cast to {shown}, which is not a plain data type",
            "Write the value without the cast",
        )
    words.append(name.encode())
    while True:
        token = _next(lexer)
        if token.is_word(*_TYPE_WORDS):
            words.append(b" " + token.text.lower())
        elif token.is_sign(b"(") or token.is_sign(b"["):
            words.append(_modifier(lexer, token))
        else:
            return b"".join(words), token


def _modifier(lexer: Lexer, opening: Token) -> bytes:
    """`(10, 2)` or `[]` behind a type's name."""
    text = opening.text
    closing = b")" if opening.text == b"(" else b"]"
    while True:
        token = _next(lexer)
        text += token.text
        if token.is_sign(closing):
            return text
        if token.kind != "number" and token.text != b",":
            raise _unexpected(lexer, token)


def _next(lexer: Lexer) -> Token:
    return lexer.token() or _END


def _expect(lexer: Lexer, token: Token, sign: bytes) -> None:
    if not token.is_sign(sign):
        raise _unexpected(lexer, token)


def _unexpected(lexer: Lexer, token: Token) -> BackupRefused:
    if token is _END:
        return lexer.cut("an INSERT")
    return lexer.refused(
        f"`{printable(token.text)}` stands in an INSERT where a plain value belongs",
        "Values are numbers, strings, NULL, true, false and DEFAULT; no expressions",
    )
