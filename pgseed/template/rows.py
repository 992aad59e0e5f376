"""A backup's rows into the tables of a private database, over several sessions at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
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
from pgseed.template.jobs import Crew, Job
from pgseed.template.obstacles import ForeignKey, Index, Obstacles, run_all, take_away
from pgseed.template.partition_groups import RowGroup, batch_groups, group_blocks
from pgseed.units import count

# One piece handed to libpq; larger ones gained nothing, and two connections hold two of them.
_CHUNK_BYTES = 256 * 1024
_COPY_LINE = re.compile(r"^COPY .*, line (\d+)")
_MISSING_KEY = re.compile(r"^Key \((.*)\)=\((.*)\) is not present in table", re.DOTALL)

Batch = tuple[RowGroup, ...]


@contextmanager
def load_sessions(
    server: Server, database: str, number: int, helpers: int
) -> Iterator[list[Connection]]:
    """Open the sessions of a load, all at once, for the time of a block.

    `helpers` are the parallel workers that PostgreSQL may add to each. Raises ServerUnreachable.
    """
    settings = {
        # Nothing here is live before the database is renamed, and that is flushed.
        "synchronous_commit": "off",
        # The disk writes while rows come in; a commit has little left to wait for.
        "backend_flush_after": "2MB",
        # Indexes are sorted, and foreign keys proven, in memory.
        "maintenance_work_mem": "256MB",
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
    """Fills one private database over load_sessions().

    `look` is called with a session once all that was taken out of the rows' way is back. `rows` are
    counted afterwards, by table that was filled.
    """

    sessions: Sequence[Connection]
    backup: Backup
    tables: Mapping[str, Table]
    progress: Progress
    look: Callable[[Connection], None]
    rows: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _groups: list[RowGroup] = field(default_factory=list)
    # Tables that the schema files put rows into, by oid.
    _not_empty: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Bring all rows in, then indexes, foreign keys and statistics.

        Raises BackupRefused, with its line as far as it is known, for rows that break the schema.
        """
        self._groups = group_blocks(self.backup.blocks, self.tables)
        first = self.sessions[0]
        filled = [table.oid for group in self._groups for table in group.members]
        large = [t.oid for group in self._groups if group.is_large for t in group.leaves]
        with first.cursor() as cursor:
            cursor.execute(
                "SELECT t::int8 FROM unnest(%s::oid[]) AS t WHERE pg_relation_size(t) > 0",
                (filled,),
            )
            self._not_empty = {oid for (oid,) in cursor.fetchall()}
        obstacles = take_away(first, filled, large)
        Crew(self.sessions, Connection.cancel).run(self._plan(obstacles), self._tick)
        self._refresh_views(first)
        self._set_sequences(first)

    def _plan(self, obstacles: Obstacles) -> list[Job[Connection]]:
        """Order the work: all rows; then, of the largest tables first, indexes, keys, statistics.

        Foreign keys and ANALYZE lock their tables against each other and against index builds, so
        they come one after the other, ANALYZE last: nothing waits for that.
        """
        rows: list[Job[Connection]] = []
        indexes: list[Job[Connection]] = []
        counts: list[Job[Connection]] = []
        ready: dict[int, str] = {}  # table -> the job that makes it complete, but for foreign keys
        large: list[Batch] = []
        for batch in batch_groups(self._groups):
            name, oids = batch[0].name, _oids(batch)
            rows.append(Job(f"rows of {name}", partial(self._fill, batch)))
            ready |= dict.fromkeys(oids, rows[-1].name)
            if not batch[0].is_large:
                continue
            large.append(batch)
            if dropped := [index for index in obstacles.indexes if index.table_oid in oids]:
                builds = [
                    Job(f"index {i.name}", partial(self._build, i), frozenset({rows[-1].name}))
                    for i in dropped
                ]
                finish = [index.finish for index in dropped if index.finish]
                built = frozenset(job.name for job in builds)
                indexes += [*builds, Job(f"keys of {name}", partial(_execute, finish), built)]
                ready |= dict.fromkeys(oids, indexes[-1].name)
            after = frozenset(ready[oid] for oid in oids)
            counts.append(Job(f"number of {name}", partial(self._count, batch), after))
        keys = {
            key: Job(
                f"foreign key {key.table}.{key.name}",
                partial(self._prove, key),
                frozenset(ready[oid] for oid in key.tables if oid in ready),
                key.tables,
            )
            for key in obstacles.foreign_keys
        }
        # Counted before row security is forced again on tables whose owner loads.
        before = [*rows, *indexes, *keys.values(), *counts]
        back = Job(
            "catalog",
            partial(self._switch_on, obstacles.switches),
            frozenset(job.name for job in before),
            frozenset(ready) if obstacles.switches else frozenset(),
        )
        statistics = []
        for batch in large:
            oids = _oids(batch)
            own_keys = frozenset(job.name for key, job in keys.items() if key.table_oid in oids)
            waits = own_keys | frozenset(ready[oid] for oid in oids)
            name = f"statistics of {batch[0].name}"
            statistics.append(Job(name, partial(_analyze, batch), waits, oids))
        return [*before, back, *statistics]

    def _tick(self) -> None:
        total = sum(group.weight for group in self._groups)
        if self._bytes >= total:
            self.progress("build indexes, prove foreign keys", 0, 0)
            return
        rows = sum(block.rows for group in self._groups for block in group.blocks)
        done = rows * self._bytes // total
        self.progress(f"load rows: {count(done)} of {count(rows)} rows", self._bytes, total)

    def _fill(self, batch: Batch, session: Connection) -> None:
        """Put the rows of a batch in, in one transaction; small tables are then complete."""
        blocks = [block for group in batch for block in group.blocks]
        is_large = batch[0].is_large
        with session.cursor() as cursor:
            cursor.execute("BEGIN")
            # The backup has the whole table: rows that the schema files put in give way. TRUNCATE
            # also is what allows COPY FREEZE, and no write-ahead log at wal_level minimal.
            for table in (table for group in batch for table in group.leaves):
                if is_large or table.oid in self._not_empty:
                    cursor.execute(sql.SQL("TRUNCATE ONLY {}").format(table.identifier))
            for block in blocks:
                try:
                    self._send(cursor, block, self.tables[block.name], is_large)
                except psycopg2.Error as error:
                    raise self._refusal(error, [block]) from None
            try:
                cursor.execute("COMMIT")
            except psycopg2.Error as error:  # deferred constraints
                raise self._refusal(error, blocks) from None
        if not is_large:
            _analyze(batch, session)
            self._count(batch, session)

    def _send(
        self, cursor: psycopg2.extensions.cursor, block: RowBlock, table: Table, is_large: bool
    ) -> None:
        if block.form == "insert":
            for statements, _ in insert_statements(self.backup, block):
                cursor.execute(statements)
                self._arrived(len(statements))
            return
        names = sql.SQL(", ").join(map(sql.Identifier, block.columns or ()))
        columns = sql.SQL("" if block.columns is None else " ({})").format(names)
        freeze = sql.SQL(", FREEZE" if is_large and table.kind == "r" else "")
        statement = sql.SQL("COPY {}{} FROM STDIN WITH (ENCODING 'UTF8'{})").format(
            table.identifier, columns, freeze
        )
        with open_rows(self.backup, block) as rows:
            cursor.copy_expert(statement, _Counted(rows, self._arrived), _CHUNK_BYTES)

    def _arrived(self, size: int) -> None:
        with self._guard:
            self._bytes += size

    def _build(self, index: Index, session: Connection) -> None:
        try:
            _execute([index.build], session)
        except psycopg2.errors.IntegrityError as error:
            raise self._refusal(error, self.backup.blocks) from None

    def _count(self, batch: Batch, session: Connection) -> None:
        """Compare the number of rows with the backup's."""
        tables = {table.qualified: table for group in batch for table in group.members}
        counts = count_rows(session, tables)
        self.rows.update(counts)
        for group in batch:
            arrived = sum(counts[table.qualified] for table in group.leaves)
            expected = sum(block.rows for block in group.blocks)
            if arrived != expected:
                raise BackupRefused(
                    self.backup.path,
                    f"it holds {count(expected)} rows of {group.name}, {count(arrived)} arrived",
                    line=group.blocks[0].line,
                )

    def _prove(self, key: ForeignKey, session: Connection) -> None:
        """Make a foreign key again, for which PostgreSQL looks at every row."""
        try:
            _execute([key.add], session)
        except psycopg2.errors.ForeignKeyViolation as error:
            found = _MISSING_KEY.search(error.diag.message_detail or "")
            columns, values = found.groups() if found else ("", "")
            if not found:  # only some of the values of a MATCH FULL key, which stay unnamed
                with session.cursor() as cursor:
                    cursor.execute(key.mixed_query)
                    row = cursor.fetchone() or ()
                    columns = ", ".join(column.name for column in cursor.description or ())
                values = ", ".join("null" if value is None else str(value) for value in row)
            raise BackupRefused(
                self.backup.path,
                f"a row of {key.table} has ({columns}) = ({values}), which {key.referenced} does"
                f" not have (foreign key {key.name})",
                line=next((b.line for b in self.backup.blocks if b.name == key.table), 0),
                remedy="Write the backup anew from a database that keeps its foreign keys",
            ) from None

    def _switch_on(self, switches: Sequence[str], session: Connection) -> None:
        with session.cursor() as cursor:
            run_all(cursor, switches)
        self.look(session)

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

    def _refusal(self, error: psycopg2.Error, blocks: Sequence[RowBlock]) -> Exception:
        """Turn what PostgreSQL says of rows into a refusal of the backup, at the row's line."""
        state = (error.pgcode or "")[:2]
        if state not in ("22", "23"):  # not the data's fault: no room, no connection, cancelled
            return error
        table = (error.diag.schema_name, error.diag.table_name)
        block = next((b for b in blocks if (b.schema, b.table) == table), blocks[0])
        place = _COPY_LINE.search(error.diag.context or "")
        detail = (error.diag.message_detail or "").rstrip(".")
        cause = f"{error.diag.message_primary}{f' ({detail})' if detail else ''}"
        return BackupRefused(
            self.backup.path,
            cause if block.name in cause else f"{cause}, in rows of {block.name}",
            line=block.line + (int(place[1]) if place else 0),
            remedy="Mend the schema in postgres/init or write the backup anew",
        )


def _oids(batch: Batch) -> frozenset[int]:
    return frozenset(table.oid for group in batch for table in group.members)


def _execute(statements: Sequence[str], session: Connection) -> None:
    with session.cursor() as cursor:
        run_all(cursor, statements)


def _analyze(batch: Batch, session: Connection) -> None:
    tables = sql.SQL(", ").join(t.identifier for group in batch for t in group.members)
    with session.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(tables))


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
