"""What the reader makes of INSERT statements is what PostgreSQL makes of them."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.errorcodes
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from pgseed.backup.copy_text import values
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import insert_statements, line_batches
from pgseed.errors import BackupRefused
from pgseed.sql_names import quote_literal
from vpdb.server.docker_server import DockerServer

FRAGMENTS = st.lists(
    st.sampled_from(
        ["'", "''", "\\", "\\'", "\\\\", "\\n", "\\x41", "\\101", "\\u00e4", "E'", "e'", "B'01'",
         "X'1f'", "b'", "U&'", "N'", '"', "$$", "$a$", "--", "/*", "*/", "\n", " ", ",", ", ", ")",
         "(", "), (", ";", "1", "-2.5", "1e3", ".5", "NULL", "true", "DEFAULT", "null", "::text",
         "::int", "::numeric(4,1)", "x", "é", "||", "+", "pg_sleep(9)"]
    ),
    max_size=14,
).map("".join)  # fmt: skip
# Mostly right SQL around awkward texts.
_AWKWARD = st.text("ab'\"\\$;-/*é\n(),", max_size=8)
_LITERAL = st.one_of(
    _AWKWARD.map(quote_literal),
    _AWKWARD.map(lambda text: f"'{text}'"),
    _AWKWARD.map(lambda text: "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    _AWKWARD.map(lambda text: f"E'{text}'"),
    st.sampled_from(["NULL", "1", "-2", "B'01'", "DEFAULT"]),
)
_SPACE = st.sampled_from(["", " ", "\n", " /* ' */ ", " -- ' )\n", "/* /* */ '; */"])
TUPLES = st.lists(
    st.tuples(_SPACE, _LITERAL, _SPACE, _SPACE, _LITERAL, _SPACE), min_size=1, max_size=3
).map(lambda rows: "), (".join("".join([*row[:3], ",", *row[3:]]) for row in rows))

# What a statement of values alone may be refused for: their number, invalid text or escapes,
# numbers out of range, types that do not go into another or have no sign (`-'1'::text`).
WRONG_NUMBER = ("expressions than target columns", "must all be the same length")
NO_SUCH_SIGN = ("operator does not exist: -", "operator is not unique: -")
REFUSED_VALUES = {
    psycopg2.errorcodes.INVALID_TEXT_REPRESENTATION,
    psycopg2.errorcodes.NUMERIC_VALUE_OUT_OF_RANGE,
    psycopg2.errorcodes.CHARACTER_NOT_IN_REPERTOIRE,
    psycopg2.errorcodes.INVALID_ESCAPE_SEQUENCE,
    psycopg2.errorcodes.NONSTANDARD_USE_OF_ESCAPE_CHARACTER,
    psycopg2.errorcodes.CANNOT_COERCE,
    psycopg2.errorcodes.DATATYPE_MISMATCH,
}


def is_about_values(error: psycopg2.Error) -> bool:
    """Tell whether the server took the statement apart as the reader did, and refused a value."""
    wordings = {
        psycopg2.errorcodes.SYNTAX_ERROR: WRONG_NUMBER,
        psycopg2.errorcodes.UNDEFINED_FUNCTION: NO_SUCH_SIGN,
        psycopg2.errorcodes.AMBIGUOUS_FUNCTION: NO_SUCH_SIGN,
    }
    expected = wordings.get(error.pgcode or "", ())
    return error.pgcode in REFUSED_VALUES or any(text in str(error) for text in expected)


@pytest.fixture(scope="module")
def connection(server: DockerServer) -> Iterator[psycopg2.extensions.connection]:
    name = f"dump_{secrets.token_hex(5)}"
    with server.session("postgres") as admin, admin.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with server.session(name) as session, session.cursor() as own:
                own.execute("CREATE SCHEMA vpv4; CREATE TABLE vpv4.t (a text, b text DEFAULT 'd')")
                yield session
        finally:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@given(FRAGMENTS | TUPLES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example("'it''s', E'it\\'s\\\\'")
@example("'a'), ('b', 'c'), (NULL, -1.5e3")
@example("'\\', E'\\n\\x41\\101'")
@example("B'01', X'1f'")
@example("-2.5::text")
@example("DEFAULT::text, 1")
@example("'12.34'::numeric(4,1)::text, .5")
@example("'x' -- ', 'y'\n, 'z'")
@example("/* ' */ 'x' /* /* ' */ */")
def test_statements_the_reader_takes_put_in_the_rows_it_counted(
    connection: psycopg2.extensions.connection, text: str
) -> None:
    put_in(connection, text)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@given(FRAGMENTS | TUPLES)
@settings(max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_statements_the_reader_takes_put_in_the_rows_it_counted_in_numbers(
    connection: psycopg2.extensions.connection, text: str
) -> None:
    put_in(connection, text)


def put_in(connection: psycopg2.extensions.connection, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.sql"
        path.write_text(f"INSERT INTO vpv4.t VALUES ({text});\n", newline="")
        try:
            backup = read_backup(path, schema="vpv4", seed=True)
        except BackupRefused:
            return
        batches = list(insert_statements(backup, backup.blocks[0]))
        lines = [line for batch in line_batches(backup, backup.blocks[0]) for line in batch]
    event("accepted")
    assert len(lines) == backup.rows
    statements = b"\n".join(batch for batch, _ in batches).decode()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE vpv4.t")
        try:
            cursor.execute(statements)
        except psycopg2.Error as error:
            assert is_about_values(error), error  # noqa: PT017
            return
        assert cursor.rowcount == backup.rows
        cursor.execute("SELECT a, b FROM vpv4.t ORDER BY ctid")
        found = [[value for value in row if value is not None] for row in cursor.fetchall()]
    if any(part in text for part in ("::", "DEFAULT", "true", "e3", ".5", "+")):
        return  # the server writes some values otherwise than they were given
    expected = [[value for value in values(line) if value is not None] for line in lines]
    assert [row[: len(wanted)] for row, wanted in zip(found, expected, strict=True)] == expected
