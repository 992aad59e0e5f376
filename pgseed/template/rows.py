"""A backup's rows into the tables of a private database, indexes after them.

While rows come, indexes are switched off by their flags in pg_index, and triggers (those of foreign
keys too) by pg_class.relhastriggers. Both are PostgreSQL's own marks: an index that is not
`indisready` gets no entries, and REINDEX fills it and sets its flags right again, as it does after
a failed CREATE INDEX CONCURRENTLY (reindex_index() in catalog/index.c). So no index or constraint
is ever dropped, and none can come back with another name, comment, order or setting. Only a
database that nobody else uses may be treated like this.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.rows import insert_statements, open_rows
from pgseed.databases.catalog import Table, count_rows
from pgseed.errors import BackupRefused
from pgseed.progress import Progress
from pgseed.queries import query
from pgseed.server import Connection, Server, first_line
from pgseed.template.jobs import Crew, Job, plan_jobs
from pgseed.template.partition_groups import RowGroup, group_blocks
from pgseed.units import count

# One piece handed to libpq; larger ones gained nothing, and two connections hold two of them.
_CHUNK_BYTES = 256 * 1024
_COPY_LINE = re.compile(r"^COPY .*, line (\d+)")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    table_oid: int
    referenced_oid: int
    table: str
    referenced: str
    columns: str
    check_query: str


@contextmanager
def load_sessions(
    server: Server, database: str, number: int, helpers: int
) -> Iterator[list[Connection]]:
    """Open the sessions of a load, all at once, for the time of a block.

    `helpers` are the parallel workers that PostgreSQL may add to each. Raises ServerUnreachable.
    """
    settings = {
        # Event triggers of the schema, and triggers that hiding does not reach, stay silent.
        "session_replication_role": "replica",
        # Nothing here is live before the database is renamed, and that is flushed.
        "synchronous_commit": "off",
        # The disk writes while rows come in; a commit has little left to wait for.
        "backend_flush_after": "2MB",
        # The hash joins that prove foreign keys fit into memory.
        "work_mem": "64MB",
        # The sessions already share the cores out among them.
        "max_parallel_maintenance_workers": str(helpers),
        "max_parallel_workers_per_gather": str(helpers),
    }
    with ThreadPoolExecutor(number) as pool:
        connecting = [
            pool.submit(server.connect, database, purpose=f"load {n}", settings=settings)
            for n in range(1, number + 1)
        ]
    sessions = [one.result() for one in connecting if one.exception() is None]
    try:
        for one in connecting:
            one.result()
        yield sessions
    finally:
        for session in sessions:
            session.close()


@dataclass
class RowLoader:
    """Fills one private database over load_sessions(); without `indexes_last`, indexes grow too.

    `look` is called with a session once all that was switched off is on again. `rows` are counted
    afterwards, by table that was filled.
    """

    sessions: Sequence[Connection]
    backup: Backup
    tables: Mapping[str, Table]
    progress: Progress
    look: Callable[[Connection], None]
    indexes_last: bool = True
    rows: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    # All that the backup has rows for, and of these what is to fill.
    _all: list[RowGroup] = field(default_factory=list)
    _groups: dict[str, RowGroup] = field(default_factory=dict)
    _keys: dict[str, ForeignKey] = field(default_factory=dict)

    def run(self) -> None:
        """Load all rows, build the indexes, prove every foreign key, gather statistics.

        Raises BackupRefused, with the line where it is known, for rows that break the schema.
        """
        self._all = group_blocks(self.backup.blocks, self.tables)
        self._groups = {group.name: group for group in self._all}
        first = self.sessions[0]
        crew = Crew(self.sessions, self._work, Connection.cancel)
        crew.run(self._plan(first), self._tick)
        self._refresh_views(first)
        self._set_sequences(first)

    def _plan(self, session: Connection) -> list[Job]:
        group_of = {table.oid: group.name for group in self._all for table in group.members}
        with session.cursor() as cursor:
            indexes: dict[str, str] = {}
            if self.indexes_last:
                leaves = [t.oid for group in self._groups.values() for t in group.leaves]
                cursor.execute(query("load_indexes"), {"tables": leaves})
                indexes = {name: group_of[table] for _, table, name in cursor.fetchall()}
            cursor.execute(query("foreign_keys"))
            keys = [ForeignKey(*row) for row in cursor.fetchall()]
        # A partition's rows count for the keys of the table above it.
        filled_under: dict[int, set[str]] = {}
        for table in self.tables.values():
            if table.oid in group_of:
                for oid in (table.oid, table.root):
                    filled_under.setdefault(oid, set()).add(group_of[table.oid])
        self._keys = {f"{key.table}.{key.name}": key for key in keys}
        ends = {
            name: {
                group
                for oid in (key.table_oid, key.referenced_oid)
                for group in filled_under.get(oid, ())
            }
            for name, key in self._keys.items()
        }
        return plan_jobs(
            tables={name: group.weight for name, group in self._groups.items()},
            indexes=indexes,
            foreign_keys=ends,
        )

    def _tick(self) -> None:
        total = sum(group.weight for group in self._groups.values())
        if self._bytes >= total:
            self.progress("build indexes, prove foreign keys", 0, 0)
            return
        rows = sum(block.rows for group in self._groups.values() for block in group.blocks)
        done = rows * self._bytes // total
        self.progress(f"load rows: {count(done)} of {count(rows)} rows", self._bytes, total)

    def _work(self, session: Connection, job: Job) -> None:
        if job.kind == "rows":
            self._fill(session, self._groups[job.subject])
        elif job.kind == "index":
            self._build_index(session, job)
        elif job.kind == "analyze":
            self._analyze(session, self._groups[job.subject])
        elif job.kind == "foreign key":
            self._prove(session, self._keys[job.subject])
        elif job.kind == "count":
            self._count(session, self._groups[job.subject])
        elif self.indexes_last:  # else nothing was switched off
            self.look(session)

    def _fill(self, session: Connection, group: RowGroup) -> None:
        """Put one group's rows in, in one transaction."""
        oids = [table.oid for table in group.members]
        leaves = [table.oid for table in group.leaves]
        with session.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(query("hide_triggers"), {"tables": oids})
            # The backup has the whole table: rows that the schema files put in give way. TRUNCATE
            # also is what allows COPY FREEZE, and no write-ahead log at wal_level minimal.
            for table in group.leaves:
                cursor.execute(sql.SQL("TRUNCATE ONLY {}").format(table.identifier))
            if self.indexes_last:
                # After TRUNCATE, which rebuilds the emptied indexes and would set the flags right.
                cursor.execute(query("hide_indexes"), {"tables": leaves})
            for block in group.blocks:
                self._send(cursor, block, self.tables[block.name])
            cursor.execute(query("show_triggers"), {"tables": oids})
            cursor.execute("COMMIT")

    def _send(self, cursor: psycopg2.extensions.cursor, block: RowBlock, table: Table) -> None:
        try:
            if block.form == "insert":
                for statements, _ in insert_statements(self.backup, block):
                    cursor.execute(statements)
                    self._arrived(len(statements))
                return
            names = sql.SQL(", ").join(map(sql.Identifier, block.columns or ()))
            columns = sql.SQL("" if block.columns is None else " ({})").format(names)
            freeze = sql.SQL(", FREEZE" if table.kind == "r" else "")
            statement = sql.SQL("COPY {}{} FROM STDIN WITH (ENCODING 'UTF8'{})").format(
                table.identifier, columns, freeze
            )
            with open_rows(self.backup, block) as rows:
                cursor.copy_expert(statement, _Counted(rows, self._arrived), _CHUNK_BYTES)
        except psycopg2.Error as error:
            raise self._refusal(error, block) from None

    def _arrived(self, size: int) -> None:
        with self._guard:
            self._bytes += size

    def _build_index(self, session: Connection, job: Job) -> None:
        try:
            with session.cursor() as cursor:
                cursor.execute("REINDEX INDEX " + job.subject)
        except psycopg2.errors.IntegrityError as error:
            block = self._groups[job.table].blocks[0]
            raise self._refusal(error, block) from None

    def _analyze(self, session: Connection, group: RowGroup) -> None:
        with session.cursor() as cursor:
            for table in group.members:
                cursor.execute(sql.SQL("ANALYZE {}").format(table.identifier))

    def _count(self, session: Connection, group: RowGroup) -> None:
        """Compare the number of rows with the backup's."""
        counts = count_rows(session, {table.qualified: table for table in group.members})
        self.rows.update(counts)
        arrived, expected = sum(counts.values()), sum(block.rows for block in group.blocks)
        if arrived != expected:
            raise BackupRefused(
                self.backup.path,
                f"it holds {count(expected)} rows of {group.name}, {count(arrived)} arrived",
                line=group.blocks[0].line,
            )

    def _prove(self, session: Connection, key: ForeignKey) -> None:
        with session.cursor() as cursor:
            cursor.execute(key.check_query)
            broken = cursor.fetchone()
        if broken is None:
            return
        values = ", ".join("null" if value is None else str(value) for value in broken)
        line = next((b.line for b in self.backup.blocks if b.name == key.table), 0)
        raise BackupRefused(
            self.backup.path,
            f"a row of {key.table} has ({key.columns}) = ({values}), which {key.referenced} does"
            f" not have (foreign key {key.name})",
            line=line,
            remedy="Write the backup anew from a database that keeps its foreign keys",
        )

    def _refresh_views(self, session: Connection) -> None:
        with session.cursor() as cursor:
            cursor.execute(query("materialized_views"))
            for (name,) in cursor.fetchall():
                self.progress(f"refresh {name}", 0, 0)
                cursor.execute("REFRESH MATERIALIZED VIEW " + name)
                cursor.execute("ANALYZE " + name)

    def _set_sequences(self, session: Connection) -> None:
        with session.cursor() as cursor:
            for value in self.backup.sequence_values:
                try:
                    cursor.execute(
                        "SELECT setval(%s::regclass, %s, %s)",
                        (value.name, value.value, value.is_called),
                    )
                except psycopg2.DataError as error:
                    raise BackupRefused(
                        self.backup.path, first_line(error), line=value.line
                    ) from None

    def _refusal(self, error: psycopg2.Error, block: RowBlock) -> Exception:
        """Turn what PostgreSQL says of a row into a refusal of the backup, at the row's line."""
        state = (error.pgcode or "")[:2]
        if state not in ("22", "23"):  # not the data's fault: no room, no connection, cancelled
            return error
        place = _COPY_LINE.search(error.diag.context or "")
        detail = (error.diag.message_detail or "").rstrip(".")
        cause = f"{error.diag.message_primary}{f' ({detail})' if detail else ''}"
        return BackupRefused(
            self.backup.path,
            cause if block.name in cause else f"{cause}, in rows of {block.name}",
            line=block.line + (int(place[1]) if place else 0),
            remedy="Mend the schema in postgres/init or write the backup anew",
        )


class _Counted:
    """Rows on their way to the server, counted."""

    def __init__(self, rows: BinaryIO, arrived: Callable[[int], None]) -> None:
        self._rows, self._arrived = rows, arrived

    def read(self, size: int = -1, /) -> bytes:
        piece = self._rows.read(size)
        self._arrived(len(piece))
        return piece

    def readline(self, size: int = -1, /) -> bytes:
        return self._rows.readline(size)
