"""Dated copies: which stay, which are compressed, which go; the list of backups; the size guard."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgseed.backup.reader import read_backup
from tests.hostile import HARMLESS
from vpdb.backups.dated_copies import (
    Retention,
    date_of,
    dated_name,
    keep_dated_copy,
    list_backups,
    plan_retention,
)
from vpdb.backups.git_settings import LIMIT_BYTES, size_advice, with_lfs

CURRENT = "production_backup_data_only.sql"
NOW = datetime(2026, 11, 22, 18, 54, 12)


def dated(day: int, suffix: str = ".sql") -> str:
    return f"production_backup_data_only_202611{day:02}_120000{suffix}"


def test_a_dated_name_carries_date_and_time_in_front_of_every_suffix() -> None:
    assert dated_name(CURRENT, NOW) == "production_backup_data_only_20261122_185412.sql"
    assert dated_name("b.sql.gz", NOW) == "b_20261122_185412.sql.gz"
    assert date_of(dated_name(CURRENT, NOW)) == NOW
    assert date_of(dated_name("b.sql.zst", NOW)) == NOW


@pytest.mark.parametrize("name", [CURRENT, "b_20261322_185412.sql", "b_20261122.sql", "b.txt"])
def test_other_names_carry_no_date(name: str) -> None:
    assert date_of(name) is None


def test_the_newest_stays_plain_older_ones_are_compressed_the_rest_goes() -> None:
    names = [CURRENT, *(dated(day) for day in (3, 1, 5, 4, 2))]
    assert plan_retention(names, CURRENT, 3) == Retention(
        compress=(dated(3), dated(4)), remove=(dated(1), dated(2))
    )


def test_compressed_copies_count_and_stay() -> None:
    names = [dated(5), dated(4, ".sql.gz"), dated(3, ".sql.zst"), dated(2, ".sql.gz")]
    assert plan_retention(names, CURRENT, 3) == Retention((), (dated(2, ".sql.gz"),))


def test_a_plain_copy_beside_its_compressed_one_goes() -> None:
    names = [dated(5), dated(4), dated(4, ".sql.gz")]
    assert plan_retention(names, CURRENT, 3) == Retention((), (dated(4),))


def test_nothing_is_kept_where_nothing_shall_be() -> None:
    assert plan_retention([CURRENT, dated(1)], CURRENT, 0) == Retention((), (dated(1),))


NAMES = st.one_of(
    st.builds(dated, st.integers(1, 30), st.sampled_from([".sql", ".sql.gz", ".sql.zst"])),
    st.sampled_from(
        [CURRENT, "README.md", "other_20261101_120000.sql", dated(1) + "x", "x" + dated(1),
         "production_backup_data_only_20269901_120000.sql", ".tmp-1-x"]
    ),
)  # fmt: skip


@given(st.sets(NAMES, max_size=20), st.integers(0, 5))
@settings(deadline=None)
def test_whatever_is_there_the_newest_stay_and_no_other_file_is_touched(
    names: set[str], keep: int
) -> None:
    plan = plan_retention(names, CURRENT, keep)
    touched = {*plan.compress, *plan.remove}
    assert touched <= names
    assert not set(plan.compress) & set(plan.remove)
    dates = {name: date for name in names if (date := date_of(name)) and name.startswith("prod")}
    assert touched <= dates.keys()
    newest = sorted(set(dates.values()), reverse=True)[:keep]
    assert {date for name, date in dates.items() if name not in plan.remove} == set(newest)
    after = names - touched | {f"{name}.gz" for name in plan.compress}
    assert plan_retention(after, CURRENT, keep) == Retention((), ())


def test_copies_are_made_compressed_and_removed(tmp_path: Path) -> None:
    target = tmp_path / CURRENT
    identities = {}
    for day in range(1, 6):
        target.write_bytes(HARMLESS.replace(b"one", b"day %d" % day))
        now = datetime(2026, 11, day, 12)
        copy, _ = keep_dated_copy(target, keep=3, now=now)
        assert copy == tmp_path / dated(day)
        assert copy.read_bytes() == target.read_bytes()
        identities[now] = read_backup(target, schema="vpv4").data_hash
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [CURRENT, dated(5), dated(4, ".sql.gz"), dated(3, ".sql.gz")]
    )
    for path in tmp_path.iterdir():
        date = date_of(path.name)
        if date:
            assert read_backup(path, schema="vpv4").data_hash == identities[date]


def test_a_copy_of_its_own_does_not_change_with_the_original(tmp_path: Path) -> None:
    target = tmp_path / CURRENT
    target.write_bytes(HARMLESS)
    copy, _ = keep_dated_copy(target, keep=1, now=NOW)
    with target.open("r+b") as file:
        file.write(b"changed")
    assert copy is not None
    assert copy.read_bytes() == HARMLESS


def test_no_copy_where_none_shall_be_kept(tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_bytes(HARMLESS)
    (tmp_path / dated(1)).write_bytes(HARMLESS)
    assert keep_dated_copy(tmp_path / CURRENT, keep=0, now=NOW)[0] is None
    assert [path.name for path in tmp_path.iterdir()] == [CURRENT]


def test_backups_are_listed_with_what_they_hold_the_newest_first(tmp_path: Path) -> None:
    current = tmp_path / CURRENT
    current.write_bytes(HARMLESS)
    os.utime(current, (NOW.timestamp(), NOW.timestamp()))
    (tmp_path / dated(1)).write_bytes(HARMLESS.replace(b"one", b"1"))
    (tmp_path / dated(30)).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "README.md").write_text("no backup")
    (tmp_path / "folder.sql").mkdir()
    broken, newest, oldest = list_backups(tmp_path, schema="vpv4")
    assert (newest.path, newest.date, newest.kind, newest.rows) == (current, NOW, "data-only", 2)
    assert newest.size_bytes == len(HARMLESS)
    assert newest.data_hash == read_backup(current, schema="vpv4").data_hash != oldest.data_hash
    assert "git lfs pull" in broken.problem
    assert list_backups(tmp_path / "none", schema="vpv4") == []


def test_small_files_need_no_advice() -> None:
    assert size_advice(Path("backups") / CURRENT, LIMIT_BYTES) == ""


def test_large_files_get_every_way_out_with_its_commands() -> None:
    advice = size_advice(Path("backups") / CURRENT, LIMIT_BYTES + 1)
    for command in ("git lfs track", ".sql.zst", "backupUrl", "backupSha256", "sha256sum"):
        assert command in advice
    assert "2." in advice
    assert "compressed file" not in size_advice(Path("backups/b.sql.gz"), LIMIT_BYTES + 1)


def test_the_lfs_line_stands_once_and_last() -> None:
    once = with_lfs("* text=auto\n/backups/*.sql -text diff=velpharma-backup\n", "/backups/*.sql")
    assert once.splitlines()[-1] == "/backups/*.sql filter=lfs diff=lfs merge=lfs -text"
    assert once.startswith("* text=auto\n")
    assert with_lfs(once, "/backups/*.sql") == once
