"""pg_dump -Fc archives: the same rows and identity as their text, however they are packed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pgseed.backup.reader import read_backup
from pgseed.backup.rows import open_rows
from pgseed.errors import BackupRefused
from tests.hostile import CANARY, HARMLESS
from tests.hostile.archives import ITEMS, SEQUENCE, SETTINGS, Item, archive

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(data: bytes) -> Path:
        path = tmp_path / "backup.dump"
        path.write_bytes(data)
        return path

    return to_file


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("version", [(1, 13), (1, 14), (1, 15), (1, 16)])
def test_an_archive_has_the_identity_of_its_text(
    compression: str, version: tuple[int, int], write: Write
) -> None:
    if compression == "zstd" and version < (1, 15):
        pytest.skip("zstd came with 1.15")
    data = archive(*SETTINGS, ITEMS, SEQUENCE, version=version, compression=compression, chunk=5)
    backup = read_backup(write(data), schema="vpv4")
    assert (backup.kind, backup.compression) == ("custom", compression)
    assert backup.tables == {"vpv4.items": 2}
    assert [value.value for value in backup.sequence_values] == [2]
    with open_rows(backup, backup.blocks[0]) as rows:
        assert rows.read() == b"1\tone\n2\ttwo\n"
    assert backup.data_hash == read_backup(write(HARMLESS), schema="vpv4").data_hash


def test_the_creation_date_does_not_count(write: Write) -> None:
    first = read_backup(write(archive(ITEMS, year=125)), schema="vpv4")
    second = read_backup(write(archive(ITEMS, year=126)), schema="vpv4")
    assert first.data_hash == second.data_hash


def test_the_schema_is_named_and_left_out(write: Write) -> None:
    schema = [
        Item("TABLE", "items", "CREATE TABLE vpv4.items ();\n", section=2),
        Item("FUNCTION", "f()", f"DO $$ BEGIN {CANARY} END $$;\n\\! touch {CANARY}\n", section=2),
        Item("DATABASE", "velpdevdb", "CREATE DATABASE velpdevdb;\n", section=2, schema=""),
    ]
    backup = read_backup(write(archive(*SETTINGS, *schema, ITEMS)), schema="vpv4")
    assert [skipped.text for skipped in backup.skipped] == ["TABLE vpv4 items", "FUNCTION vpv4 f()"]
    assert backup.data_hash == read_backup(write(archive(ITEMS)), schema="vpv4").data_hash


HOSTILE = {
    "shell in COPY": (Item("TABLE DATA", "t", copy="\\! x\n", rows=b""), "psql command"),
    "program": (Item("TABLE DATA", "t", copy="COPY vpv4.t FROM PROGRAM 'x';\n", rows=b""),
                "run a command"),
    "another schema": (Item("TABLE DATA", "t", copy="COPY public.t FROM stdin;\n", rows=b"\\.\n"),
                       "another schema"),
    "statement behind rows": (Item("TABLE DATA", "t", copy="COPY vpv4.t FROM stdin;\n",
                                   rows=b"1\n\\.\nDELETE FROM vpv4.t;\n"), "is not data"),
    "rows without an end": (Item("TABLE DATA", "t", copy="COPY vpv4.t FROM stdin;\n", rows=b"1\n"),
                            "truncated"),
    "sequence": (Item("SEQUENCE SET", "s", "SELECT pg_sleep(9);\n"), "a query, not data"),
    "sequence with more": (Item("SEQUENCE SET", "s", SEQUENCE.definition + "\\! x\n"), "psql"),
    "encoding": (Item("ENCODING", "E", "SET client_encoding = 'LATIN1';\n", section=2), "UTF8"),
    "settings": (Item("STDSTRINGS", "S", "SET role postgres;\n", section=2), "--role"),
    "large objects": (Item("BLOBS", "BLOBS", rows=b"x"), "large objects"),
    "large object": (Item("BLOB METADATA", "1", "x", section=2), "large objects"),
    "event trigger": (Item("EVENT TRIGGER", "e", "x", section=4), "EVENT TRIGGER"),
    "subscription": (Item("SUBSCRIPTION", "e", "x", section=4), "SUBSCRIPTION"),
    "other data": (Item("EVIL DATA", "e", "x", rows=b"x"), "EVIL DATA"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_hostile_archive_is_refused(case: str, write: Write) -> None:
    item, says = HOSTILE[case]
    with pytest.raises(BackupRefused) as refused:
        read_backup(write(archive(ITEMS, item)), schema="vpv4")
    assert says in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_cut_archive_is_refused(compression: str, write: Write) -> None:
    rows = b"".join(b"%d\t%x\n" % (n, random.Random(n).getrandbits(99)) for n in range(500))
    item = Item("TABLE DATA", "items", copy=ITEMS.copy, rows=rows + b"\\.\n\n\n")
    data = archive(*SETTINGS, item, SEQUENCE, compression=compression)
    assert read_backup(write(data), schema="vpv4").rows == 500
    for part in range(64):
        with pytest.raises(BackupRefused):
            read_backup(write(data[: len(data) * part // 64]), schema="vpv4")


def test_damage_anywhere_in_an_archive_is_refused_or_harmless(write: Write) -> None:
    data = archive(*SETTINGS, ITEMS, SEQUENCE)
    for at in range(len(data)):
        for change in (1, 0x80, 0xFF):
            try:
                read_backup(
                    write(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]), schema="vpv4"
                )
            except BackupRefused:
                continue


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (archive(ITEMS, version=(1, 12)), "1.12 is not known"),
        (archive(ITEMS, version=(1, 17)), "1.17 is not known"),
        (archive(ITEMS, compression="lz4"), "lz4"),
        (archive(ITEMS) + b"x", "other bytes follow"),
        (b"PGDMP", "truncated"),
        (archive(ITEMS)[:8] + b"\x09" + archive(ITEMS)[9:], "header is damaged"),
        (archive(ITEMS)[:10] + b"\x03" + archive(ITEMS)[11:], "another kind of archive"),
        (archive(ITEMS).replace(b"\x01\x00\x0a\0\0\0", b"\x01\x00\x0b\0\0\0"), "where they belong"),
    ],
)
def test_what_is_no_readable_archive_is_named(data: bytes, says: str, write: Write) -> None:
    with pytest.raises(BackupRefused) as refused:
        read_backup(write(data), schema="vpv4")
    assert says in str(refused.value)


def test_a_bomb_in_an_archive_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgseed.backup.limits.RATIO_FROM", 4 * 1024 * 1024)
    item = Item("TABLE DATA", "t", copy=ITEMS.copy, rows=b"x\n" * (3 * 1024 * 1024))
    with pytest.raises(BackupRefused, match="bomb"):
        read_backup(write(archive(item)), schema="vpv4")
