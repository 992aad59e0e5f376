"""Cached readings: never for other bytes, another schema or another reader."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pgseed.backup import reader
from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.backup.reading_cache import ReadingCache
from pgseed.backup.rows import open_rows
from pgseed.errors import BackupRefused
from tests.hostile import HARMLESS, SCHEMA


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path = tmp_path / "backup.sql"
    path.write_bytes(HARMLESS)
    return path


def read(path: Path, schema: str = SCHEMA) -> Backup:
    return ReadingCache(path.parent / "readings").read(path, schema=schema)


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


def test_another_reader_reads_anew(backup: Path) -> None:
    read(backup)
    ReadingCache(backup.parent / "readings", parser="another").read(backup, schema=SCHEMA)
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


def test_only_the_newest_stay(backup: Path) -> None:
    cache = ReadingCache(backup.parent / "readings", most=2)
    for number in range(4):
        backup.write_bytes(b"-- %d\n" % number + HARMLESS)
        cache.read(backup, schema=SCHEMA)
    assert len(readings(backup)) == 2


def test_a_change_of_any_byte_is_read_anew(backup: Path) -> None:
    changed = bytearray(HARMLESS)
    start = read(backup).blocks[0].start
    for place in range(start, start + 3):
        changed[place] = ord("x")
        backup.write_bytes(changed)
        assert read(backup) == read_backup(backup, schema=SCHEMA)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_backup_is_cached_too(
    backup: Path, pack: Callable[[bytes], bytes], request: pytest.FixtureRequest
) -> None:
    backup.write_bytes(pack(HARMLESS))
    first = read(backup)
    request.getfixturevalue("no_reader")
    again = read(backup)
    assert again == first
    with open_rows(again, again.blocks[0]) as rows:
        assert rows.read().count(b"\n") == 2


def test_what_changes_while_it_is_read_is_not_cached(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reader.read_backup

    def change_and_read(path: Path, **options: Any) -> Backup:
        path.write_bytes(b"-- changed\n" + HARMLESS)
        return real(path, **options)

    monkeypatch.setattr(reader, "read_backup", change_and_read)
    read(backup)
    assert readings(backup) == []


def test_a_file_that_changes_while_it_is_hashed_is_refused(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = hashlib.file_digest

    def hash_and_change(file: FileIO, digest: str) -> Any:
        with backup.open("ab") as end:
            end.write(b"\n")
        return real(file, digest)

    monkeypatch.setattr(hashlib, "file_digest", hash_and_change)
    with pytest.raises(BackupRefused, match="it changed while it was read"):
        read(backup)


def test_what_is_said_of_a_name_is_said_of_that_name_alone(backup: Path) -> None:
    backup.write_bytes(gzip.compress(HARMLESS))
    assert read(backup).notices == ("the name ends in .sql, the content is gzip",)
    assert read(backup.rename(backup.with_suffix(".gz"))).notices == ()
