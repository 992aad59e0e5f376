"""Where the loaded rows still are, to compare a database with: the template, else the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from pgseed.changes.compare_rows import read_key
from pgseed.databases.catalog import Catalog, Table, read_catalog, read_tables, without_bulk_mode
from pgseed.databases.retention import find_template
from pgseed.databases.stamp import Database, Stamp
from pgseed.server import Server

if TYPE_CHECKING:
    from pgseed.backup.model import Backup, RowBlock
    from vpdb.content import Content

Connection = psycopg2.extensions.connection


class Reference(Protocol):
    """A session in which a table's rows can be read as they were loaded.

    `catalog` is empty where only rows are known.
    """

    @property
    def connection(self) -> Connection: ...

    @property
    def catalog(self) -> Catalog: ...

    def table(self, like: Table) -> Table | None:
        """Give the table with the loaded rows of this one; None where there is none."""


class TemplateReference:
    """The template that the database was cloned from.

    It is connected to once something of it is asked for: a clean database, the usual case, is
    found out by its stamp alone.
    """

    def __init__(self, server: Server, template: str, session: ExitStack) -> None:
        self._server, self._template, self._session = server, template, session

    @cached_property
    def connection(self) -> Connection:
        connection = self._session.enter_context(
            self._server.session(self._template, purpose="compare", autocommit=False)
        )
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        return connection

    @cached_property
    def catalog(self) -> Catalog:
        return without_bulk_mode(read_catalog(self.connection))

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return read_tables(self.connection)

    def table(self, like: Table) -> Table | None:
        return self._tables.get(like.qualified)


class FileReference:
    """The backup file: a table's rows are read into a temporary table when they are asked for.

    `connection` is in a transaction of the database looked at, which is rolled back at the end.
    """

    def __init__(self, connection: Connection, backup: Backup) -> None:
        self.connection = connection
        self.catalog: Catalog = {}
        self._backup = backup

    def table(self, like: Table) -> Table | None:
        blocks = [block for block in self._backup.blocks if block.name == like.qualified]
        # INSERT statements name the table they go to, which is the live one.
        if not blocks or any(block.form == "insert" for block in blocks):
            return None
        with self.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before_copy")
            try:
                return self._copy(cursor, like, blocks)
            except psycopg2.Error:
                # The file's rows do not fit this table any more: it was altered.
                cursor.execute("ROLLBACK TO before_copy")
                return None

    def _copy(
        self, cursor: psycopg2.extensions.cursor, like: Table, blocks: Sequence[RowBlock]
    ) -> Table:
        from pgseed.backup.rows import open_rows  # most databases are compared with their template

        name = f"vpdb_loaded_{like.oid}"
        identifier = sql.Identifier("pg_temp", name)
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING GENERATED)").format(
                sql.Identifier(name), like.identifier
            )
        )
        for block in blocks:
            columns = sql.SQL(", ").join(map(sql.Identifier, block.columns or ()))
            with open_rows(self._backup, block) as rows:
                cursor.copy_expert(
                    sql.SQL("COPY {}{} FROM STDIN").format(
                        identifier, sql.SQL("({})" if block.columns else "").format(columns)
                    ),
                    rows,
                )
        key = read_key(self.connection, like)
        if key is not None:
            cursor.execute(
                sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(
                    identifier, sql.SQL(", ").join(map(sql.Identifier, key.names))
                )
            )
        cursor.execute(sql.SQL("ANALYZE {}").format(identifier))
        cursor.execute("SELECT to_regclass(%s)::oid::int8", (f"pg_temp.{name}",))
        ((oid,),) = cursor.fetchall()
        return Table(oid, "pg_temp", name, "r", oid, like.columns)


@contextmanager
def open_reference(
    server: Server,
    databases: Sequence[Database],
    database: str,
    stamp: Stamp | None,
    content: Content | None,
) -> Iterator[Reference | None]:
    """Open what a stamp's content can be compared with; None where nothing of it remains."""
    template = find_template(databases, stamp.content_id) if stamp else None
    if template is not None:
        with ExitStack() as session:
            yield TemplateReference(server, template.name, session)
    elif stamp and content and content.backup and content.content_id == stamp.content_id:
        with server.session(database, purpose="compare", autocommit=False) as connection:
            yield FileReference(connection, content.backup)
    else:
        yield None
