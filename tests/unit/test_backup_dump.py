"""What a dump holds and in which order, from plain values; the files it leaves while it works."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgseed.backup.model import SequenceValue
from pgseed.backup.reader import read_backup
from pgseed.backup.work_folder import leftovers, put_in_place, work_folder
from pgseed.dumping import read_notes
from pgseed.dumping.dump_text import TABLE_FOOTER, footer, header, sequence_text, table_header
from pgseed.dumping.tables import (
    DumpRefused,
    DumpTable,
    SortColumn,
    check_fits,
    order_tables,
)
from vpdb.backups.schema_part import stable_part


def table(oid: int, name: str = "", *columns: str, key: Iterable[SortColumn] = ()) -> DumpTable:
    return DumpTable(oid, "vpv4", name or f"t{oid}", columns, tuple(key))


def names(*tables: DumpTable, references: set[tuple[int, int]]) -> list[str]:
    return [t.name for t in order_tables(tables, references).tables]


def test_tables_come_by_name_behind_the_ones_they_refer_to() -> None:
    tables = [table(1, "a"), table(2, "b"), table(3, "c"), table(4, "Z")]
    assert names(*tables, references=set()) == ["Z", "a", "b", "c"]
    assert names(*tables, references={(1, 3), (3, 2)}) == ["Z", "b", "c", "a"]


def test_a_table_that_refers_to_itself_is_no_cycle() -> None:
    order = order_tables([table(1), table(2)], {(1, 1), (2, 1)})
    assert not order.cyclic
    assert not order.needs_replica_role


def test_references_to_tables_that_are_not_dumped_do_not_count() -> None:
    assert not order_tables([table(1)], {(1, 99)}).cyclic


def test_a_cycle_is_opened_at_one_table_and_needs_the_replica_role() -> None:
    tables = [table(1, "a"), table(2, "b"), table(3, "c"), table(4, "d")]
    order = order_tables(tables, {(1, 2), (2, 3), (3, 1), (4, 1)})
    assert [t.name for t in order.tables] == ["a", "c", "b", "d"]
    assert order.cyclic == {1}
    assert order.needs_replica_role


def test_a_trigger_on_insert_needs_the_replica_role() -> None:
    loud = DumpTable(1, "vpv4", "t", (), has_insert_triggers=True)
    assert order_tables([loud], set()).needs_replica_role


@given(st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8))), st.randoms())
@settings(deadline=None)
def test_the_order_depends_on_names_and_references_alone(
    references: set[tuple[int, int]], chance: object
) -> None:
    tables = [table(oid, "abcdefghi"[oid]) for oid in range(9)]
    first = order_tables(tables, references)
    chance.shuffle(tables)  # type: ignore[attr-defined]
    assert order_tables(tables, references) == first
    place = {t.oid: at for at, t in enumerate(first.tables)}
    for origin, to in references:
        if origin != to and origin not in first.cyclic:
            assert place[to] < place[origin]


def test_rows_are_ordered_by_key_and_text_by_its_bytes() -> None:
    key = [SortColumn("Id"), SortColumn("name", collated=True), SortColumn("span", by_text=True)]
    assert table(1, "t", "Id", key=key).query == (
        'COPY (SELECT "Id" FROM ONLY vpv4.t ORDER BY "Id", name COLLATE "C",'
        ' span::text COLLATE "C") TO STDOUT'
    )


def test_without_a_key_rows_are_ordered_by_all_columns_as_text() -> None:
    assert table(1, "t", "a", "order").query.endswith(
        ' ORDER BY a::text COLLATE "C", "order"::text COLLATE "C") TO STDOUT'
    )
    assert table(1, "t").query == "COPY (SELECT  FROM ONLY vpv4.t) TO STDOUT"


def test_what_the_projects_schema_does_not_have_is_named() -> None:
    tables = [table(1, "a", "x", "Y"), table(2, "b"), table(3, "c")]
    check_fits(tables, {"vpv4.a": ["x", "Y", "more"], "vpv4.b": [], "vpv4.c": [], "vpv4.d": []})
    with pytest.raises(DumpRefused) as refused:
        check_fits(tables, {"vpv4.a": ["x"], "vpv4.c": []})
    assert 'does not have column vpv4.a."Y", table vpv4.b.' in str(refused.value)


def test_a_long_list_of_surplus_is_cut() -> None:
    with pytest.raises(DumpRefused, match="and 3 more"):
        check_fits([table(n) for n in range(8)], {})


@pytest.mark.parametrize("replica", [False, True])
@pytest.mark.parametrize("name", ["plain", "Mixed", 'q"uote', "line\n\\! break", "it's"])
def test_what_is_written_is_what_our_own_reader_takes(
    name: str, replica: bool, tmp_path: Path
) -> None:
    it = table(1, name, "a", name)
    text = header(replica=replica, notes=["release 2026-11", "x\n\\! y"])
    text += table_header(it) + "1\t2\n" + TABLE_FOOTER
    text += sequence_text(SequenceValue("vpv4", name, -3, is_called=False))
    text += footer(replica=replica)
    path = tmp_path / "dump.sql"
    path.write_text(text, newline="")
    assert read_notes(path) == ("release 2026-11", "x \\! y")
    backup = read_backup(path, schema="vpv4")
    assert backup.tables == {it.qualified: 1}
    assert backup.blocks[0].columns == ("a", name)
    value = backup.sequence_values[0]
    assert (value.sequence, value.value, value.is_called) == (name, -3, False)


def test_pg_dumps_volatile_lines_are_left_out() -> None:
    text = """--
-- PostgreSQL database dump
--

\\restrict abc

-- Dumped from database version 17.6

SET statement_timeout = 0;

CREATE FUNCTION f() AS $$
-- Dumped from here
$$;

--
-- PostgreSQL database dump complete
--

\\unrestrict abc

"""
    assert stable_part(text) == (
        "SET statement_timeout = 0;\n\nCREATE FUNCTION f() AS $$\n-- Dumped from here\n$$;\n\n\n"
    )


def test_the_work_folder_goes_whatever_happens(tmp_path: Path) -> None:
    def fail() -> None:
        with work_folder(tmp_path / "new") as folder:
            (folder / "file").write_text("x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list((tmp_path / "new").iterdir()) == []


def test_what_a_dead_process_left_goes_and_what_a_live_one_uses_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f".tmp-{dead.pid}-abc").mkdir()
    (tmp_path / f".tmp-{dead.pid}-abc" / "piece-1").write_text("x")
    (tmp_path / f".tmp-{os.getpid()}-abc").mkdir()
    (tmp_path / "1-abc").mkdir()
    with work_folder(tmp_path) as folder:
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {f".tmp-{os.getpid()}-abc", "1-abc", folder.name}
    # Another user's process runs too.
    (tmp_path / ".tmp-1-abc").mkdir()
    with work_folder(tmp_path):
        assert (tmp_path / ".tmp-1-abc").exists()


def test_what_killed_processes_left_is_found_folders_and_files(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = tmp_path / f".tmp-{dead.pid}-abc"
    folder.mkdir()
    file = tmp_path / f".tmp-x.sql-{dead.pid}"
    for path in (file, tmp_path / f".tmp-x.sql-{os.getpid()}", tmp_path / ".tmp-mine"):
        path.touch()
    assert list(leftovers(tmp_path)) == [folder, file]
    # A file may be somebody's; only a person removes it.
    with work_folder(tmp_path):
        assert list(leftovers(tmp_path)) == [file]


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    new.write_text("new")
    put_in_place(new, old)
    assert old.read_text() == "new"
    assert not new.exists()
