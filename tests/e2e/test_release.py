"""The data manager's month by `pulumi up`: bulk mode, release, dump, each once and never half."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.e2e.project import Project, free_port
from tests.e2e.test_reload import SEED, stamp_of
from tests.integration.cli_stack import wait_until

ROW = (
    "VP-999999,Neues Präparat 5 mg,MF-0001,Filmtablette,10,Stück,9.90,true,authorised,"
    "2026-01-02,,\n"
)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.rest()


def tables_in_bulk_mode(project: Project) -> int:
    ((tables,),) = project.query(
        "SELECT count(*) FROM pg_class"
        " WHERE array_to_string(reloptions, ' ') ~ 'autovacuum_enabled=(off|false)'"
    )
    return int(tables)


def test_a_release_loads_dumps_and_leaves_the_next_up_nothing_to_do(project: Project) -> None:
    project.configure(release="2026-11")
    plan = project.plan()
    assert "there are no CSVs" in plan.text
    assert plan.operations == {}

    project.vpdb("generate", "--yes")
    products = project.folder / "data" / "products.csv"
    products.write_text(products.read_text(encoding="utf-8") + ROW, encoding="utf-8")
    assert "products.csv sha256:" in project.diff()
    assert "2026-11" in project.up()
    assert project.counts() == (2282, 29222)
    assert tables_in_bulk_mode(project) == 0
    assert "VP-999999" in project.backup.read_text(encoding="utf-8")

    written, loaded = project.backup.read_bytes(), stamp_of(project)
    assert project.plan().operations == {SEED: "update"}, "the dumped database is adopted"
    project.up()
    assert stamp_of(project) == loaded, "nothing was reloaded"
    assert project.backup.read_bytes() == written
    assert project.plan().operations == {}
    assert project.counts() == (2282, 29222)


def test_a_wrong_csv_changes_nothing_and_ends_bulk_mode(project: Project) -> None:
    products = project.folder / "data" / "products.csv"
    good = products.read_text(encoding="utf-8")
    before, backup = project.content_hash(), project.backup.read_bytes()
    products.write_text(good.replace("VP-999999,", "VP-999998,").replace("9.90", "cheap"))
    project.configure(release="2026-12")
    try:
        project.refused_up(r"products\.csv")
        assert project.content_hash() == before
        assert project.backup.read_bytes() == backup
        assert tables_in_bulk_mode(project) == 0
    finally:
        products.write_text(good, encoding="utf-8")
        project.configure()


def test_bulk_mode_outlives_a_reload_and_goes_off_together_with_a_new_port(
    project: Project,
) -> None:
    backup, old_port = project.backup.read_bytes(), project.port
    try:
        project.configure(bulkMode="true")
        project.up()
        assert tables_in_bulk_mode(project) > 0
        assert "bulk mode" in project.vpdb("status", check=False)
        project.edit_backup("Ibuprofen", "Ibuprofen changed")
        project.up()
        assert tables_in_bulk_mode(project) > 0
        assert project.plan().operations == {}
        project.port = free_port()
        project.configure(bulkMode="false")
        project.up()
        assert tables_in_bulk_mode(project) == 0
    finally:
        project.port = old_port
        project.configure()
        project.backup.write_bytes(backup)
    project.up()
    assert tables_in_bulk_mode(project) == 0


def test_a_dump_is_written_once_for_each_label(project: Project) -> None:
    project.query("DELETE FROM vpv4.products WHERE product_number = 'VP-999999'")
    project.configure(dump="without-the-new-one")
    project.up()
    written = project.backup.read_bytes()
    assert b"VP-999999" not in written
    project.up()
    assert project.backup.read_bytes() == written
    assert project.plan().operations == {}
    project.configure()
    project.up()


# A stand-in for a loader that takes long; it ends by itself some time after its release was killed.
SLOW_LOADER = "import pathlib, time; pathlib.Path('loading').touch(); time.sleep(6)"


def options(project: Project) -> list[tuple[object, ...]]:
    """Every option of a table, and the settings of the database."""
    return project.query(
        "SELECT oid::regclass::text, reloptions::text FROM pg_class WHERE reloptions IS NOT NULL"
        " UNION ALL SELECT 'database', setconfig::text FROM pg_db_role_setting ORDER BY 1, 2"
    )


def release_process(project: Project) -> int:
    """The process that makes a release, 0 for none: its session is named after it."""
    rows = project.query(
        "SELECT substring(application_name FROM 'process ([0-9]+)$')::int FROM pg_stat_activity"
        " WHERE application_name LIKE 'vpdb release %'"
    )
    return int(rows[0][0]) if rows else 0


def begin_slow_release(project: Project, month: str) -> subprocess.Popen[bytes]:
    """Start `pulumi up` of a release, and wait until it loads."""
    if not list((project.folder / "data").glob("*.csv")):
        project.vpdb("generate", "--yes")
    loading = project.folder / "loading"
    loader = f"{sys.executable} -c {shlex.quote(SLOW_LOADER)}"
    project.configure(loader=loader, release=month)
    pulumi = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", project.stack],
        cwd=project.folder,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(loading.exists, timeout_s=120, what="the load")
    loading.unlink()
    return pulumi


def test_a_killed_releases_bulk_mode_ends_with_the_next_up_and_shows_no_change_later(
    project: Project,
) -> None:
    before, counts, backup = options(project), project.counts(), project.backup.read_bytes()
    pulumi = begin_slow_release(project, "2027-01")
    try:
        assert tables_in_bulk_mode(project) > 0
        os.kill(release_process(project), signal.SIGKILL)
        assert pulumi.wait(60) != 0
        assert tables_in_bulk_mode(project) > 0, "nobody was left to switch it off"
    finally:
        pulumi.kill()
        project.configure()
    wait_until(lambda: not release_process(project))
    plan, release = project.plan(), "release/velpharma:index:Release"
    assert "release 2027-01 was interrupted and left bulk mode on" in plan.text
    assert plan.operations == {SEED: "update", release: "delete"}, "no reload"
    loaded = stamp_of(project)
    project.up()
    assert options(project) == before
    assert stamp_of(project) == loaded, "nothing was reloaded"
    assert (project.counts(), project.backup.read_bytes()) == (counts, backup)
    project.up("--expect-no-changes")
    plan = project.plan()
    assert plan.operations == {}
    assert "interrupted" not in plan.text


def test_bulk_mode_is_off_after_a_pulumi_that_was_killed_in_a_release(project: Project) -> None:
    before, backup = options(project), project.backup.read_bytes()
    pulumi = begin_slow_release(project, "2027-02")
    try:
        maker = release_process(project)
        pulumi.kill()
        pulumi.wait()
        # Its provider ends the command as soon as it notices; so that nothing can be tidied up:
        with suppress(ProcessLookupError):
            os.kill(maker, signal.SIGKILL)
    finally:
        pulumi.kill()
        project.configure()
    wait_until(lambda: not release_process(project))
    # Plain `pulumi up` asks for `pulumi cancel` first: the killed one has left its lock.
    project.bootstrap("up", "--stack", project.stack)
    assert options(project) == before
    assert project.backup.read_bytes() == backup
    assert project.plan().operations == {}
