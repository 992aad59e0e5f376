"""Writes the canonical dump of a schema: the same data give the same bytes.

Rows come in the order of the primary key (without one, of all columns as text), tables behind the
tables they refer to, sequences last, by name; text is compared by bytes (COLLATE "C"), and every
setting that the text of a value depends on is pinned. Generated columns are left out, partitions
are written one by one, as pg_dump does it.

Plain psql restores such a file into the empty schema. A row may refer to a later row of its own
table: PostgreSQL checks a COPY when all its rows are in. Only where foreign keys between several
tables form a cycle, or triggers on INSERT would act, the file switches triggers off for its
session (session_replication_role = replica), and then takes a superuser to restore.
"""

from __future__ import annotations

import errno
import filecmp
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import psycopg2
import psycopg2.extensions

from pgseed.backup.compress import compress, compression_of
from pgseed.backup.files import file_state
from pgseed.backup.model import Backup
from pgseed.backup.reader import Reader, read_backup
from pgseed.backup.source import PlainSource
from pgseed.backup.work_folder import put_in_place, work_folder
from pgseed.dumping.writer import DumpWriter, SchemaText
from pgseed.errors import BackupRefused, SeedError
from pgseed.progress import Progress, quiet
from vpdb.backups.release_records import read_notes

Connect = Callable[[], psycopg2.extensions.connection]

# A full disk, a user's full quota.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Dump:
    """A finished dump; `changed` is False where the file held the same before.

    `database` is the oid of the database that was dumped: its name may be another one's by now.
    """

    backup: Backup
    changed: bool
    database: int


def write_dump(
    connect: Connect,
    target: Path,
    *,
    schema: str,
    expected: Mapping[str, Collection[str]] | None = None,
    schema_text: Callable[[str], SchemaText] | None = None,
    notes: Sequence[str] = (),
    database: int | None = None,
    progress: Progress = quiet,
    processes: int | None = None,
) -> Dump:
    """Dump a schema into a file that replaces `target` once it is complete and read back.

    `connect` gives a new session each time. `expected` (qualified table -> columns) refuses what
    the project's schema does not have. `schema_text`, given the snapshot's name, makes it a full
    dump. `notes` are comments at its beginning. `target` may end in .gz or .zst; one that holds the
    same already is left alone. `database` is the oid of the only one that may be dumped.
    Raises SeedError (also DumpRefused, BackupRefused); `target` is then as it was.
    """
    real = Path(os.path.realpath(target))
    try:
        with work_folder(real.parent) as folder, closing(connect()) as connection:
            writer = DumpWriter(connection, schema, folder, progress, processes)
            finished = folder / f"dump{real.suffix}"
            plain = folder / "dump"
            with closing(writer.write(plain, expected, schema_text, notes, database)) as parts:
                if compression_of(real) == "none":
                    next(parts)
                    finished = plain
                    backup = _read_while_written(plain, schema, parts)
                else:
                    for _ in parts:
                        pass
                    compress(plain, finished, progress)
                    backup = read_backup(finished, schema=schema, progress=progress)
            if backup.tables != writer.rows:
                raise SeedError(
                    f"failed to dump the database: {writer.rows} was sent, {backup.tables} was read"
                    " back. Dump again; if it repeats, look for a failing disk"
                )
            there = _the_same_there(real, finished, backup, notes, progress)
            if there is None:
                put_in_place(finished, real)
    except (psycopg2.Error, OSError) as error:
        raise SeedError(
            f"failed to dump the database: {_cause(error)}. {target} is as it was;"
            f" {_remedy(error, real.parent)}"
        ) from error
    return Dump(replace(there or backup, path=target), there is None, writer.database)


def _cause(error: psycopg2.Error | OSError) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error).strip()
    return (text or repr(error)).splitlines()[0]


def _remedy(error: psycopg2.Error | OSError, folder: Path) -> str:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"free space in {folder} and dump again"
    return "dump again"


class _Unfinished(PlainSource):
    """A file that is being written; whoever reads to its end so far has its next part written."""

    def __init__(self, path: Path, file: BinaryIO, parts: Iterator[None]) -> None:
        super().__init__(path, file, 0)
        self._parts = parts

    def read(self) -> bytes:
        while not (data := super().read()):
            try:
                next(self._parts)
            except StopIteration:
                # What was written behind the last part.
                return super().read()
        return data


def _read_while_written(path: Path, schema: str, parts: Iterator[None]) -> Backup:
    """Read a dump back while other processes still copy the rows that come next."""
    with path.open("rb", buffering=0) as file:
        backup = Reader(_Unfinished(path, file, parts), schema, None, complete=True).read()
        state = file_state(file)
    return replace(backup, size_bytes=state[2], file_state=state)


def _the_same_there(
    old: Path, new: Path, backup: Backup, notes: Sequence[str], progress: Progress
) -> Backup | None:
    """The old file if it holds the same bytes; if compressed, the same rows and notes.

    Another version of the library may pack the same rows in other bytes.
    """
    if not old.exists():
        return None
    if backup.compression == "none":
        with old.open("rb") as file:
            state = file_state(file)
        same = state[2] == backup.size_bytes and filecmp.cmp(old, new, shallow=False)
        return replace(backup, file_state=state) if same else None
    if read_notes(old) != tuple(notes):
        return None
    try:
        there = read_backup(old, schema=backup.schema, progress=progress)
    except BackupRefused:
        return None
    same = (there.data_hash, there.kind, there.compression) == (
        backup.data_hash,
        backup.kind,
        backup.compression,
    )
    return there if same else None
