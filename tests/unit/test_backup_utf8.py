"""Where a backup stops being UTF-8, and who finds out."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgseed.backup.reader import read_backup
from pgseed.backup.utf8 import CheckBeside, Utf8, first_fault
from pgseed.errors import BackupRefused
from tests.hostile import HARMLESS, SCHEMA


def expected(data: bytes) -> int | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


@given(st.lists(st.binary(max_size=6) | st.text(max_size=6).map(str.encode), max_size=6))
def test_the_place_of_the_first_fault_is_python_s_whatever_the_pieces(parts: list[bytes]) -> None:
    data, utf8, passed = b"".join(parts), Utf8(), 0
    found = None
    for part in parts:
        at = utf8.fault_in(part)
        if at is not None:
            found = passed + at
            break
        passed += len(part)
    if found is None and utf8.is_cut:
        found = len(data)
    place = expected(data)
    assert (found is None) == (place is None)
    if found is not None and place is not None:
        # A character cut by the end of a piece is found out in the next one.
        assert place <= found <= place + 3


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300))
def test_another_process_finds_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("utf8") / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        check = CheckBeside(file)
        try:
            assert check.first_fault() == first_fault(file.fileno())
        finally:
            check.close()


def test_a_process_that_was_killed_is_stood_in_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc\xff")
    with path.open("rb") as file:
        check = CheckBeside(file)
        os.kill(check._process.pid, signal.SIGKILL)
        assert check.first_fault() == 3
        check.close()


def test_a_large_backup_has_the_same_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup.sql"
    path.write_bytes(HARMLESS)
    before = read_backup(path, schema=SCHEMA)
    monkeypatch.setattr("pgseed.backup.limits.LARGE", 0)
    assert read_backup(path, schema=SCHEMA) == before


@pytest.mark.parametrize("at", ["rows", "statement", "comment", "end"])
def test_a_fault_anywhere_in_a_large_backup_is_refused_at_its_line(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgseed.backup.limits.LARGE", 0)
    lines = HARMLESS.split(b"\n")
    copy = next(n for n, line in enumerate(lines) if line.startswith(b"COPY"))
    place = {"rows": copy + 1, "statement": copy, "comment": 0, "end": len(lines) - 1}[at]
    lines[place] += b"\xff"
    path = tmp_path / "backup.sql"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(BackupRefused, match="not valid UTF-8") as refused:
        read_backup(path, schema=SCHEMA)
    assert refused.value.line == place + 1
