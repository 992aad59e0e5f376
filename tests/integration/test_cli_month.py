"""The month at the command line: generate, load, bulk mode, release, dump, verify, analyze."""

from __future__ import annotations

import functools
import gzip
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pgseed.backup.reader import read_backup
from pgseed.dumping import read_notes
from sample_data.generated_files import generate_csvs, write_backup
from tests.integration.cli_stack import Stack, docker, new_stack, terminal, wait_until
from tests.support.long_run import faults
from vpdb import bulk as engine

BACKUP = "production_backup_data_only.sql"
SEED = "postgres/init/_05-seed-base.sql.disabled"

# What VelPharma's own loader does: a row, a round trip, a commit.
ROW_BY_ROW = """
import os, sys, psycopg2
connection = psycopg2.connect(
    host=sys.argv[1], port=sys.argv[2], dbname=sys.argv[3], user=sys.argv[4],
    password=os.environ["PGPASSWORD"], application_name="VelLoader")
connection.autocommit = True
cursor = connection.cursor()
for number in range(20):
    cursor.execute(
        "INSERT INTO vpv4.manufacturers (manufacturer_code, name, country_code, city)"
        " SELECT %s, %s, 'DE', 'Jena' WHERE NOT EXISTS"
        " (SELECT FROM vpv4.manufacturers WHERE manufacturer_code = %s)",
        (f"M-8{number:03}", f"Row by row {number} GmbH", f"M-8{number:03}"))
    print(f"row {number}", flush=True)
print("bulk mode:", end=" ")
cursor.execute("SELECT count(*) FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c"
               " WHERE c LIKE 'velpharma.bulk_mode=%%'")
print(cursor.fetchone()[0], flush=True)
sys.exit(int(sys.argv[5]))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = new_stack(tmp_path_factory.mktemp("month"))
    git(made.folder, "init", "-q", "-b", "main")
    git(made.folder, "config", "user.name", "Data Manager")
    git(made.folder, "config", "user.email", "data@example.org")
    try:
        made.create(in_memory=True)
        yield made
    finally:
        made.remove()


@pytest.fixture
def stack(shared: Stack) -> Iterator[Stack]:
    """The shared stack on a small generated backup, committed, without CSVs."""
    shared.configure()
    write_backup(shared.folder / "backups" / BACKUP, 0.005)
    git(shared.folder, "add", "backups")
    git(shared.folder, "commit", "-q", "--allow-empty", "-m", "last month")
    shared.load()
    engine.switch_off(shared.server, shared.settings)
    yield shared
    for path in (*(shared.folder / "data").glob("*.csv"), *(shared.folder / "backups").iterdir()):
        path.unlink()
    shutil.rmtree(shared.folder / "data" / "rejected", ignore_errors=True)


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def csv(stack: Stack, scale: float = 0.01) -> None:
    """This month's CSVs: what is there, some of it changed, and as much again."""
    generate_csvs(stack.folder / "data", scale)


@contextmanager
def release_lock(stack: Stack) -> Iterator[None]:
    """Hold what a release holds while it is under way."""
    with stack.server.session("postgres") as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (engine.RELEASE_LOCK_KEY,))
        yield


def release_runs(stack: Stack) -> bool:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'vpdb release%'"
    return stack.psql(sessions) != "0"


def options(stack: Stack) -> str:
    """Every option of a table, and the settings of the database."""
    return stack.psql(
        "SELECT oid::regclass, reloptions FROM pg_class WHERE reloptions IS NOT NULL ORDER BY 1;"
        " SELECT setconfig FROM pg_db_role_setting ORDER BY 1"
    )


def bulk_mode(stack: Stack) -> engine.BulkMode | None:
    return engine.read(stack.server, stack.settings)


def bulk(stack: Stack) -> dict[str, object]:
    """Ask the command line for the same."""
    document: dict[str, object] = json.loads(stack.vpdb("bulk", "status", "--json").stdout)
    return document


def fingerprint(stack: Stack) -> str:
    return stack.psql("SELECT md5(string_agg(a::text, '' ORDER BY a)) FROM vpv4.products a")


class TestBulkMode:
    def test_on_status_off(self, stack: Stack) -> None:
        csv(stack, 0.1)
        assert stack.vpdb("load").returncode == 0
        done = stack.vpdb("bulk", "on")
        assert done.returncode == 0, done.stderr
        assert "vpv4.adverse_drug_reactions" in done.stdout
        assert bulk(stack)["on"] is True
        off = "SELECT count(*) FROM pg_class WHERE reloptions::text LIKE '%autovacuum_enabled=off%'"
        assert stack.psql(off) != "0"
        assert "bulk mode on for" in stack.vpdb("status").stdout
        assert "bulk mode on for" in stack.vpdb("monitor").stdout
        assert "on for" in stack.vpdb("doctor").stdout
        assert stack.vpdb("bulk", "off").stdout == "bulk mode is off\n"
        assert stack.psql(off) == "0"
        assert stack.vpdb("bulk", "off").stdout == "bulk mode is off, as it was\n"

    def test_a_reset_and_a_reload_end_it_and_keep_other_settings(self, stack: Stack) -> None:
        stack.psql("ALTER DATABASE velpdevdb SET work_mem = '20MB'")
        stack.psql("ALTER DATABASE velpdevdb SET synchronous_commit = local")
        settings = "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d"
        settings += " ON d.oid = s.setdatabase WHERE datname = 'velpdevdb'"
        before = stack.psql(settings)
        stack.vpdb("bulk", "on")
        assert stack.psql(settings) != before
        assert stack.vpdb("reset").returncode == 0
        assert bulk(stack)["on"] is False
        assert sorted(stack.psql(settings)) == sorted(before)
        stack.psql("ALTER DATABASE velpdevdb RESET ALL")

    def test_overdue_is_told_everywhere_and_fixed_by_the_doctor(self, stack: Stack) -> None:
        stack.vpdb("bulk", "on")
        note = stack.psql("SHOW velpharma.bulk_mode")
        old = json.dumps({**json.loads(note), "since": "2026-01-01T00:00:00Z"})
        stack.psql(f"ALTER DATABASE velpdevdb SET velpharma.bulk_mode = '{old}'")
        status = stack.vpdb("bulk", "status")
        assert status.returncode == 3
        assert "longer than 8 h" in status.stdout
        assert "longer than 8 h" in stack.vpdb("status").stdout
        assert "bulk off" in stack.vpdb("doctor").stdout
        assert "fixed: switched bulk mode off" in stack.vpdb("doctor", "--fix").stdout
        assert bulk(stack)["on"] is False

    def test_what_a_release_switched_on_is_told_from_what_somebody_wanted(
        self, stack: Stack
    ) -> None:
        server, settings = stack.server, stack.settings
        before = options(stack)
        assert engine.switch_on(server, settings, release="2026-11").release == "2026-11"
        assert engine.switch_on(server, settings, release="2026-12").release == "2026-12"
        assert bulk(stack)["release"] == "2026-12"
        with release_lock(stack):
            mode = engine.read(server, settings)
            assert mode is not None
            assert mode.release_runs
            assert "under way" in stack.vpdb("status").stdout
            assert engine.end_interrupted(server, settings) == ""
        assert "release 2026-12, which was interrupted" in stack.vpdb("status").stdout
        assert engine.end_interrupted(server, settings) == "2026-12"
        assert engine.read(server, settings) is None
        assert options(stack) == before
        assert engine.end_interrupted(server, settings) == ""
        # By hand before or behind the release: it is theirs, and stays on.
        assert engine.switch_on(server, settings, release="2026-11").release == "2026-11"
        stack.vpdb("bulk", "on")
        assert engine.switch_on(server, settings, release="2026-11").release == ""
        assert engine.end_interrupted(server, settings) == ""
        assert bulk(stack)["on"] is True
        stack.vpdb("bulk", "off")
        assert options(stack) == before

    def test_what_the_settings_want_stays_on(self, stack: Stack) -> None:
        engine.switch_on(stack.server, stack.settings, release="2026-11")
        wanted = replace(stack.settings, bulk_mode=True)
        assert engine.end_interrupted(stack.server, wanted) == ""
        assert bulk(stack)["on"] is True
        stack.vpdb("bulk", "off")

    def test_a_server_that_is_gone_has_nothing_to_switch_off(self, stack: Stack) -> None:
        assert stack.vpdb("bulk", "off", "--stack", "nobody").returncode == 5
        assert stack.vpdb("bulk", "off", "--if-there", "--stack", "nobody").returncode == 0

    def test_a_missing_script_is_named(self, stack: Stack) -> None:
        script = stack.folder / "data" / "optimize-for-bulk-insert.sql"
        text = script.read_bytes()
        script.unlink()
        try:
            done = stack.vpdb("bulk", "on")
        finally:
            script.write_bytes(text)
        assert done.returncode == 1
        assert "git checkout -- data/optimize-for-bulk-insert.sql" in done.stderr

    def test_a_script_that_fails_changes_nothing(self, stack: Stack) -> None:
        script = stack.folder / "data" / "optimize-for-bulk-insert.sql"
        text = script.read_bytes()
        script.write_bytes(text.replace(b"COMMIT;", b"SELECT nonsense;\nCOMMIT;"))
        try:
            done = stack.vpdb("bulk", "on")
        finally:
            script.write_bytes(text)
        assert done.returncode == 1
        assert "nonsense" in done.stderr
        assert done.stderr.count("\n") == 1
        assert bulk(stack)["on"] is False


class TestLoad:
    def test_no_csvs(self, stack: Stack) -> None:
        done = stack.vpdb("load")
        assert done.returncode == 1
        assert "there are no CSVs in data/" in done.stderr

    def test_load_twice_and_dry_run(self, stack: Stack) -> None:
        csv(stack)
        before = fingerprint(stack)
        dry = stack.vpdb("load", "--dry-run")
        assert dry.stdout.endswith("dry run: nothing was written\n")
        assert fingerprint(stack) == before
        assert stack.vpdb("load").stdout.endswith("loaded\n")
        loaded = fingerprint(stack)
        assert loaded != before
        again = json.loads(stack.vpdb("load", "--json").stdout)
        assert all(file["inserted"] == file["updated"] == 0 for file in again["files"])
        assert fingerprint(stack) == loaded

    def test_bad_rows_are_counted_against_the_limit(self, stack: Stack) -> None:
        csv(stack)
        path = stack.folder / "data" / "products.csv"
        path.write_text(path.read_text() + "broken\n")
        before = fingerprint(stack)
        done = stack.vpdb("load", str(path))
        assert done.returncode == 1
        assert "1 rows are bad, 0 are allowed" in done.stdout
        assert (stack.folder / "data" / "rejected" / "products.csv").is_file()
        assert fingerprint(stack) == before
        assert stack.vpdb("load", "--max-rejected", "1", str(path)).returncode == 0
        assert fingerprint(stack) != before

    def test_generate_asks_before_it_replaces(self, stack: Stack) -> None:
        csv(stack)
        done = stack.vpdb("generate")
        assert done.returncode == 1
        assert "is there already" in done.stderr


class TestDump:
    def test_the_same_bytes_and_nothing_to_reload(self, stack: Stack) -> None:
        csv(stack)
        stack.vpdb("load")
        assert stack.vpdb("status").returncode == 4
        done = stack.vpdb("dump")
        assert done.returncode == 0, done.stderr
        assert "`pulumi up` reloads nothing" in done.stdout
        assert stack.vpdb("status").returncode == 0
        assert stack.load().action == "adopted"
        target = stack.folder / "backups" / BACKUP
        text = target.read_bytes()
        stack.psql("UPDATE vpv4.manufacturers SET name = name", database=None)
        stack.psql("VACUUM FULL")
        # The trigger notes the time of an update, so the data did change; put back, nothing did.
        stack.vpdb("reset", "--yes")
        assert stack.vpdb("dump").stdout.startswith("unchanged")
        assert target.read_bytes() == text
        assert len(list(target.parent.glob("*_2*.sql"))) == 1

    def test_written_after_the_dump_is_a_local_change(self, stack: Stack) -> None:
        csv(stack)
        stack.vpdb("load")
        stack.vpdb("dump")
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions WHERE adverse_drug_reaction_id = 1")
        done = stack.vpdb("status")
        assert done.returncode == 4
        assert "vpv4.adverse_drug_reactions" in done.stdout

    def test_full_and_elsewhere(self, stack: Stack) -> None:
        before = (stack.folder / "backups" / BACKUP).read_bytes()
        done = stack.vpdb("dump", "--full")
        assert done.returncode == 0, done.stderr
        (full,) = (stack.folder / "backups").glob("production_backup_2*.sql")
        assert "CREATE TABLE" in full.read_text()
        done = stack.vpdb("dump", "--out", "here.sql.gz")
        assert done.returncode == 0, done.stderr
        assert read_backup(stack.folder / "here.sql.gz", schema="vpv4").compression == "gzip"
        (stack.folder / "here.sql.gz").unlink()
        assert (stack.folder / "backups" / BACKUP).read_bytes() == before

    def test_what_init_does_not_have_is_refused(self, stack: Stack) -> None:
        before = (stack.folder / "backups" / BACKUP).read_bytes()
        stack.psql("ALTER TABLE vpv4.products ADD COLUMN mine text")
        done = stack.vpdb("dump")
        assert done.returncode == 1
        assert "column vpv4.products.mine" in done.stderr
        assert (stack.folder / "backups" / BACKUP).read_bytes() == before

    def test_lfs_is_set_up_on_request(self, stack: Stack) -> None:
        assert stack.vpdb("dump", "--lfs").returncode == 0
        path = stack.folder / ".gitattributes"
        assert f"/backups/{BACKUP} filter=lfs" in path.read_text()
        path.unlink()


class TestDiffAndVerify:
    def test_files_and_the_live_database(self, stack: Stack) -> None:
        name = f"backups/{BACKUP}"
        same = stack.vpdb("diff", name, "live")
        assert same.returncode == 0, same.stdout
        stack.psql("UPDATE vpv4.manufacturers SET name = 'Changed' WHERE manufacturer_id = 1")
        done = stack.vpdb("diff", name, "live")
        assert done.returncode == 3
        assert "vpv4.manufacturers: 1 changed" in done.stdout
        assert "'Changed'" in done.stdout
        document = json.loads(stack.vpdb("diff", name, "live", "--json").stdout)
        (table,) = document["tables"]
        assert (table["changed"], table["key"]) == (1, ["manufacturer_id"])

    def test_git_shows_a_backup_value_by_value(self, stack: Stack) -> None:
        (stack.folder / ".gitattributes").write_text("/backups/*.sql diff=velpharma-backup\n")
        assert stack.vpdb("textconv", "--install").returncode == 0
        path = stack.folder / "backups" / BACKUP
        path.write_text(path.read_text().replace("\tKopfschmerzen\t", "\tKopfweh\t", 1))
        text = subprocess.run(
            ["git", "diff", "backups"],
            cwd=stack.folder,
            env=stack.env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "-    german_name: Kopfschmerzen" in text
        assert "+    german_name: Kopfweh" in text
        (stack.folder / ".gitattributes").unlink()

    def test_verify(self, stack: Stack) -> None:
        done = stack.vpdb("verify")
        assert done.returncode == 0, done.stderr
        assert "constraints hold" in done.stdout
        assert "restored in" in done.stdout
        assert stack.psql("SELECT count(*) FROM pg_database WHERE datname LIKE '%build%'") == "0"
        document = json.loads(stack.vpdb("verify", "--json").stdout)
        assert document["rows"]["vpv4.products"] > 0

    def test_a_backup_that_breaks_a_foreign_key_does_not_verify(self, stack: Stack) -> None:
        path = stack.folder / "broken.sql"
        text = (stack.folder / SEED).read_text(encoding="utf-8")
        path.write_text(text.replace("1\t1\t1\t500.0000\tmg", "1\t77\t1\t500.0000\tmg"))
        before = fingerprint(stack)
        done = stack.vpdb("verify", str(path))
        path.unlink()
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert fingerprint(stack) == before

    def test_the_list_of_backups(self, stack: Stack) -> None:
        (stack.folder / "backups" / "bad.sql").write_text("DROP TABLE x;\n")
        stack.vpdb("dump", "--full")
        found = {Path(one["file"]).name: one for one in json.loads(
            stack.vpdb("backups", "--json").stdout)}  # fmt: skip
        assert found[BACKUP]["current"]
        assert found[BACKUP]["loaded"]
        assert found["bad.sql"]["problem"]
        text = stack.vpdb("backups").stdout
        assert "current, loaded" in text
        assert "unreadable" in text
        # On a terminal that is too narrow for the columns every name stays whole.
        with terminal(stack, "backups") as screen:
            screen.wait()
        lines = re.sub(r".*\r(?!\n)|\x1b\[[0-9;]*[mK]", "", screen.text).split("\r\n")
        assert max(map(len, lines)) <= 80
        assert {BACKUP, "bad.sql"} <= set(lines)
        assert any(line.startswith("  ") and line.endswith("current, loaded") for line in lines)


class TestRelease:
    def release(self, stack: Stack, *args: str) -> subprocess.CompletedProcess[str]:
        return stack.vpdb("release", "2026-11", *args)

    def test_it_loads_dumps_records_and_commits_once(self, stack: Stack) -> None:
        csv(stack)
        plan = self.release(stack, "--dry-run")
        assert "products.csv" in plan.stdout
        done = self.release(stack, "--commit")
        assert done.returncode == 0, done.stderr
        assert "rows before and after:" in done.stdout
        assert "Release 2026-11: master data" in done.stdout
        assert bulk_mode(stack) is None
        (note,) = read_notes(stack.folder / "backups" / BACKUP)
        assert note.startswith("Release 2026-11: CSVs ")
        assert git(stack.folder, "log", "-1", "--format=%s") == "Release 2026-11: master data"
        assert git(stack.folder, "status", "--porcelain", "--untracked-files=no") == ""
        assert stack.vpdb("status").returncode == 0
        again = self.release(stack)
        assert again.returncode == 0
        assert again.stdout.startswith("nothing to do: release 2026-11 of these CSVs")
        # A later dump keeps the record.
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        assert stack.vpdb("dump").returncode == 0
        assert read_notes(stack.folder / "backups" / BACKUP) == (note,)

    def test_a_newer_backup_is_refused_before_anything_is_loaded(self, stack: Stack) -> None:
        assert stack.vpdb("dump").returncode == 0
        backup = stack.folder / "backups" / BACKUP
        pulled = backup.read_bytes().replace(b"MF-0001", b"MF-9001", 1)
        assert pulled != backup.read_bytes()
        backup.write_bytes(pulled)
        csv(stack)
        before = stack.psql("SELECT count(*) FROM vpv4.products")
        for command in (("release", "2027-01"), ("dump",)):
            done = stack.vpdb(*command)
            assert done.returncode == 1
            assert "holds other rows than velpdevdb was loaded from" in done.stderr
            assert backup.read_bytes() == pulled
        assert stack.psql("SELECT count(*) FROM vpv4.products") == before
        assert bulk_mode(stack) is None
        assert stack.vpdb("dump", "--over-newer").returncode == 0
        copies = [gzip.decompress(path.read_bytes()) for path in backup.parent.glob("*_2*.sql.gz")]
        assert pulled in copies, "what was replaced is kept under its date"

    def test_without_csvs_nothing_happens(self, stack: Stack) -> None:
        done = self.release(stack)
        assert done.returncode == 0
        assert done.stdout == "nothing to do: there are no CSVs in data/\n"

    def test_a_bad_month(self, stack: Stack) -> None:
        done = stack.vpdb("release", "November")
        assert done.returncode == 1
        assert "YYYY-MM" in done.stderr

    def test_a_load_that_fails_leaves_everything_and_ends_bulk_mode(self, stack: Stack) -> None:
        csv(stack)
        path = stack.folder / "data" / "products.csv"
        path.write_text(path.read_text() + "broken\n")
        rows, file = fingerprint(stack), (stack.folder / "backups" / BACKUP).read_bytes()
        done = self.release(stack)
        assert done.returncode == 1
        assert "rows are bad" in done.stderr
        assert bulk_mode(stack) is None
        assert fingerprint(stack) == rows
        assert (stack.folder / "backups" / BACKUP).read_bytes() == file

    def test_a_csv_of_no_table_is_named(self, stack: Stack) -> None:
        csv(stack)
        (stack.folder / "data" / "prices.csv").write_text("a\n1\n")
        done = self.release(stack)
        assert done.returncode == 1
        assert "prices.csv" in done.stderr
        assert bulk_mode(stack) is None

    def test_two_at_once(self, stack: Stack) -> None:
        csv(stack)
        with release_lock(stack):
            done = self.release(stack)
        assert done.returncode == 1
        assert "another release of this stack is under way" in done.stderr

    def loader(self, stack: Stack, code: int) -> None:
        script = stack.folder / "loader.py"
        script.write_text(ROW_BY_ROW)
        line = f"{sys.executable} {script} {{host}} {{port}} {{database}} {{user}} {code}"
        stack.configure(loader=json.dumps(line))

    def test_an_external_loader(self, stack: Stack) -> None:
        csv(stack)
        self.loader(stack, 0)
        done = self.release(stack)
        assert done.returncode == 0, done.stderr
        assert "row 19" in done.stdout
        assert "bulk mode: 1" in done.stdout
        assert bulk_mode(stack) is None
        assert "Row by row 19 GmbH" in (stack.folder / "backups" / BACKUP).read_text()

    def test_an_external_loader_that_fails(self, stack: Stack) -> None:
        csv(stack)
        self.loader(stack, 3)
        file = (stack.folder / "backups" / BACKUP).read_bytes()
        done = self.release(stack)
        assert done.returncode == 1
        assert "ended with code 3" in done.stderr
        assert bulk_mode(stack) is None
        assert (stack.folder / "backups" / BACKUP).read_bytes() == file

    def test_a_database_that_was_swapped_in_meanwhile_is_not_dumped_as_the_release(
        self, stack: Stack
    ) -> None:
        csv(stack)
        file = stack.folder / "backups" / BACKUP
        old = file.read_bytes()
        # As if somebody did it in another window while the loader runs.
        stack.configure(loader=json.dumps(f"{sys.executable} -m vpdb reset"))
        done = self.release(stack)
        assert done.returncode == 1
        assert "took the place" in done.stderr
        assert bulk_mode(stack) is None
        assert file.read_bytes() == old, "no record of a release that is not in it"
        stack.configure()
        assert self.release(stack).returncode == 0

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_told_to_end_it_ends_loader_and_bulk_mode_first(
        self, stack: Stack, end: signal.Signals
    ) -> None:
        csv(stack)
        code = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(60)"
        stack.configure(loader=json.dumps(f"{sys.executable} -c {shlex.quote(code)}"))
        run = self.start(stack)
        wait_until((stack.folder / "started").exists)
        assert bulk_mode(stack) is not None
        run.send_signal(end)
        assert run.wait(60) in (128 + end, 130)
        (stack.folder / "started").unlink()
        assert bulk_mode(stack) is None

    def test_killed_while_loading_its_bulk_mode_is_known_to_be_nobodys(self, stack: Stack) -> None:
        csv(stack)
        before, file = options(stack), (stack.folder / "backups" / BACKUP).read_bytes()
        code = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(5)"
        stack.configure(loader=json.dumps(f"{sys.executable} -c {shlex.quote(code)}"))
        run = self.start(stack)
        wait_until((stack.folder / "started").exists)
        assert engine.end_interrupted(stack.server, stack.settings) == "", "it is under way"
        run.kill()
        run.wait()
        (stack.folder / "started").unlink()
        assert bulk_mode(stack) is not None
        assert options(stack) != before
        ended = functools.partial(engine.end_interrupted, stack.server, stack.settings)
        wait_until(lambda: ended() == "2026-11", what="the end of the killed release's lock")
        assert bulk_mode(stack) is None
        assert options(stack) == before
        assert (stack.folder / "backups" / BACKUP).read_bytes() == file

    def test_bulk_mode_that_the_settings_want_outlives_a_release(self, stack: Stack) -> None:
        csv(stack)
        stack.configure(bulkMode="true")
        assert self.release(stack).returncode == 0
        mode = bulk_mode(stack)
        assert mode is not None
        assert mode.release == ""
        stack.vpdb("bulk", "off")

    def start(self, stack: Stack) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "vpdb", "release", "2026-11"],
            cwd=stack.folder,
            env=stack.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @pytest.mark.parametrize("share", [0.4, 0.8, *faults(0.2, 0.6, 0.7, 0.9, 0.97)])
    def test_killed_at_any_point_it_is_made_by_doing_it_again(
        self, stack: Stack, share: float, whole_s: list[float]
    ) -> None:
        csv(stack)
        file = stack.folder / "backups" / BACKUP
        old = file.read_bytes()
        if not whole_s:
            began = time.monotonic()
            assert self.start(stack).wait(120) == 0
            whole_s.append(time.monotonic() - began)
            file.write_bytes(old)
            stack.load()
        run = self.start(stack)
        time.sleep(share * whole_s[0])
        run.kill()
        run.wait()
        # Whole, whichever it is.
        read_backup(file, schema="vpv4")
        wait_until(lambda: not release_runs(stack), what="the end of the killed release's session")
        engine.end_interrupted(stack.server, stack.settings)
        assert bulk_mode(stack) is None
        done = self.release(stack)
        assert done.returncode == 0, done.stderr
        assert bulk_mode(stack) is None
        assert stack.vpdb("verify").returncode == 0
        assert stack.vpdb("diff", f"backups/{BACKUP}", "live").returncode == 0
        assert not [p for p in file.parent.iterdir() if p.name.startswith(".tmp")]


@pytest.fixture(scope="module")
def whole_s() -> list[float]:
    """How long an undisturbed release takes here; measured by the first test that needs it."""
    return []


class TestAnalyze:
    def test_tables_and_advice(self, stack: Stack) -> None:
        done = stack.vpdb("analyze")
        assert done.returncode == 0, done.stderr
        assert "1. The database" in done.stdout
        assert "Advice:" in done.stdout
        assert "look again after a day's work" in done.stdout
        only = stack.vpdb("analyze", "--advice").stdout
        assert "1. The database" not in only

    def test_a_missing_index_and_bloat_are_advised_on(self, stack: Stack) -> None:
        stack.psql(
            "CREATE TABLE vpv4.bare (id int REFERENCES vpv4.products); "
            "INSERT INTO vpv4.bare SELECT 1 FROM generate_series(1, 5000); "
            "ALTER TABLE vpv4.bare SET (autovacuum_enabled = off)"
        )
        stack.psql("DELETE FROM vpv4.bare WHERE ctid > '(5,0)'")
        with closing(stack.connect()) as session, session.cursor() as cursor:
            wait_until(
                lambda: (
                    cursor.execute(
                        "SELECT pg_stat_force_next_flush(); "
                        "SELECT n_dead_tup > 1000 FROM pg_stat_user_tables WHERE relname = 'bare'"
                    )
                    or session.commit()
                    or stack.psql(
                        "SELECT n_dead_tup > 1000 FROM pg_stat_user_tables WHERE relname = 'bare'"
                    )
                    == "t"
                )
            )
        text = stack.vpdb("analyze", "--advice").stdout
        assert "CREATE INDEX ON vpv4.bare (id);" in text
        assert "VACUUM vpv4.bare;" in text
        stack.vpdb("reset", "--yes")


def test_the_guard_covers_the_month_too(stack: Stack) -> None:
    other = f"{stack.project}-other"
    docker("rename", stack.container, other)
    try:
        csv(stack)
        for command in (["bulk", "on"], ["load"], ["dump"], ["release", "2026-11"]):
            done = stack.vpdb(*command, "--stack", "other")
            assert done.returncode == 1
            assert "stack dev created it, not other" in done.stderr
    finally:
        docker("rename", other, stack.container)
