"""Nothing but data comes through the reader; everything else is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgseed.backup.reader import read_backup
from pgseed.errors import BackupRefused
from tests.hostile import CANARY, CASES, HARMLESS, SCHEMA, Hostile, bomb


def _write(folder: Path, case: Hostile) -> Path:
    path = folder / f"backup{case.suffix}"
    path.write_bytes(case.data)
    return path


def test_every_case_has_its_own_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 250


def test_what_the_cases_are_built_around_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "backup.sql"
    path.write_bytes(HARMLESS)
    assert read_backup(path, schema=SCHEMA).tables == {"vpv4.items": 2}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_backup_is_refused_with_its_line(case: Hostile, tmp_path: Path) -> None:
    path = _write(tmp_path, case)
    with pytest.raises(BackupRefused) as refused:
        read_backup(path, schema=SCHEMA)
    assert (refused.value.line, case.says in str(refused.value)) == (case.line, True), refused.value
    assert str(path) in str(refused.value)
    assert len(str(refused.value)) < 500 + len(str(path))
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_refusal_cannot_steer_the_terminal(case: Hostile, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused) as refused:
        read_backup(_write(tmp_path, case), schema=SCHEMA)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("case", [c for c in CASES if c.suffix == ".sql"], ids=lambda c: c.name)
def test_the_refusal_does_not_depend_on_how_the_file_is_cut_into_reads(
    case: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgseed.backup.limits.CHUNK", 7)
    with pytest.raises(BackupRefused) as refused:
        read_backup(_write(tmp_path, case), schema=SCHEMA)
    assert (refused.value.line, case.says in str(refused.value)) == (case.line, True), refused.value


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.sql"
    path.write_bytes(bomb(compression, 140))
    with pytest.raises(BackupRefused, match="bomb"):
        read_backup(path, schema=SCHEMA)


def test_a_small_backup_may_be_as_uniform_as_it_likes(tmp_path: Path) -> None:
    path = tmp_path / "backup.sql.gz"
    path.write_bytes(bomb("gzip", 3))
    assert read_backup(path, schema=SCHEMA).rows == 3 * (1024 * 1024 // 3)


def test_an_absolute_limit_bounds_what_is_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgseed.backup.limits.UNCOMPRESSED", 1024 * 1024)
    path = tmp_path / "backup.sql.gz"
    path.write_bytes(bomb("gzip", 3))
    with pytest.raises(BackupRefused, match="it decompresses to more than"):
        read_backup(path, schema=SCHEMA)


@pytest.mark.parametrize(
    ("limit", "text", "says"),
    [
        ("COMMENT", b"-- " + b"x" * 5000, "a comment is longer"),
        ("COMMENT", b"/* " + b"x" * 5000 + b" */", "a comment is longer"),
        ("STATEMENT", b"SET " + b"x" * 5000, "a statement is longer"),
        ("STATEMENT", b"INSERT INTO vpv4.items VALUES (1, '" + b"x" * 5000 + b"');", "longer"),
        ("STATEMENT", b"INSERT INTO vpv4.items VALUES (1, E'" + b"x" * 5000 + b"');", "longer"),
        ("STATEMENT", b"INSERT INTO vpv4.items VALUES " + b"(1, 'x'),\n" * 5000, "longer"),
        ("STATEMENT", b"CREATE FUNCTION f() AS $$" + b"x" * 5000 + b"$$;", "a statement is longer"),
        ("STATEMENT", b" " * 5000 + b"SET lock_timeout = 0;", "a statement is longer"),
        ("STATEMENT_TOKENS", b"CREATE VIEW v AS SELECT " + b"1," * 5000 + b"1;", "absurdly long"),
        ("ROW", b"COPY vpv4.items FROM stdin;\n" + b"x" * 5000 + b"\n\\.\n", "a row is longer"),
    ],
)  # fmt: skip
def test_absurdly_long_parts_are_refused(
    limit: str, text: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgseed.backup.limits.CHUNK", 100)
    monkeypatch.setattr(f"pgseed.backup.limits.{limit}", 1000)
    path = tmp_path / "backup.sql"
    path.write_bytes(b"SET row_security = off;\n" + text)
    with pytest.raises(BackupRefused, match=re.escape(says)):
        read_backup(path, schema=SCHEMA)
