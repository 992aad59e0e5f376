"""One real server for all integration tests; each test has a live database of its own in it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg2 import sql

from pgseed.changes.local_changes import Changes
from pgseed.databases.stamp import Database, Stamp
from pgseed.live.database import LiveDatabase
from pgseed.live.replace import LoadResult
from pgseed.live.status import Status
from pgseed.progress import Progress, quiet
from pgseed.seed import PlannedSeed
from tests.integration import cli_stack
from tests.support.contents import ask, databases_of, spares_of
from tests.support.schemas import ROWS, SCHEMA
from tests.support.server import CHECKOUT, running_server, settings_for
from vpdb import docker
from vpdb.live import live_database
from vpdb.seed_source import INIT_DIR, Content, choose_content, seed_with_commit
from vpdb.server.docker_server import DockerServer
from vpdb.settings import Settings


@pytest.fixture(scope="session")
def server() -> Iterator[DockerServer]:
    """A container with the mark, removed exactly by its name at the end."""
    with running_server() as found:
        yield found


def no_content() -> Content:
    raise AssertionError("the files were read though the template is there")


@dataclass
class Stack:
    """A project folder and the live database that it is about.

    What tests have the engine do goes through these methods; their keywords are settings.
    """

    server: DockerServer
    folder: Path
    live: str

    @property
    def init(self) -> Path:
        return self.folder / INIT_DIR

    @property
    def backup(self) -> Path:
        return self.folder / "backups" / "production_backup_data_only.sql"

    def settings(self, **changes: object) -> Settings:
        return settings_for(self.server, self.folder, **{"database": self.live, **changes})

    def content(self, **changes: object) -> Content:
        return choose_content(self.folder, self.settings(**changes))

    def engine(self) -> LiveDatabase:
        return live_database(self.server, self.settings())

    def load(self, *, progress: Progress = quiet, **changes: object) -> LoadResult:
        """Load what the files give."""
        return self.load_this(self.content(**changes), progress=progress, **changes)

    def load_this(
        self, content: Content, *, progress: Progress = quiet, **changes: object
    ) -> LoadResult:
        seed = seed_with_commit(self.folder, content.seed)
        return live_database(self.server, self.settings(**changes), progress).load(seed)

    def load_planned(self, content_id: str, read: Callable[[], Content]) -> LoadResult:
        """Load a content that is read only where no template of it is there."""
        return self.engine().load(PlannedSeed(content_id, lambda: read().seed))

    def prepare(self, **changes: object) -> None:
        """Have all of a load ready but the swap."""
        live_database(self.server, self.settings(**changes)).prepare(self.content(**changes).seed)

    def reset(self, choose: Callable[[], Content] = no_content, **changes: object) -> LoadResult:
        """Load the loaded content anew; the files must not be needed unless `choose` is given."""
        return live_database(self.server, self.settings(**changes)).reset(lambda: choose().seed)

    def undo(self) -> LoadResult:
        return self.engine().undo()

    def snapshot(self, name: str) -> Database:
        return self.engine().snapshot(name)

    def restore(self, name: str) -> LoadResult:
        return self.engine().restore(name)

    def snapshots(self) -> list[str]:
        return [found.name for found in self.engine().snapshots()]

    def drop_snapshot(self, name: str) -> None:
        self.engine().drop_snapshot(name)

    def prune(self, **changes: object) -> list[str]:
        return live_database(self.server, self.settings(**changes)).prune()

    def status(self, **changes: object) -> Status:
        return live_database(self.server, self.settings(**changes)).status(
            self.content(**changes).seed
        )

    def changes(self, *, detail: bool = True) -> Changes:
        """Tell what was changed locally."""
        return self.engine().changes(detail=detail)

    def stamp(self) -> Stamp:
        stamp = self.engine().stamp()
        assert stamp is not None
        return stamp

    def dump_horizon(self) -> int:
        return self.engine().dump_horizon()

    def adopt_dump(self, horizon: int) -> str:
        """Take the live database for what was dumped from it; "" or why it was not done."""
        return self.engine().adopt_dump(self.content().seed, self.oid(), horizon)

    def oid(self) -> int:
        ((oid,),) = self.ask("SELECT oid FROM pg_database WHERE datname = current_database()")
        assert isinstance(oid, int)
        return oid

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return ask(self.server, self.live, statement, *values)

    def databases(self) -> list[str]:
        return databases_of(self.server, self.live)

    def kinds(self) -> list[str]:
        """Give what there is beside the live database, by kind: template, kept …; spares apart."""
        tails = [name.removeprefix(self.live) for name in self.databases()]
        return sorted(tail.split("_")[1] for tail in tails if tail)

    def spares(self) -> list[str]:
        """Name what has a spare, by kind: schema, template."""
        return spares_of(self.server, self.live)

    def use_schema(self, text: str) -> None:
        """Exchange the project's schema for another one, without extensions."""
        (self.init / "02-create-schema.sql").write_text(text)
        (self.init / "03-create-extensions.sql").write_text("")
        (self.init / "_05-seed-base.sql.disabled").unlink(missing_ok=True)

    def dump(self, *flags: str, database: str | None = None) -> bytes:
        """Write a dump of a database with the server's own pg_dump."""
        command = ["pg_dump", "-U", "postgres", *flags, database or self.live]
        return docker.execute(self.server.container, command, timeout_s=120)


@contextmanager
def new_stacks(server: DockerServer, folder: Path) -> Iterator[Callable[[], Stack]]:
    """Make stacks of the checkout's schema and seed, without a backup; drop all they had."""
    made: list[Stack] = []

    def make() -> Stack:
        project = folder / f"project{len(made)}"
        (project / "backups").mkdir(parents=True)
        shutil.copytree(CHECKOUT / "postgres", project / "postgres")
        shutil.copy(CHECKOUT / "Pulumi.yaml", project)
        made.append(Stack(server, project, f"t{secrets.token_hex(5)}"))
        return made[-1]

    try:
        yield make
    finally:
        for stack in made:
            for name in databases_of(stack.server, stack.live, spares=True):
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                with stack.server.session("postgres") as admin, admin.cursor() as cursor:
                    cursor.execute(drop)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cli_stack.Stack]:
    """A loaded stack with a container of its own, for the tests of one file's command lines."""
    made = cli_stack.new_stack(tmp_path_factory.mktemp("stack"))
    try:
        made.create(in_memory=True)
        made.load()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def source(server: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose live database has the odd schema, and rows put in by hand; only read from."""
    with new_stacks(server, tmp_path_factory.mktemp("source")) as make:
        stack = make()
        stack.use_schema(SCHEMA)
        stack.load(source="empty")
        ask(stack.server, stack.live, ROWS)
        yield stack


@pytest.fixture
def new_stack(server: DockerServer, tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    with new_stacks(server, tmp_path) as make:
        yield make


@pytest.fixture
def stack(new_stack: Callable[[], Stack]) -> Stack:
    return new_stack()
