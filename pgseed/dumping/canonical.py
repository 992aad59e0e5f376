"""Writes the canonical dump of a schema: the same data give the same bytes.

Rows come in the order of the primary key (without one, of all columns as text), tables behind the
tables they refer to, sequences last, by name; text is compared by bytes (COLLATE "C"), and every
setting that the text of a value depends on is pinned. Generated columns are left out, partitions
are written one by one, as pg_dump does it.

Plain psql restores such a file into the empty schema. Only where foreign keys between several
tables form a cycle, or triggers on INSERT would act, the file switches triggers off for its
session (session_replication_role = replica), and then takes a superuser to restore.
"""

from __future__ import annotations

import errno
import filecmp
import io
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import psycopg2
import psycopg2.extensions

from pgseed.backup.compress import compress, compression_of
from pgseed.backup.files import file_state, open_file
from pgseed.backup.model import Backup
from pgseed.backup.reader import Reader, read_backup
from pgseed.backup.source import PlainSource
from pgseed.backup.work_folder import put_in_place, work_folder
from pgseed.dumping import dump_session, dump_text
from pgseed.dumping.tables import DumpRefused, check_fits, order_tables
from pgseed.errors import BackupRefused, SeedError
from pgseed.progress import Progress, quiet

if TYPE_CHECKING:
    from pgseed.server import Server

_BUFFER = 1024 * 1024
_WAIT_S = 0.002
# A full disk, a user's full quota.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema's statements in front of the rows and behind them (constraints, indexes, …)."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """What a dump holds beside the rows, and what it refuses.

    `expected` (qualified table -> columns) refuses what the project's schema does not have.
    `schema_text`, given the snapshot's name, makes it a full dump. `notes` are comments at its
    beginning. `oid` is the one database that may be dumped, whatever its name is by then.
    """

    expected: Mapping[str, Collection[str]] | None = None
    schema_text: Callable[[str], SchemaText] | None = None
    notes: Sequence[str] = ()
    oid: int | None = None
    progress: Progress = quiet


ROWS_ALONE = DumpOptions()


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of the `database` with this oid; `changed` unless the file held the same before."""

    backup: Backup
    changed: bool
    database: int


def dump(
    server: Server,
    database: str,
    path: str | Path,
    *,
    schema: str,
    options: DumpOptions = ROWS_ALONE,
) -> Dump:
    """Dump a schema into a file that replaces `path` once it is complete and read back.

    `path` may end in .gz or .zst; one that holds the same already is left alone.
    Raises SeedError (also DumpRefused, BackupRefused); `path` is then as it was.
    """
    target = Path(path)
    real = Path(os.path.realpath(target))
    if real.exists() and not real.is_file():
        raise SeedError(f"failed to dump into {target}: it is no plain file. Name one")
    try:
        with (
            work_folder(real.parent) as folder,
            server.session(database, purpose="dump") as connection,
        ):
            finished = plain = folder / "dump"
            if compression_of(real) == "none":
                oid, rows, backup = _write_and_read(connection, schema, plain, options)
            else:
                oid, rows = _write(connection, schema, plain, options)
                finished = folder / f"dump{real.suffix}"
                compress(plain, finished, options.progress)
                backup = read_backup(finished, schema=schema, progress=options.progress)
            if backup.tables != rows:
                raise SeedError(
                    f"failed to dump the database: {rows} was sent, {backup.tables} was read"
                    " back. Dump again; if it repeats, look for a failing disk"
                )
            there = _the_same_there(real, finished, backup, options)
            if there is None:
                put_in_place(finished, real)
    except (psycopg2.Error, OSError) as error:
        text, remedy = str(error).strip(), "dump again"
        if isinstance(error, OSError):
            text = error.strerror or ""
            if error.errno in _NO_ROOM:
                remedy = f"free space in {real.parent} and dump again"
        cause = (text or repr(error)).splitlines()[0]
        raise SeedError(
            f"failed to dump the database: {cause}. {target} is as it was; {remedy}"
        ) from error
    return Dump(replace(there or backup, path=target), there is None, oid)


def _write_and_read(
    connection: psycopg2.extensions.connection, schema: str, path: Path, options: DumpOptions
) -> tuple[int, dict[str, int], Backup]:
    """Write the whole text in a thread while it is read back: reading takes half as long."""
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write, connection, schema, path, options)
        try:
            while not path.exists() and not writing.done():
                time.sleep(_WAIT_S)
            if not path.exists():
                writing.result()
            with open_file(path) as file:
                source = _Growing(path, file, writing)
                backup = Reader(source, schema, None, complete=True).read()
                oid, rows = writing.result()
                state = file_state(file)
        except BaseException:
            if writing.done():
                writing.result()  # whatever was read, its failure is the one to tell
            connection.cancel()
            raise
    return oid, rows, replace(backup, size_bytes=state[2], file_state=state)


class _Growing(PlainSource):
    """A file that is being written; its end is the end of the writing."""

    def __init__(self, path: Path, file: BinaryIO, writing: Future[Any]) -> None:
        super().__init__(path, file, 0)
        self._writing = writing

    def read(self) -> bytes:
        while True:
            is_written = self._writing.done()
            if data := super().read():
                return data
            if is_written:
                self._writing.result()
                return b""
            time.sleep(_WAIT_S)


def _write(
    connection: psycopg2.extensions.connection, schema: str, path: Path, options: DumpOptions
) -> tuple[int, dict[str, int]]:
    """Write the whole text from one snapshot; returns the database's oid and the rows per table."""
    oid, snapshot = dump_session.begin(connection)
    if options.oid not in (None, oid):
        raise DumpRefused(
            "failed to dump the database: another one took the place of the one meant (a load,"
            " reset, undo or restore meanwhile). The file is as it was; begin anew"
        )
    tables = dump_session.read_tables(connection, schema)
    if not tables:
        raise DumpRefused(
            f"failed to dump the database: schema {schema} has no tables. Load it first"
        )
    if options.expected is not None:
        check_fits(tables, options.expected)
    order = order_tables(tables, dump_session.read_references(connection, schema))
    sequences = dump_session.read_sequences(connection, schema)
    text = options.schema_text(snapshot) if options.schema_text else SchemaText()
    # In a full dump, foreign keys and triggers come after the rows.
    replica = options.schema_text is None and order.needs_replica_role
    rows = {}
    raw = _ReportedFile(path, sum(table.size_bytes for table in tables), options.progress)
    with io.BufferedWriter(raw, _BUFFER) as out, connection.cursor() as cursor:
        out.write(dump_text.header(replica=replica, notes=options.notes).encode())
        out.write(text.before.encode())
        for table in order.tables:
            out.write(dump_text.table_header(table).encode())
            cursor.copy_expert(table.query, out)
            out.write(dump_text.TABLE_FOOTER.encode())
            rows[table.qualified] = cursor.rowcount
        for sequence in sequences:
            out.write(dump_text.sequence_text(sequence).encode())
        out.write(text.after.encode())
        out.write(dump_text.footer(replica=replica).encode())
    return oid, rows


class _ReportedFile(io.FileIO):
    """A new file that reports how far it is; `total` is what its tables have on the server."""

    def __init__(self, path: Path, total: int, progress: Progress) -> None:
        super().__init__(path, "xb")
        self._total, self._progress = total, progress

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self._progress("dumping", min(self.tell(), self._total), self._total)
        return written


def _the_same_there(old: Path, new: Path, backup: Backup, options: DumpOptions) -> Backup | None:
    """The old file if it holds the same bytes; if compressed, the same rows and notes."""
    if not old.exists():
        return None
    if backup.compression == "none":
        with open_file(old) as file:
            state = file_state(file)
        same = filecmp.cmp(old, new, shallow=False)
        return replace(backup, file_state=state) if same else None
    # Another version of the library may pack the same rows in other bytes.
    if dump_text.read_notes(old) != tuple(options.notes):
        return None
    try:
        there = read_backup(old, schema=backup.schema, progress=options.progress)
    except BackupRefused:
        return None

    of_content = attrgetter("data_hash", "kind", "compression")
    return there if of_content(there) == of_content(backup) else None
