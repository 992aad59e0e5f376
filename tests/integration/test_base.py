"""Loads that begin with a copy of another template: what is kept, and that nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pgseed.changes.local_changes import changes_in
from pgseed.databases.catalog import catalog_differences, read_catalog
from pgseed.errors import BackupRefused
from tests.integration.conftest import Stack
from tests.support.backups import change_row, without_last_row
from tests.support.contents import ask, databases_of, rows_of
from tests.support.schemas import SCHEMA
from tests.support.server import REAL_BACKUP

LARGE, SMALL = "vpv4.adverse_drug_reactions", "vpv4.manufacturers"
# One row each, in the odd schema of tests/support/schemas.py; nothing else refers to what changes.
ODD_CHANGES = {
    "one table": "UPDATE vpv4.person SET email = 'new' WHERE person_id = 5",
    "a circle of foreign keys": "UPDATE vpv4.team SET lead_id = 3 WHERE team_id = 2;"
    "UPDATE vpv4.person SET boss_id = 3 WHERE person_id = 5",
    "a partition": "UPDATE vpv4.event SET kind = 'new' WHERE event_id = 7",
    "a row that is gone": "DELETE FROM vpv4.badge WHERE person_id = 3",
    "all rows of a table": "DELETE FROM vpv4.badge",
    "types": 'UPDATE vpv4."Mixed Case" SET "select" = \'new\' WHERE "Id" = 17',
    "parents and children": "UPDATE vpv4.ancestor SET size = 99",
    "only a sequence": "SELECT nextval('vpv4.loose_sequence')",
}


def file_of(stack: Stack, table: str) -> object:
    """Give the number of the file a table's rows are in; filling a table gives it another one."""
    ((number,),) = stack.ask("SELECT pg_relation_filenode(%s)::int8", table)
    return number


def small_change(text: bytes) -> bytes:
    """Rename the first manufacturer."""
    return change_row(text, SMALL, b"\tMF", b"\tNF")


def load_and_listen(stack: Stack, backup: Path) -> list[str]:
    """Load a backup; give what was said meanwhile."""
    said: list[str] = []
    stack.load(
        progress=lambda phase, done, total: said.append(phase),
        source="backup",
        backup=str(backup),
    )
    return said


def template_of(stack: Stack) -> str:
    (name,) = (name for name in stack.databases() if "_template_" in name)
    return name


def is_as_a_full_load_makes_it(stack: Stack, plain: Stack, backup: Path) -> None:
    """Compare rows, sequences, catalog, statistics and stamp with a load that began empty."""
    plain.load(source="backup", backup=str(backup))
    assert rows_of(stack.server, stack.live) == rows_of(plain.server, plain.live)
    with (
        stack.server.session(stack.live) as one,
        plain.server.session(plain.live) as other,
    ):
        assert catalog_differences(read_catalog(other), read_catalog(one)) == []
    statistics = "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'vpv4' ORDER BY 1, 2"
    assert stack.ask(statistics) == plain.ask(statistics)
    own = {"label": "", "horizon": 0, "loaded_at": "", "catalog_rows": 0}
    found, expected = stack.stamp(), plain.stamp()
    assert found.with_state(**own) == expected.with_state(**own)
    assert not changes_in(stack.server, stack.live, found)


def damage_template(stack: Stack, statement: str) -> None:
    # The template itself is copied where there is no spare of it.
    for name in databases_of(stack.server, stack.live, spares=True):
        if "_spare_" in name:
            ask(stack.server, "postgres", f"DROP DATABASE {name}")
    ask(stack.server, template_of(stack), statement)


@pytest.fixture
def real(stack: Stack) -> Stack:
    stack.load(source="backup", backup=str(REAL_BACKUP))
    return stack


@pytest.fixture
def changed(real: Stack) -> Path:
    path = real.folder / "changed.sql"
    path.write_bytes(small_change(REAL_BACKUP.read_bytes()))
    return path


def test_only_the_changed_table_is_filled(
    real: Stack, changed: Path, new_stack: Callable[[], Stack]
) -> None:
    before = {table: file_of(real, table) for table in (LARGE, SMALL)}
    said = load_and_listen(real, changed)
    assert file_of(real, LARGE) == before[LARGE]
    assert file_of(real, SMALL) != before[SMALL]
    assert any(
        re.match(r"copy \w+_template_\w+, which has the rows of 7 of 8 tables", s) for s in said
    )
    is_as_a_full_load_makes_it(real, new_stack(), changed)


def test_where_most_rows_are_others_the_load_begins_empty(real: Stack) -> None:
    path = real.folder / "changed.sql"
    path.write_bytes(change_row(REAL_BACKUP.read_bytes(), LARGE, b"2025", b"2024"))
    before = file_of(real, SMALL)
    real.load(source="backup", backup=str(path))
    assert file_of(real, SMALL) != before


def test_another_schema_begins_empty(real: Stack, changed: Path) -> None:
    before = file_of(real, LARGE)
    with (real.init / "02-create-schema.sql").open("a") as file:
        file.write("\nCREATE TABLE one_more (a int);\n")
    real.load(source="backup", backup=str(changed))
    assert file_of(real, LARGE) != before


@pytest.mark.parametrize(
    "damage",
    [
        f"UPDATE {LARGE} SET report_count = report_count + 1 WHERE ctid = '(3,1)'",
        f"DELETE FROM {LARGE} WHERE ctid = '(3,1)'",
        "DROP INDEX vpv4.{index}",
        f"ALTER TABLE {LARGE} DISABLE TRIGGER ALL",
    ],
    ids=["row changed", "row gone", "index gone", "triggers off"],
)
def test_a_template_that_somebody_changed_is_not_built_on(
    real: Stack, changed: Path, new_stack: Callable[[], Stack], damage: str
) -> None:
    ((index,),) = real.ask(
        "SELECT min(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass AND NOT i.indisunique",
        LARGE,
    )
    damage_template(real, damage.format(index=index))
    real.load(source="backup", backup=str(changed))
    is_as_a_full_load_makes_it(real, new_stack(), changed)


def test_only_a_full_load_refuses_a_backup(real: Stack, new_stack: Callable[[], Stack]) -> None:
    """The new products refer to manufacturers that the changed template has no more."""
    path = real.folder / "changed.sql"
    path.write_bytes(change_row(REAL_BACKUP.read_bytes(), "vpv4.products", b" mg ", b" MG "))
    damage_template(real, f"SET session_replication_role = replica; DELETE FROM {SMALL}")
    said = load_and_listen(real, path)
    assert any(re.match(r"load again, every table: a row of vpv4\.products has", s) for s in said)
    is_as_a_full_load_makes_it(real, new_stack(), path)


def test_a_row_that_breaks_a_key_into_a_kept_table_is_refused(real: Stack) -> None:
    path = real.folder / "broken.sql"
    path.write_bytes(without_last_row(REAL_BACKUP.read_bytes(), SMALL))
    before, names = rows_of(real.server, real.live), real.databases()
    with pytest.raises(BackupRefused, match=r"which vpv4\.manufacturers does not have"):
        real.load(source="backup", backup=str(path))
    assert rows_of(real.server, real.live) == before
    assert real.databases() == names


def dump_changed(source: Stack, change: str, *flags: str) -> bytes:
    copy = f"{source.live}_changed"
    ask(source.server, "postgres", f"CREATE DATABASE {copy} TEMPLATE {source.live}")
    try:
        ask(source.server, copy, f"SET session_replication_role = replica; {change}")
        return source.dump("--data-only", "--schema=vpv4", *flags, database=copy)
    finally:
        ask(source.server, "postgres", f"DROP DATABASE {copy} WITH (FORCE)")


@pytest.mark.parametrize(
    "flags", [(), ("--load-via-partition-root",)], ids=["", "through the root"]
)
@pytest.mark.parametrize("change", ODD_CHANGES)
def test_whatever_a_schema_holds_the_result_is_that_of_a_full_load(
    source: Stack,
    new_stack: Callable[[], Stack],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    flags: tuple[str, ...],
) -> None:
    monkeypatch.setattr("pgseed.template.base._WORTH", 0)
    stack = new_stack()
    stack.use_schema(SCHEMA)
    first, second = stack.folder / "first.sql", stack.folder / "second.sql"
    first.write_bytes(dump_changed(source, "SELECT 1", *flags))
    second.write_bytes(dump_changed(source, ODD_CHANGES[change], *flags))
    stack.load(source="backup", backup=str(first))
    kept = 'vpv4."Mixed Case"' if "Mixed" not in ODD_CHANGES[change] else "vpv4.person"
    before = file_of(stack, kept)
    stack.load(source="backup", backup=str(second))
    assert file_of(stack, kept) == before, "it began with the schema alone"
    plain = new_stack()
    plain.use_schema(SCHEMA)
    is_as_a_full_load_makes_it(stack, plain, second)


SERIAL = """
CREATE SCHEMA vpv4;
CREATE TABLE vpv4.a (id int PRIMARY KEY, text text);
CREATE TABLE vpv4.b (id serial PRIMARY KEY, text text, made int DEFAULT 7);
"""
END = "-- PostgreSQL database dump complete\n"
A = "COPY vpv4.a (id, text) FROM stdin;\n1\tlonger than what the other table holds\n\\.\n"
B = "COPY vpv4.b (id, text, made) FROM stdin;\n{}\t{}\t1\n\\.\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            A + B.format(4, "x") + "SELECT pg_catalog.setval('vpv4.b_id_seq', 4, true);\n",
            A + B.format(4, "y"),
        ),
        (A + B.format(4, "x"), A),
        (
            A + "COPY vpv4.b (text, made) FROM stdin;\nx\t1\n\\.\n",
            A + "COPY vpv4.b (text, made) FROM stdin;\ny\t1\nz\t1\n\\.\n",
        ),
        (A + B.format(4, "x"), A + "COPY vpv4.b (id, text) FROM stdin;\n4\tx\n\\.\n"),
        (A + B.format(4, "x"), A + "INSERT INTO vpv4.b VALUES (4, 'x', 2);\n"),
        ("INSERT INTO vpv4.a VALUES (1, 'x');\n" + B.format(4, "x"), A + B.format(4, "x")),
    ],
    ids=[
        "a sequence not set any more",
        "a table without a word",
        "values of a sequence",
        "a column left to its default",
        "rows as INSERT",
        "rows that were INSERTs",
    ],
)
def test_what_the_second_backup_does_not_say_is_as_in_the_schema(
    new_stack: Callable[[], Stack], first: str, second: str
) -> None:
    stack, plain = new_stack(), new_stack()
    for one in (stack, plain):
        one.use_schema(SERIAL)
    for text in (first, second):
        path = stack.folder / f"{len(text)}.sql"
        path.write_text(text + END)
        stack.load(source="backup", backup=str(path))
    is_as_a_full_load_makes_it(stack, plain, path)
