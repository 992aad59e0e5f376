"""Writes the text of a canonical dump, part by part, from one snapshot of the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psycopg2.extensions

from pgseed.dumping import layout as plan
from pgseed.dumping import snapshot as session
from pgseed.dumping.copy_jobs import CopyJobs, Piece
from pgseed.dumping.copy_worker import copy_rows
from pgseed.dumping.layout import DumpTable
from pgseed.progress import Progress

# Bytes of all tables on disk from which on several processes copy at once; starting them takes
# longer than copying less. A table larger than SPLIT is cut into pieces.
_PARALLEL = 24 * 1024 * 1024
_SPLIT = 16 * 1024 * 1024
_MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema's statements in front of the rows and behind them (constraints, indexes, …)."""

    before: str
    after: str


class DumpWriter:
    """Writes one dump from one snapshot; `rows` are then the rows per table the server sent.

    `database` is the oid of the database they came from.
    """

    def __init__(
        self,
        connection: psycopg2.extensions.connection,
        schema: str,
        folder: Path,
        progress: Progress,
        processes: int | None,
    ) -> None:
        self._connection, self._schema, self._folder = connection, schema, folder
        self._progress = progress
        self._processes = processes or min(_MOST_PROCESSES, os.cpu_count() or 1)
        self.rows: dict[str, int] = {}
        self.database = 0

    def write(
        self,
        path: Path,
        expected: Mapping[str, Collection[str]] | None,
        schema_text: Callable[[str], SchemaText] | None,
        notes: Sequence[str],
        database: int | None = None,
    ) -> Generator[None, None, None]:
        """Write the file part by part; after each one, what is there can be read already.

        Raises DumpRefused, also for a `database` (oid) that the connection is not in.
        """
        snapshot = session.begin(self._connection)
        self.database = session.read_database(self._connection)
        if database not in (None, self.database):
            raise plan.DumpRefused(
                "failed to dump the database: another one took the place of the one meant (a reset,"
                " undo, restore or `pulumi up` meanwhile). The file is as it was; begin anew"
            )
        tables = session.read_tables(self._connection, self._schema)
        if not tables:
            raise plan.DumpRefused(
                f"failed to dump the database: schema {self._schema} has no tables. Run `pulumi up`"
                " first"
            )
        if expected is not None:
            plan.check_fits(tables, expected)
        references = session.read_references(self._connection, self._schema)
        order = plan.order_tables(tables, references)
        sequences = session.read_sequences(self._connection, self._schema)
        text = schema_text(snapshot) if schema_text else SchemaText("", "")
        # In a full dump, foreign keys and triggers come after the rows.
        replica = schema_text is None and plan.needs_replica_role(order)
        with path.open("xb", buffering=1024 * 1024) as out:
            out.write(plan.header(replica=replica, notes=notes).encode())
            out.write(text.before.encode())
            for _ in self._write_rows(order.tables, snapshot, out):
                out.flush()
                yield
            for sequence in sequences:
                out.write(plan.sequence_text(self._schema, sequence).encode())
            out.write(text.after.encode())
            out.write(plan.footer(replica=replica).encode())

    def _write_rows(
        self, tables: Sequence[DumpTable], snapshot: str, out: BinaryIO
    ) -> Iterator[None]:
        size = sum(table.size_bytes for table in tables)
        if size < _PARALLEL or self._processes < 2:
            for table in tables:
                self.rows[table.qualified] = self._copy(table, out, size)
                yield
            return
        pieces = [piece for table in tables for piece in self._pieces(table)]
        parameters = {
            **self._connection.info.dsn_parameters,
            "password": self._connection.info.password or "",
        }
        with CopyJobs(parameters, snapshot, self._processes, self._folder) as jobs:
            for piece, rows in jobs.append(pieces, out, self._progress):
                self.rows[piece.table] = self.rows.get(piece.table, 0) + rows
                yield

    def _pieces(self, table: DumpTable) -> list[Piece]:
        number = 2 * self._processes if table.size_bytes > _SPLIT else 1
        conditions = session.conditions(self._connection, table, number)
        last = len(conditions) - 1
        return [
            Piece(
                table=table.qualified,
                statement=table.query(condition),
                before=plan.table_header(table) if at == 0 else "",
                after=plan.TABLE_FOOTER if at == last else "",
                size_bytes=table.size_bytes // (last + 1),
            )
            for at, condition in enumerate(conditions)
        ]

    def _copy(self, table: DumpTable, out: BinaryIO, total: int) -> int:
        out.write(plan.table_header(table).encode())
        rows = copy_rows(self._connection, table.query(), out)
        out.write(plan.TABLE_FOOTER.encode())
        self._progress("dumping", min(out.tell(), total), total)
        return rows
