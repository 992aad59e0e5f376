"""Properties of the lexer and the reader over generated text: cuts, spellings, damage."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgseed.backup.lexer import Lexer, Token
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import open_rows
from pgseed.backup.source import PlainSource
from pgseed.errors import BackupRefused
from pgseed.sql_names import quote_literal, quote_name
from tests.hostile import COMPLETE, HARMLESS, START

# Characters PostgreSQL takes in text: all but NUL and halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
QUOTES = st.text("'\"\\$;-/*aeEbBxXnNuU& \n", max_size=12)


class _Pieces(PlainSource):
    """Text that arrives in pieces of given sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__(Path("piece.sql"), io.BytesIO(data), len(data))
        self._sizes = sizes
        self._at = 0

    def read(self) -> bytes:
        self._at += 1
        return self._input(self._sizes[self._at % len(self._sizes)])


def tokens(data: bytes, sizes: list[int]) -> list[Token]:
    lexer = Lexer(_Pieces(data, sizes))
    found = []
    while (token := lexer.token()) is not None:
        lexer.mark()
        found.append(token)
    return found


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)
LITERALS = st.one_of(
    st.builds(lambda t: Token("string", quote_literal(t).encode()), TEXT | QUOTES),
    st.builds(lambda t: Token("quoted", f'"{t.replace(chr(34), chr(34) * 2)}"'.encode()),
              (TEXT | QUOTES).filter(bool)),
    st.builds(lambda t, e: Token("escape", f"{e}'{_escaped(t)}'".encode()),
              TEXT | QUOTES, st.sampled_from("eE")),
    st.builds(lambda t, tag: Token("dollar", f"${tag}${t}${tag}$".encode()),
              (TEXT | QUOTES).filter(lambda t: "$" not in t), st.sampled_from(["", "a", "_ü1"])),
    st.builds(lambda t, p: Token("string", f"{p}'{t}'".encode()),
              st.text("01aF", max_size=5), st.sampled_from("bBxX")),
    st.sampled_from(["x", "select", "e", "b", "u", "ünïcode", "a$b", "_1", "E1", "values"]).map(
        lambda w: Token("word", w.encode())),
    st.sampled_from(["1", "1.5", ".5", "1e9", "2E-3"]).map(lambda n: Token("number", n.encode())),
    st.sampled_from(["(", ")", ",", ".", "::", "-", "/", "*", "+", "="]).map(
        lambda s: Token("sign", s.encode())),
)  # fmt: skip
SPACE = st.sampled_from([" ", "\n", "\t ", " -- it's; \\! \"\n", " /* '/* $$ */ \\ */ ", "\n\f\v"])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


@given(st.lists(st.tuples(LITERALS, SPACE), max_size=12), SIZES)
@settings(deadline=None)
def test_tokens_come_out_as_they_went_in(parts: list[tuple[Token, str]], sizes: list[int]) -> None:
    data = b"".join(token.text + space.encode() for token, space in parts)
    assert tokens(data, sizes) == [token for token, _ in parts]


@given(QUOTES | TEXT, SIZES)
@example("E'\\", [1])
@example("'a''", [2])
@example("$a$ $a", [1])
@example("/*/ */", [1])
@example("/**/*/", [1])
@example("u&'", [1])
@settings(deadline=None)
def test_a_cut_never_changes_what_is_read(text: str, sizes: list[int]) -> None:
    def outcome(pieces: list[int]) -> tuple[str, object]:
        try:
            return "read", tokens(text.encode(), pieces)
        except BackupRefused as refused:
            return "refused", (refused.line, refused.cause)

    assert outcome(sizes) == outcome([10_000])


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup.sql"
        path.write_bytes(data)
        yield path


def copy_text(value: str | None) -> str:
    """A value as COPY writes it (src/backend/commands/copyto.c)."""
    if value is None:
        return "\\N"
    for character, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(character, escape)
    return value


ROWS = st.lists(st.tuples(TEXT | QUOTES | st.none(), TEXT), max_size=8)


@given(st.lists(st.tuples(TEXT.filter(lambda t: 0 < len(t.encode()) < 64), ROWS), min_size=1,
                max_size=4))  # fmt: skip
@settings(deadline=None)
def test_copy_rows_of_any_text_and_name_are_found(
    tables: list[tuple[str, list[tuple[str | None, str]]]],
) -> None:
    lines = [
        "".join("\t".join(copy_text(v) for v in row) + "\n" for row in rows) for _, rows in tables
    ]
    # An empty line in front is told apart from the end mark, a name with a line break from a line.
    body = "".join(
        f"COPY vpv4.{quote_name(name)} FROM stdin;\n{text}\\.\n\n\n"
        for (name, _), text in zip(tables, lines, strict=True)
    )
    with _file(START + body.encode() + COMPLETE + b"\\unrestrict k3y\n") as path:
        backup = read_backup(path, schema="vpv4")
        found = []
        for block in backup.blocks:
            with open_rows(backup, block) as rows:
                found.append(rows.read())
    assert found == [text.encode() for text in lines]
    assert [block.table for block in backup.blocks] == [name for name, _ in tables]
    assert [block.rows for block in backup.blocks] == [len(rows) for _, rows in tables]
    assert [block.digest for block in backup.blocks] == [
        hashlib.sha256(text.encode()).hexdigest() for text in lines
    ]


VALUES = st.one_of(
    st.none().map(lambda _: "NULL"),
    st.booleans().map(lambda b: str(b).lower()),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}"),
    (TEXT | QUOTES).map(quote_literal),
    (TEXT | QUOTES).map(lambda t: f"E'{_escaped(t)}'"),
    st.just("DEFAULT"),
)


@given(
    st.lists(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4), min_size=1, max_size=5)
)
@settings(deadline=None)
def test_inserts_of_any_literals_are_counted(
    statements: list[list[tuple[str, str]]],
) -> None:
    def body(glue: str, end: str) -> bytes:
        return "".join(
            "INSERT INTO vpv4.items VALUES\n\t"
            + glue.join("(" + ", ".join(row) + ")" for row in rows)
            + end
            for rows in statements
        ).encode()

    identities = set()
    for text in (body(",\n\t", ";\n"), body(" , /* x */", " ;")):
        with _file(text + b"\n" + COMPLETE) as path:
            backup = read_backup(path, schema="vpv4")
        identities.add(backup.data_hash)
        assert backup.tables == {"vpv4.items": sum(map(len, statements))}
    assert len(identities) == 1


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for whole in (data, START + data):
        with _file(whole) as path:
            try:
                read_backup(path, schema="vpv4")
            except BackupRefused as refused:
                assert 0 <= refused.line <= whole.count(b"\n") + 1  # noqa: PT017


@given(st.integers(0, len(HARMLESS) - 1), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_damage_anywhere_is_refused_or_leaves_plain_rows(at: int, new: bytes, cut: int) -> None:
    data = HARMLESS[:at] + new + HARMLESS[at + cut :]
    with _file(data) as path:
        try:
            backup = read_backup(path, schema="vpv4")
        except BackupRefused:
            return
        for block in backup.blocks:
            assert block.schema == "vpv4"
            with open_rows(backup, block) as rows:
                assert rows.read().count(b"\n") == block.rows
