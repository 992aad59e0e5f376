"""The data manager's month by `pulumi up`: bulk mode, release, dump, each once and never half."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project, free_port
from tests.e2e.test_reload import SEED, stamp_time

ROW = (
    "VP-999999,Neues Präparat 5 mg,MF-0001,Filmtablette,10,Stück,9.90,true,authorised,"
    "2026-01-02,,\n"
)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.up()


def forget(project: Project, *keys: str) -> None:
    for key in keys:
        project.pulumi("config", "rm", key, "--stack", project.stack, check=False)


def tables_in_bulk_mode(project: Project) -> int:
    ((tables,),) = project.query(
        "SELECT count(*) FROM pg_class"
        " WHERE array_to_string(reloptions, ' ') ~ 'autovacuum_enabled=(off|false)'"
    )
    return int(tables)


def test_a_release_without_csvs_does_nothing_and_says_so(project: Project) -> None:
    project.config("release", "2026-11")
    try:
        assert "there are no CSVs" in project.preview()
        assert project.planned() == {}
    finally:
        forget(project, "release")


def test_a_release_loads_dumps_and_leaves_the_next_up_nothing_to_do(project: Project) -> None:
    project.vpdb("generate", "--yes")
    products = project.folder / "data" / "products.csv"
    products.write_text(products.read_text(encoding="utf-8") + ROW, encoding="utf-8")
    project.config("release", "2026-11")
    try:
        assert "products.csv sha256:" in project.preview()
        output = project.up()
        assert "backups: 2026-11" in output or "2026-11" in output
        assert project.counts() == (2282, 29222)
        assert tables_in_bulk_mode(project) == 0
        assert "VP-999999" in project.backup.read_text(encoding="utf-8")
        loaded = stamp_time(project)
        assert project.planned() == {SEED: "update"}, "the dumped database is adopted"
        project.up()
        assert stamp_time(project) == loaded, "nothing was reloaded"
        assert project.planned() == {}
        first = project.backup.read_bytes()
        project.up()
        assert project.backup.read_bytes() == first
    finally:
        forget(project, "release")
    project.up()
    assert project.counts() == (2282, 29222)


def test_a_wrong_csv_changes_nothing_and_ends_bulk_mode(project: Project) -> None:
    products = project.folder / "data" / "products.csv"
    good = products.read_text(encoding="utf-8")
    before, backup = project.content_hash(), project.backup.read_bytes()
    products.write_text(good.replace("VP-999999,", "VP-999998,").replace("9.90", "cheap"))
    project.config("release", "2026-12")
    try:
        output = project.refused_up()
        assert "products.csv" in output
        assert "Traceback" not in output
        assert project.content_hash() == before
        assert project.backup.read_bytes() == backup
        assert tables_in_bulk_mode(project) == 0
    finally:
        products.write_text(good, encoding="utf-8")
        forget(project, "release")
    project.up()


def test_bulk_mode_goes_on_and_off_also_together_with_a_new_port(project: Project) -> None:
    project.config("bulkMode", "true")
    project.up()
    assert tables_in_bulk_mode(project) > 0
    assert project.planned() == {}
    assert "bulk mode" in project.vpdb("status", check=False)
    project.config("bulkMode", "false")
    old_port, project.port = project.port, free_port()
    project.config("port", str(project.port))
    project.up()
    assert tables_in_bulk_mode(project) == 0
    project.port = old_port
    project.config("port", str(old_port))
    project.up()
    assert project.planned() == {}


def test_bulk_mode_outlives_a_reload_that_ends_it(project: Project) -> None:
    project.config("bulkMode", "true")
    backup = project.backup.read_bytes()
    try:
        project.up()
        project.edit_backup("Ibuprofen", "Ibuprofen changed")
        project.up()
        assert tables_in_bulk_mode(project) > 0
    finally:
        forget(project, "bulkMode")
        project.backup.write_bytes(backup)
    project.up()
    assert tables_in_bulk_mode(project) == 0


def test_a_dump_is_written_once_for_each_label(project: Project) -> None:
    project.query("DELETE FROM vpv4.products WHERE product_number = 'VP-999999'")
    project.config("dump", "without-the-new-one")
    try:
        project.up()
        written = project.backup.read_bytes()
        assert b"VP-999999" not in written
        project.up()
        assert project.backup.read_bytes() == written
        assert project.planned() == {}
    finally:
        forget(project, "dump")
    project.up()
    assert project.planned() == {}
