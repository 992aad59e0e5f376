"""Judgements of the engine that need no server: fit, suspicion, wording, the mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgseed.backup.model import Backup, RowBlock, SequenceValue
from pgseed.changes.local_changes import Changes, TableChange, TableState, suspect_tables
from pgseed.databases.catalog import (
    Column,
    Table,
    catalog_differences,
    fingerprint,
    without_bulk_mode,
)
from pgseed.errors import BackupRefused
from pgseed.server import application_name
from pgseed.template.partition_groups import group_blocks
from pgseed.template.schema_check import check_fit
from pgseed.template.schema_files import describe_failure
from vpdb.errors import GuardRefused
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import read_mark


def table(oid: int, name: str, *columns: Column, kind: str = "r", root: int = 0) -> Table:
    return Table(oid, "vpv4", name, kind, root or oid, columns)


ID = Column("id", not_null=True, has_default=True, generated=False)
NAME = Column("name", not_null=True, has_default=False, generated=False)
NOTE = Column("a note", not_null=False, has_default=False, generated=False)
SUM = Column("sum", not_null=True, has_default=False, generated=True)
TABLES = {"vpv4.thing": table(1, "thing", ID, NAME, NOTE, SUM)}


def backup(*columns: str, name: str = "thing", rows: int = 1, sequence: str = "s") -> Backup:
    block = RowBlock("copy", "vpv4", name, columns or None, 7, 0, 10, rows)
    value = SequenceValue("vpv4", sequence, 1, True, 99)
    return Backup(Path("b.sql"), "data-only", "none", (block,), (value,), "", 1, 1)


@pytest.mark.parametrize("columns", [(), ("id", "name", "a note"), ("name",), ("a note", "name")])
def test_a_backup_may_lack_what_the_schema_fills_in(columns: tuple[str, ...]) -> None:
    check_fit(backup(*columns), TABLES, {("vpv4", "s")})


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (
            backup("id", "name", "odd one"),
            'line 7: column "odd one" of vpv4.thing is not in the schema',
        ),
        (backup("id", "a note"), "line 7: it has no values for name of vpv4.thing"),
        (backup("name", "sum"), "line 7: it brings values for sum of vpv4.thing"),
        (backup("name", name="other"), "line 7: it holds rows of vpv4.other"),
        (backup("name", sequence="t"), "line 99: it sets sequence vpv4.t"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(refused: Backup, told: str) -> None:
    with pytest.raises(BackupRefused) as caught:
        check_fit(refused, TABLES, {("vpv4", "s")})
    assert told in str(caught.value)
    assert "02-create-schema.sql" in str(caught.value)


def test_an_empty_table_may_lack_any_column() -> None:
    check_fit(backup("id", rows=0), TABLES, {("vpv4", "s")})


def test_rows_through_a_partitioned_table_are_filled_with_all_its_partitions() -> None:
    tables = {
        "vpv4.root": table(1, "root", kind="p"),
        "vpv4.leaf": table(2, "leaf", root=1),
        "vpv4.other": table(3, "other", kind="p"),
        "vpv4.alone": table(4, "alone", root=3),
        "vpv4.twice": table(5, "twice"),
    }
    blocks = [
        RowBlock("copy", "vpv4", name, None, 1, 0, size, 1)
        for name, size in (("leaf", 5), ("root", 7), ("alone", 3), ("twice", 1), ("twice", 2))
    ]
    groups = {group.name: group for group in group_blocks(blocks, tables)}
    assert set(groups) == {"vpv4.root", "vpv4.alone", "vpv4.twice"}
    assert groups["vpv4.root"].weight == 12
    assert [t.name for t in groups["vpv4.root"].leaves] == ["leaf"]
    assert len(groups["vpv4.twice"].blocks) == 2


def test_a_table_is_suspect_unless_its_number_is_the_same_and_nothing_was_written() -> None:
    then = {"same": 5, "more": 5, "rewritten": 5, "gone": 5}
    now = {
        "same": TableState(5, 0),
        "more": TableState(6, 0),
        "rewritten": TableState(5, 5),
        "new": TableState(0, 0),
    }
    assert suspect_tables(then, now) == ["gone", "more", "new", "rewritten"]


def test_changes_are_worded_in_one_line() -> None:
    changes = Changes(
        (TableChange("vpv4.products", 12, 0, 1000), TableChange("vpv4.x")), ("added index vpv4.i",)
    )
    assert (
        changes.describe() == "vpv4.products (12 added, 1,000 changed), vpv4.x, added index vpv4.i"
    )
    assert changes.describe(most=1) == "vpv4.products (12 added, 1,000 changed), 2 more"
    assert changes
    assert not Changes()
    assert Changes().describe() == ""


def test_the_fingerprint_knows_every_object_but_not_bulk_mode() -> None:
    catalog = {("table", "vpv4.t"): "[1]", ("option", "vpv4.t.fillfactor"): "fillfactor=70"}
    bulk = {
        **catalog,
        ("option", "vpv4.t.autovacuum_enabled"): "autovacuum_enabled=false",
        ("option", "vpv4.t.toast.autovacuum_enabled"): "autovacuum_enabled=false",
    }
    assert fingerprint(catalog) != fingerprint(bulk)
    assert fingerprint(without_bulk_mode(bulk)) == fingerprint(catalog)
    assert fingerprint({("a", "b"): "cd"}) != fingerprint({("a", "bc"): "d"})


def test_catalog_differences_name_object_and_kind() -> None:
    before = {("index", "vpv4.a"): "1", ("table", "vpv4.b"): "1", ("view", "vpv4.c"): "1"}
    after = {("index", "vpv4.a"): "2", ("table", "vpv4.b"): "1", ("function", "vpv4.d()"): "1"}
    assert catalog_differences(before, after) == [
        "altered index vpv4.a",
        "removed view vpv4.c",
        "added function vpv4.d()",
    ]


FILES = [(Path("01.sql"), 10), (Path("02.sql"), 5), (Path("03.sql"), 3)]


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        ("psql:<stdin>:1: ERROR:  first", "01.sql, line 1: first"),
        ("psql:<stdin>:10: ERROR:  last", "01.sql, line 10: last"),
        ("psql:<stdin>:11: ERROR:  x\nLINE 1: …", "02.sql, line 1: x"),
        ("psql:<stdin>:4: NOTICE:  n\npsql:<stdin>:18: ERROR:  y", "03.sql, line 3: y"),
        ("psql:<stdin>:19: ERROR:  at the end", "03.sql, line 4: at the end"),
        ("psql: error: no connection", "psql: error: no connection"),
    ],
)
def test_a_schema_error_is_told_with_its_own_file_and_line(stderr: str, told: str) -> None:
    assert told in describe_failure(stderr, FILES)


def test_only_this_stacks_mark_lets_anything_happen() -> None:
    mark = '{"stack": "dev", "server_id": "1", "admin_password": "secret"}'
    assert read_mark(mark, "velpharma-dev", "dev")["server_id"] == "1"
    with pytest.raises(GuardRefused, match="stack dev created it, not dev2") as caught:
        read_mark(mark, "velpharma-dev", "dev2")
    assert "secret" not in str(caught.value)


def test_the_administrators_password_is_in_no_representation() -> None:
    assert "secret" not in repr(DockerServer("c", "dev", "127.0.0.1", 1, "secret"))


def test_a_sessions_name_fits_postgresql_and_says_who() -> None:
    name = application_name("load a-database-with-a-very-long-name-that-goes-on-and-on-and-on")
    assert len(name) <= 63
    assert "process" in name
