"""Readings that are remembered: never for other bytes, another schema or another reader."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pgseed.backup import reader
from pgseed.backup import reading_cache as known
from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import open_rows
from pgseed.errors import BackupRefused
from tests.hostile import HARMLESS, SCHEMA


@pytest.fixture(autouse=True)
def every_file_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgseed.backup.limits.REMEMBERED", 0)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path = tmp_path / "backup.sql"
    path.write_bytes(HARMLESS)
    return path


def read_now(path: Path, schema: str = SCHEMA) -> Backup:
    return known.read_known_backup(path, schema=schema, folder=path.parent / "readings")


def read(path: Path, schema: str = SCHEMA) -> Backup:
    """Read, and wait until it is remembered."""
    backup = read_now(path, schema)
    remembered()
    return backup


def remembered() -> None:
    for thread in threading.enumerate():
        if thread.name == known.REMEMBERING:
            thread.join(10)


def readings(path: Path) -> list[Path]:
    return sorted((path.parent / "readings").glob("*"))


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> Backup:
        raise AssertionError("the file was read once more")

    monkeypatch.setattr(reader, "read_backup", refuse)


def test_the_same_bytes_are_read_once(backup: Path, request: pytest.FixtureRequest) -> None:
    first = read(backup)
    request.getfixturevalue("no_reader")
    assert read(backup) == first == read_backup(backup, schema=SCHEMA)
    moved = backup.rename(backup.parent / "another.sql")
    again = read(moved)
    assert (again.path, again.data_hash) == (moved, first.data_hash)


def test_rows_come_from_a_file_that_was_only_hashed(
    backup: Path, request: pytest.FixtureRequest
) -> None:
    block = read(backup).blocks[0]
    request.getfixturevalue("no_reader")
    with open_rows(read(backup), block) as rows:
        assert rows.read().count(b"\n") == block.rows == 2


def test_a_changed_byte_is_read_anew(backup: Path) -> None:
    first = read(backup)
    start = read(backup).blocks[0].start
    changed = bytearray(HARMLESS)
    changed[start] = ord("7")
    backup.write_bytes(changed)
    assert read(backup).data_hash != first.data_hash


def test_what_is_refused_is_not_remembered(backup: Path) -> None:
    backup.write_bytes(HARMLESS + b"\n\\! true\n")
    for _ in range(2):
        with pytest.raises(BackupRefused):
            read(backup)
    assert readings(backup) == []


def test_another_schema_has_a_reading_of_its_own(backup: Path) -> None:
    read(backup)
    with pytest.raises(BackupRefused):
        read(backup, schema="another")


def test_another_reader_reads_anew(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(backup)
    monkeypatch.setattr(known, "_code", lambda: "another")
    read(backup)
    assert len(readings(backup)) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"blocks": [{}]}', '{"blocks": 1}'])
def test_a_damaged_reading_does_not_count(backup: Path, text: str) -> None:
    first = read(backup)
    for path in readings(backup):
        path.write_text(text)
    assert read(backup) == first


def test_a_folder_that_cannot_be_made_costs_only_time(backup: Path) -> None:
    (backup.parent / "readings").write_text("in the way")
    assert read(backup) == read_backup(backup, schema=SCHEMA)


def test_only_the_newest_stay(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST", 2)
    for number in range(4):
        backup.write_bytes(b"-- %d\n" % number + HARMLESS)
        read(backup)
    assert len(readings(backup)) == 2


def test_a_change_in_any_piece_is_read_anew(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_PIECE", 64)
    monkeypatch.setattr("pgseed.backup.utf8._CHUNK", 10)
    size = len(HARMLESS)
    with backup.open("rb") as file:
        known_hash = known._hash(file.fileno(), size, None)
    found = {known_hash}
    for place in range(size):
        changed = bytearray(HARMLESS)
        changed[place] ^= 1
        backup.write_bytes(changed)
        with backup.open("rb") as file:
            found.add(known._hash(file.fileno(), size, None))
    assert len(found) == size + 1


def test_nobody_waits_until_a_reading_is_remembered(
    backup: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    may_begin = threading.Event()
    remember = known._remember

    def remember_later(reading: Backup, folder: Path) -> None:
        assert may_begin.wait(10)
        remember(reading, folder)

    monkeypatch.setattr(known, "_remember", remember_later)
    first = read_now(backup)
    assert readings(backup) == []
    may_begin.set()
    remembered()
    request.getfixturevalue("no_reader")
    assert read(backup) == first


def test_what_changes_before_it_is_remembered_is_not(backup: Path) -> None:
    reading = read_backup(backup, schema=SCHEMA)
    backup.write_bytes(HARMLESS + b"\n\\! true\n")
    known._remember(reading, backup.parent / "readings")
    assert readings(backup) == []


def test_small_files_are_not_remembered(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgseed.backup.limits.REMEMBERED", 1_000_000)
    read(backup)
    assert readings(backup) == []


def test_a_file_that_changes_while_it_is_hashed_is_refused(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(backup)

    def hash_and_change(*_arguments: object) -> str:
        with backup.open("ab") as file:
            file.write(b"\n")
        return "x"

    monkeypatch.setattr(known, "_hash", hash_and_change)
    with pytest.raises(BackupRefused, match="it changed while it was read"):
        read(backup)
