"""A server to be killed, two contents to switch between, and what must hold after every fault."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.conftest import Stack, new_stacks
from tests.support.backups import without_last_row
from tests.support.contents import ask, rows_of
from tests.support.server import CHECKOUT, REAL_BACKUP, running_server
from vpdb import docker
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.server.orphans import orphaned_directories

Rows = dict[str, list[str]]


@dataclass
class Arena:
    """A stack with an old and a new content, known row for row; `news` are those to choose from."""

    stack: Stack
    old: Path
    new: Path
    old_rows: Rows = field(default_factory=dict)
    new_rows: Rows = field(default_factory=dict)
    news: list[tuple[Path, Rows]] = field(default_factory=list)

    @property
    def server(self) -> DockerServer:
        return self.stack.server

    def start(self, action: str, backup: Path, **settings: object) -> subprocess.Popen[str]:
        """Begin a command in a process of its own."""
        values = {"database": self.stack.live, "backup": backup, **settings}
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.child", action),
                *(str(self.stack.folder), self.server.container, self.server.stack),
                *(f"{key}={value}" for key, value in values.items()),
            ],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, action: str, backup: Path, **settings: object) -> str:
        """Run a command to its end; it must succeed."""
        child = self.start(action, backup, **settings)
        output = child.communicate(timeout=240)[0]
        assert child.returncode == 0, output + docker.logs(self.server.container, lines=60)
        return output

    def rows(self, database: str | None = None) -> Rows:
        return rows_of(self.server, database or self.stack.live)

    def is_one_content(self, expected: tuple[Rows, ...]) -> None:
        rows = self.rows()
        sizes = {name: len(values) for name, values in rows.items()}
        assert any(rows == content for content in expected), f"a mixture: {sizes}"

    def has_nothing_left_over(self) -> None:
        """No half-made database, no file without an owner, nobody still at work."""
        left = [kind for kind in self.stack.kinds() if kind in ("build", "clone")]
        assert left == []
        assert (
            ask(
                self.server,
                "postgres",
                "SELECT datname FROM pg_database WHERE datconnlimit = -2 OR NOT datallowconn"
                " AND datname <> 'template0' AND datname NOT LIKE '%%\\_spare\\_%%'",
            )
            == []
        )
        with self.server.session("postgres") as admin:
            assert orphaned_directories(admin) == []
        assert (
            ask(
                self.server,
                "postgres",
                "SELECT application_name FROM pg_stat_activity"
                " WHERE datname LIKE %s AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'",
                f"{self.stack.live}%",
            )
            == []
        )

    def restart_server(self) -> None:
        docker.run("start", self.server.container)
        self.find_server_again()

    def find_server_again(self) -> None:
        """Wait for the server; a container started again may have another address."""
        server = self.server
        self.stack.server = find_server(server.container, server.stack, timeout_s=120)


@pytest.fixture(scope="module")
def victim() -> Iterator[DockerServer]:
    """A server that this module's tests may kill."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def arena(victim: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """The real backup as the old content; new ones that differ in the largest table, or a small."""
    folder = tmp_path_factory.mktemp("arena")
    with new_stacks(victim, folder) as make:
        stack = make()
        arena = Arena(stack, REAL_BACKUP, REAL_BACKUP)
        for table in ("vpv4.adverse_drug_reactions", "vpv4.product_active_substances"):
            new = folder / f"new-{secrets.token_hex(4)}.sql"
            new.write_bytes(without_last_row(REAL_BACKUP.read_bytes(), table))
            arena.run("load", new)
            arena.news.append((new, arena.rows()))
        arena.new, arena.new_rows = arena.news[0]
        arena.run("load", REAL_BACKUP)
        arena.old_rows = arena.rows()
        assert all(rows != arena.old_rows for _, rows in arena.news)
        yield arena
