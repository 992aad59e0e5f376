"""The template that a database was cloned from: its rows and objects, as they were loaded."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property

from pgseed.databases.catalog import Catalog, Table, read_catalog, read_tables, without_bulk_mode
from pgseed.server import Connection, Server


class LoadedRows:
    """A template to compare with.

    It is connected to once something of it is asked for: a clean database, the usual case, is
    found out by its stamp alone. `stack` ends the session.
    """

    def __init__(self, server: Server, template: str, stack: ExitStack) -> None:
        self._server, self._template, self._stack = server, template, stack

    @cached_property
    def connection(self) -> Connection:
        connection = self._stack.enter_context(
            self._server.session(self._template, purpose="compare", autocommit=False)
        )
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        return connection

    @cached_property
    def catalog(self) -> Catalog:
        return without_bulk_mode(read_catalog(self.connection))

    @cached_property
    def tables(self) -> dict[str, Table]:
        return read_tables(self.connection)
