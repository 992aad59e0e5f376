"""A bad backup or setting is refused in one line, and the old data stays, row for row."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from tests.e2e.project import BACKUP, Project

pytestmark = pytest.mark.xdist_group("e2e-pulumi")


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.rest()


def repeat_a_product(body: bytes) -> bytes:
    start = body.index(b"\n", body.index(b"COPY vpv4.products (")) + 1
    end = body.index(b"\n", start) + 1
    return body[:end] + body[start:]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda body: body[: len(body) // 2], "failed to read backup .*truncated"),
        (lambda body: body + b"\n\\! touch /tmp/owned\n", "failed to read backup .*line"),
        (repeat_a_product, "failed to read backup .*duplicated"),
    ],
    ids=["truncated", "psql-command", "a-row-twice"],
)
def test_a_bad_backup_is_refused_and_live_rows_stay(
    project: Project, damage: Callable[[bytes], bytes], told: str
) -> None:
    """What of it is refused is judged by the reader's own tests."""
    before, databases = project.content_hash(), project.databases()
    try:
        project.backup.write_bytes(damage(project.backup.read_bytes()))
        project.refused_up(told)
        assert project.content_hash() == before
        assert project.databases() == databases
    finally:
        project.run("git", "checkout", "--", BACKUP)


def test_a_bad_setting_is_refused_in_one_line(project: Project) -> None:
    project.configure(source="azure")
    project.refused_up("failed to read setting source")
    project.configure()
    assert project.plan().operations == {}


def test_a_taken_port_is_refused_with_its_holder_and_the_next_free_one(project: Project) -> None:
    before = project.content_hash()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        taken = listener.getsockname()[1]
        project.configure(port=taken)
        try:
            holder = f"failed to publish port {taken}: it is taken by process {os.getpid()}"
            assert "python3 bootstrap.py stack " in project.refused_up(holder)
        finally:
            project.configure()
    assert project.content_hash() == before


def test_the_source_falls_back_from_backup_to_seed_to_empty(project: Project) -> None:
    before = project.content_hash()
    seed_sql = project.folder / "postgres" / "init" / "_05-seed-base.sql.disabled"
    project.backup.unlink()
    assert f"data: postgres/init/{seed_sql.name}" in project.up()
    products, _ = project.counts()
    assert 0 < products < 100
    seed_sql.unlink()
    project.up()
    assert project.counts() == (0, 0)
    project.rest()
    assert project.content_hash() == before
