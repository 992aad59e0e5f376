"""Databases with the example schema and a little master data, quickly made and surely dropped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2.extensions
from psycopg2 import sql

from master_data.load import LoadOptions, LoadResult, MasterDataLoad
from pgseed.progress import Progress, quiet
from sample_data.generated_files import generate_csvs
from tests.support.contents import ask, rows_of
from tests.support.server import CHECKOUT
from vpdb.server.docker_server import DockerServer

SCHEMA = "vpv4"
VARIABLES = {"schema": SCHEMA, "app_user": "velpharma"}


@dataclass(frozen=True)
class Scratch:
    """A database of its own for one test, and a folder for CSV files."""

    server: DockerServer
    database: str
    folder: Path

    @property
    def rejected(self) -> Path:
        return self.folder / "rejected"

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return ask(self.server, self.database, statement, *values)

    def rows(self) -> dict[str, list[str]]:
        return rows_of(self.server, self.database)

    def csv(self, name: str, content: str) -> Path:
        path = self.folder / f"{name}.csv"
        path.write_text(content, encoding="utf-8", newline="")
        return path

    def load(self, *paths: Path, progress: Progress = quiet, **options: Any) -> LoadResult:
        with self.server.session(self.database) as connection:
            return self.load_with(connection, *paths, progress=progress, **options)

    def load_with(
        self,
        connection: psycopg2.extensions.connection,
        *paths: Path,
        progress: Progress = quiet,
        **options: Any,
    ) -> LoadResult:
        given = LoadOptions(SCHEMA, self.rejected, **options)
        return MasterDataLoad(paths, given).run(connection, progress)


def run_init(server: DockerServer, database: str, variables: dict[str, str] = VARIABLES) -> None:
    for number in ("01-create-user", "02-create-schema", "03-create-extensions"):
        script = (CHECKOUT / "postgres" / "init" / f"{number}.sql").read_bytes()
        server.psql(database, script, variables)


@contextmanager
def new_database(server: DockerServer, template: str = "template0") -> Iterator[str]:
    name = f"scratch_{secrets.token_hex(5)}"
    with server.session("postgres") as connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            yield name
        finally:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def filled_template(server: DockerServer, folder: Path, scale: float) -> Iterator[str]:
    """A database to copy, with generated data of a scale loaded from CSV files in `folder`."""
    with new_database(server) as name:
        run_init(server, name)
        generate_csvs(folder, scale)
        result = Scratch(server, name, folder).load(*folder.glob("*.csv"))
        assert result.committed, result
        yield name
