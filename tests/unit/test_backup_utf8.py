"""A backup that stops being UTF-8 is refused at that line, however it is cut into reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgseed.backup.reader import read_backup
from pgseed.errors import BackupRefused
from tests.hostile import HARMLESS, SCHEMA

PIECES = st.binary(max_size=6) | st.text(max_size=6).map(str.encode)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=6).map(b"".join), st.integers(1, 9))
def test_a_comment_passes_just_where_python_can_decode_it(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int
) -> None:
    for other in (b"\0", b"\r", b"\n"):
        data = data.replace(other, b"")
    path = tmp_path_factory.mktemp("utf8") / "backup.sql"
    path.write_bytes(b"-- " + data + b"\n" + HARMLESS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgseed.backup.limits.CHUNK", chunk)
        if is_utf8(data):
            assert read_backup(path, schema=SCHEMA).rows == 2
            return
        with pytest.raises(BackupRefused, match="not valid UTF-8") as refused:
            read_backup(path, schema=SCHEMA)
    assert refused.value.line == 1


@pytest.mark.parametrize("chunk", [1, 5, 1000])
@pytest.mark.parametrize("at", ["rows", "statement", "comment", "end"])
@pytest.mark.parametrize("fault", [b"\xff", b"\xe2\x82"])
def test_a_fault_anywhere_is_refused_at_its_line(
    at: str, fault: bytes, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgseed.backup.limits.CHUNK", chunk)
    lines = HARMLESS.split(b"\n")
    copy = next(n for n, line in enumerate(lines) if line.startswith(b"COPY"))
    place = {"rows": copy + 1, "statement": copy, "comment": 0, "end": len(lines) - 1}[at]
    lines[place] += fault
    path = tmp_path / "backup.sql"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(BackupRefused, match="not valid UTF-8") as refused:
        read_backup(path, schema=SCHEMA)
    assert refused.value.line == place + 1
