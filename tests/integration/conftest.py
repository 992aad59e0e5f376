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
from pgseed.databases.stamp import Database, Stamp, read_stamp
from pgseed.live import adopt, history
from pgseed.live.load import load_content, load_planned, prepare_load
from pgseed.live.replace import LoadResult
from pgseed.live.status import Status, local_changes, read_status
from pgseed.progress import Progress, quiet
from pgseed.server import Server
from tests.integration import cli_stack
from tests.support.contents import ask, databases_of, spares_of
from tests.support.schemas import ROWS, SCHEMA
from tests.support.server import CHECKOUT, running_server, settings_for
from vpdb import docker
from vpdb.config import Settings
from vpdb.content import INIT_DIR, Content, choose_content


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
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

    server: Server
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

    def load(self, *, progress: Progress = quiet, **changes: object) -> LoadResult:
        """Load what the files give."""
        return self.load_this(self.content(**changes), progress=progress, **changes)

    def load_this(
        self, content: Content, *, progress: Progress = quiet, **changes: object
    ) -> LoadResult:
        return load_content(self.server, self.settings(**changes), content, progress)

    def load_planned(self, content_id: str, read: Callable[[], Content]) -> LoadResult:
        """Load a content that is read only where no template of it is there."""
        return load_planned(self.server, self.settings(), content_id, read)

    def prepare(self, **changes: object) -> None:
        """Have all of a load ready but the swap."""
        prepare_load(self.server, self.settings(**changes), self.content(**changes))

    def reset(self, choose: Callable[[], Content] = no_content, **changes: object) -> LoadResult:
        """Load the loaded content anew; the files must not be needed unless `choose` is given."""
        return history.reset(self.server, self.settings(**changes), choose)

    def undo(self) -> LoadResult:
        return history.undo(self.server, self.settings())

    def snapshot(self, name: str) -> Database:
        return history.snapshot(self.server, self.settings(), name)

    def restore(self, name: str) -> LoadResult:
        return history.restore(self.server, self.settings(), name)

    def snapshots(self) -> list[str]:
        return [found.name for found in history.snapshots(self.server, self.settings())]

    def drop_snapshot(self, name: str) -> None:
        history.drop_snapshot(self.server, self.settings(), name)

    def prune(self, **changes: object) -> list[str]:
        return history.prune(self.server, self.settings(**changes))

    def status(self, **changes: object) -> Status:
        settings = self.settings(**changes)
        return read_status(self.server, settings, choose_content(self.folder, settings))

    def changes(self, against: Content | None = None, *, detail: bool = True) -> Changes:
        """Tell what was changed locally; without a template against the file of a content."""
        return local_changes(self.server, self.settings(), detail=detail, content=against)

    def stamp(self) -> Stamp:
        stamp = read_stamp(self.server, self.live)
        assert stamp is not None
        return stamp

    def dump_horizon(self) -> int:
        return adopt.dump_horizon(self.server)

    def adopt_dump(self, horizon: int) -> str:
        """Take the live database for what was dumped from it; "" or why it was not done."""
        oid = self.oid()
        return adopt.adopt_dump(self.server, self.settings(), self.content(), oid, horizon)

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
def new_stacks(server: Server, folder: Path) -> Iterator[Callable[[], Stack]]:
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
def source(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose live database has the odd schema, and rows put in by hand; only read from."""
    with new_stacks(server, tmp_path_factory.mktemp("source")) as make:
        stack = make()
        stack.use_schema(SCHEMA)
        stack.load(source="empty")
        ask(stack.server, stack.live, ROWS)
        yield stack


@pytest.fixture
def new_stack(server: Server, tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    with new_stacks(server, tmp_path) as make:
        yield make


@pytest.fixture
def stack(new_stack: Callable[[], Stack]) -> Stack:
    return new_stack()
