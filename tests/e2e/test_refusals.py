"""A bad backup is refused in one line, and the old data stays, row for row."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from tests.e2e.project import BACKUP, Project

Damage = Callable[[bytes], bytes]

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.up()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda body: body[: len(body) // 2], "truncated"),
        (lambda _: b"", "empty"),
        (lambda _: LFS_POINTER, "git lfs pull"),
        (lambda body: body.replace(b"\n", b"\r\n"), "CR LF"),
        (lambda body: body + b"\n\\! touch /tmp/owned\n", "line"),
        (lambda body: body.replace(b"SELECT pg_catalog.setval", b"DROP TABLE x; --", 1), "line"),
    ],
    ids=["truncated", "empty", "lfs-pointer", "crlf", "psql-command", "statement"],
)
def test_a_bad_backup_is_refused_and_live_rows_stay(
    project: Project, damage: Damage, word: str
) -> None:
    before = project.content_hash()
    body = project.backup.read_bytes()
    try:
        project.backup.write_bytes(damage(body))
        output = project.refused_up()
        assert "Traceback" not in output
        lines = [line for line in output.splitlines() if "failed to read backup" in line]
        assert lines, output
        assert word in lines[0]
        assert project.content_hash() == before
    finally:
        project.run("git", "checkout", "--", BACKUP)
    assert project.planned() == {}


def test_a_row_that_breaks_a_constraint_is_refused_and_live_rows_stay(project: Project) -> None:
    before = project.content_hash()
    text = project.backup.read_text(encoding="utf-8")
    header = next(line for line in text.splitlines() if line.startswith("COPY vpv4.products ("))
    start = text.index(header) + len(header) + 1
    row = text[start : text.index("\n", start) + 1]
    try:
        project.edit_backup(row, row + row)
        output = project.refused_up()
        assert "Traceback" not in output
        assert "failed to" in output
        assert project.content_hash() == before
    finally:
        project.run("git", "checkout", "--", BACKUP)
    assert project.planned() == {}
    databases = project.query("SELECT datname FROM pg_database WHERE datname LIKE '%build%'")
    assert databases == []


def test_a_bad_setting_is_refused_in_one_line(project: Project) -> None:
    project.config("source", "azure")
    try:
        output = project.refused_up()
        assert "failed to read setting source" in output
        assert "Traceback" not in output
    finally:
        project.pulumi("config", "rm", "source", "--stack", project.stack)
    assert project.planned() == {}


def test_a_taken_port_is_refused_with_its_holder_and_the_next_free_one(project: Project) -> None:
    before = project.content_hash()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        taken = listener.getsockname()[1]
        project.config("port", str(taken))
        try:
            output = project.refused_up()
        finally:
            project.config("port", str(project.port))
    assert f"failed to publish port {taken}: it is taken by process {os.getpid()}" in output
    assert "python3 bootstrap.py stack " in output
    assert "Traceback" not in output
    assert project.content_hash() == before


def test_the_source_falls_back_from_backup_to_seed_to_empty(project: Project) -> None:
    seed_sql = project.folder / "postgres" / "init" / "_05-seed-base.sql.disabled"
    before = project.content_hash()
    try:
        project.backup.unlink()
        assert "seed" in project.preview()
        project.up()
        products, _ = project.counts()
        assert 0 < products < 100
        seed_sql.unlink()
        project.up()
        assert project.counts() == (0, 0)
    finally:
        project.run("git", "checkout", "--", ".")
    project.up()
    assert project.content_hash() == before
