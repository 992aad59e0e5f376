"""What a release decides, records and says; bulk mode's note."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgseed.dumping import dump_text, read_notes
from vpdb import bulk, release
from vpdb.backups.team_dump import target_of_team
from vpdb.settings import Settings, load_settings

CHECKOUT = Path(__file__).resolve().parents[2]
A, B = "a" * 64, "b" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    (tmp_path / "backups").mkdir()
    (tmp_path / "Pulumi.yaml").write_text((CHECKOUT / "Pulumi.yaml").read_text())
    backup = tmp_path / "backups" / "production_backup_data_only.sql"
    return replace(load_settings(CHECKOUT, "dev"), project_dir=tmp_path, backup=backup)


def write_backup(settings: Settings, *notes: str) -> None:
    text = dump_text.header(replica=False, notes=notes) + dump_text.footer(replica=False)
    settings.backup.write_text(text, encoding="utf-8")


class TestPlan:
    def test_without_csvs_there_is_nothing_to_do(self, settings: Settings) -> None:
        plan = release.plan_release(settings, "2026-11")
        assert plan.why_not == "there are no CSVs in data/"

    def test_only_csv_files_count_in_the_order_of_their_names(self, settings: Settings) -> None:
        for name in ("b.csv", "a.csv", "c.txt"):
            (settings.project_dir / "data" / name).touch()
        (settings.project_dir / "data" / "d.csv").mkdir()
        plan = release.plan_release(settings, "2026-11")
        assert [file.path.name for file in plan.files] == ["a.csv", "b.csv"]

    def test_files_are_known_by_their_content(self, settings: Settings) -> None:
        path = settings.project_dir / "data" / "products.csv"
        path.write_text("a,b\n")
        first = release.plan_release(settings, "2026-11")
        path.touch()
        assert release.plan_release(settings, "2026-11") == first
        path.write_text("a,c\n")
        assert release.plan_release(settings, "2026-11").csv_hash != first.csv_hash

    def test_a_release_is_made_once_for_the_same_csvs(self, settings: Settings) -> None:
        (settings.project_dir / "data" / "products.csv").write_text("a,b\n")
        plan = release.plan_release(settings, "2026-11")
        assert not plan.why_not
        write_backup(settings, *release.with_record([], plan))
        again = release.plan_release(settings, "2026-11")
        assert "in the committed backup already" in again.why_not
        assert not release.plan_release(settings, "2026-12").why_not
        (settings.project_dir / "data" / "terms.csv").write_text("c\n")
        assert not release.plan_release(settings, "2026-11").why_not

    def test_names_and_contents_do_not_run_into_each_other(self) -> None:
        assert release.hash_of({"a": "bc"}) != release.hash_of({"ab": "c"})
        assert release.hash_of({"a": "1", "b": "2"}) == release.hash_of({"b": "2", "a": "1"})


class TestRecord:
    def test_it_is_read_from_the_backups_remarks(self, settings: Settings) -> None:
        write_backup(settings, f"Release 2026-10: CSVs {A}", "somebody's remark")
        assert read_notes(settings.backup) == (f"Release 2026-10: CSVs {A}", "somebody's remark")
        assert release.records(read_notes(settings.backup)) == {"2026-10": A}

    def test_a_corrected_release_replaces_its_record_and_keeps_the_others(self) -> None:
        plan = release.Plan("2026-11", (), B)
        notes = ["remark", f"Release 2026-10: CSVs {A}", f"Release 2026-11: CSVs {A}"]
        assert release.with_record(notes, plan) == [
            f"Release 2026-10: CSVs {A}",
            f"Release 2026-11: CSVs {B}",
            "remark",
        ]

    @pytest.mark.parametrize("text", ["", "-- nothing of ours\n", "version https://git-lfs…\n"])
    def test_other_files_have_none(self, settings: Settings, text: str) -> None:
        settings.backup.write_text(text)
        assert release.records(read_notes(settings.backup)) == {}

    def test_a_missing_file_has_none(self, settings: Settings) -> None:
        assert read_notes(settings.backup) == ()


def test_a_dated_copy_that_is_loaded_is_not_what_a_dump_replaces(settings: Settings) -> None:
    old = settings.backup.with_name("production_backup_20251015_120024.sql")
    assert target_of_team(replace(settings, backup=old)) == settings.backup
    packed = settings.backup.with_name("ours.sql.zst")
    assert target_of_team(replace(settings, backup=packed)) == packed


def released(before: dict[str, int], after: dict[str, int]) -> release.Released:
    return release.Released(release.Plan("2026-11", (), A), before, after)


def test_the_commit_message_names_what_grew() -> None:
    text = release.commit_message(
        released({"vpv4.a": 10, "vpv4.b": 1}, {"vpv4.a": 1200, "vpv4.b": 1, "vpv4.c": 2})
    )
    assert text == ("Release 2026-11: master data\n\nvpv4.a: 10 -> 1,200 rows\nvpv4.c: 0 -> 2 rows")
    same = release.commit_message(released({"vpv4.a": 1}, {"vpv4.a": 1}))
    assert same.endswith("as before in every table.")


class TestCommit:
    def git(self, folder: Path, *args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @pytest.fixture
    def repository(self, settings: Settings) -> Settings:
        folder = settings.project_dir
        self.git(folder, "init", "-q")
        self.git(folder, "config", "user.name", "t")
        self.git(folder, "config", "user.email", "t@example.org")
        write_backup(settings)
        self.git(folder, "add", "backups")
        self.git(folder, "commit", "-qm", "first")
        return settings

    def test_the_backup_alone_is_committed(self, repository: Settings) -> None:
        folder = repository.project_dir
        (folder / "mine.txt").write_text("not yet")
        self.git(folder, "add", "mine.txt")
        write_backup(repository, "new")
        made = release.commit(repository, released({}, {"vpv4.a": 1}))
        assert made == self.git(folder, "rev-parse", "--short", "HEAD")
        assert self.git(folder, "show", "--name-only", "--format=%s", "HEAD").splitlines() == [
            "Release 2026-11: master data",
            "",
            "backups/production_backup_data_only.sql",
        ]
        assert self.git(folder, "status", "--porcelain", "mine.txt") == "A  mine.txt"

    def test_nothing_to_commit(self, repository: Settings) -> None:
        assert release.commit(repository, released({}, {})) == ""

    def test_what_git_refuses_is_told(self, settings: Settings) -> None:
        write_backup(settings)
        with pytest.raises(release.ReleaseFailed, match="commit it by hand"):
            release.commit(settings, released({}, {}))


class TestBulkModeNote:
    def test_since_when_and_which_tables(self) -> None:
        mode = bulk.from_note('{"since": "2026-11-22T10:00:00Z", "tables": {"v.b": {}, "v.a": {}}}')
        assert mode.since == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert mode.tables == ("v.a", "v.b")
        assert mode.describe(mode.since.timestamp() + 7200) == (
            "on for 2 h, 2 tables without autovacuum"
        )

    def test_a_release_that_switched_it_on_is_named(self) -> None:
        note = '{"since": "2026-11-22T10:00:00Z", "tables": {}, "release": "2026-11"}'
        mode = bulk.from_note(note)
        assert mode.release == "2026-11"
        assert mode.describe().endswith("for release 2026-11, which was interrupted")
        running = replace(mode, release_runs=True)
        assert running.describe().endswith("for release 2026-11, which is under way")

    @pytest.mark.parametrize("note", ["", "{}", "[]", '{"since": "soon", "tables": {}}', "x"])
    def test_a_damaged_note_is_overdue_at_once(self, note: str, settings: Settings) -> None:
        assert bulk.overdue(bulk.from_note(note), settings)

    def test_overdue_after_the_hours_of_the_settings(self, settings: Settings) -> None:
        mode = bulk.BulkMode(datetime.now(UTC), ())
        start = mode.since.timestamp()
        assert bulk.overdue(None, settings) == ""
        assert bulk.overdue(mode, settings, start + 8 * 3600) == ""
        assert "longer than 8 h" in bulk.overdue(mode, settings, start + 8 * 3600 + 1)
        # A clock that was set back is no reason for alarm.
        assert bulk.overdue(mode, settings, start - 3600) == ""
