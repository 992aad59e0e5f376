"""Loading master data from CSV files: everything in one transaction, or nothing.

Each file is staged by COPY, judged row by row, set against the table by its natural key, and
written as one UPDATE and one INSERT. Rows that the files do not name stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import psycopg2.errors
from psycopg2 import extensions, sql
from psycopg2.extras import execute_values

from master_data import tables
from master_data.catalog import Facts, keep_sequence, read_facts
from master_data.csv_file import CsvFile, in_load_order, look_at
from master_data.faults import CsvRefused, LoadFailed, Rejection
from master_data.proposal import Counts, Proposal
from master_data.rejected_file import RejectedFiles, count_rejected
from master_data.rules import judge
from master_data.staging import Reading, read_ahead
from master_data.tables import TABLES
from pgseed.progress import Progress, quiet

LOCK_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file did, or would do; `examples` are the first reasons, `rejected` counts rows."""

    path: Path
    table: str
    encoding: str
    delimiter: str
    counts: Counts
    rejected: int
    examples: tuple[Rejection, ...]
    rejected_file: Path | None

    @property
    def read(self) -> int:
        """Rows that the file holds."""
        counts = self.counts
        return counts.inserted + counts.updated + counts.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did; `committed` says whether the database holds it now."""

    files: tuple[FileResult, ...]
    committed: bool
    dry_run: bool
    reject_limit: int

    @property
    def rejected(self) -> int:
        return sum(file.rejected for file in self.files)

    @property
    def within_limit(self) -> bool:
        return self.rejected <= self.reject_limit


def load_files(
    connection: extensions.connection,
    paths: Sequence[Path],
    *,
    schema: str,
    rejected_dir: Path,
    reject_limit: int = 0,
    dry_run: bool = False,
    encoding: str | None = None,
    progress: Progress = quiet,
) -> LoadResult:
    """Bring the tables to what the files say: `load_readings` of files that are read from here."""
    with reading(paths, encoding=encoding) as readings:
        return load_readings(
            connection,
            readings,
            schema=schema,
            rejected_dir=rejected_dir,
            reject_limit=reject_limit,
            dry_run=dry_run,
            progress=progress,
        )


@contextmanager
def reading(paths: Sequence[Path], *, encoding: str | None = None) -> Iterator[Sequence[Reading]]:
    """Begin to read files, in the order in which they are loaded.

    It needs no database, so whoever still looks for one loses no time. `encoding` overrides what
    the files look like. Raises CsvRefused for a file that cannot be read at all.
    """
    files = [look_at(path, encoding=encoding) for path in in_load_order(paths)]
    _refuse_name_twice(files)
    with read_ahead(files) as readings:
        yield readings


def load_readings(
    connection: extensions.connection,
    readings: Sequence[Reading],
    *,
    schema: str,
    rejected_dir: Path,
    reject_limit: int = 0,
    dry_run: bool = False,
    progress: Progress = quiet,
) -> LoadResult:
    """Bring the tables to what the files say, or tell with `dry_run` what that would do.

    More rejected rows than `reject_limit`, over all files, and nothing is written but the rejected
    rows, to `rejected_dir`. Progress is in bytes of the file being read. Raises CsvRefused for a
    file that cannot be read to its end and LoadFailed for what the database refuses; both leave
    the tables and their sequences as they were.
    """
    autocommit = connection.autocommit
    connection.autocommit = False
    try:
        with RejectedFiles(rejected_dir) as rejected:
            return _load(connection, readings, schema, rejected, reject_limit, dry_run, progress)
    except psycopg2.Error as error:
        raise LoadFailed(_database_fault(error)) from error
    except OSError as error:
        raise LoadFailed(
            f"failed to load: {error.filename or rejected_dir}: {error.strerror or error}."
            " Nothing was loaded"
        ) from None
    finally:
        # A lost connection has rolled back by itself.
        with suppress(psycopg2.Error):
            connection.rollback()
            connection.autocommit = autocommit


def _load(
    connection: extensions.connection,
    readings: Sequence[Reading],
    schema: str,
    rejected: RejectedFiles,
    reject_limit: int,
    dry_run: bool,
    progress: Progress,
) -> LoadResult:
    files = [each.file for each in readings]
    results = []
    with connection.cursor() as cursor:
        facts = _prepare(cursor, schema, files)
        for each in readings:
            file, result = each.file, _load_file(cursor, schema, facts, each, progress)
            if not dry_run:
                kept = rejected.keep(connection, file, result.rejected)
                result = replace(result, rejected_file=kept)
            results.append(result)
        _log_imports(cursor, schema, facts[tables.IMPORT_LOG], zip(files, results, strict=True))
        # Deferred constraints speak up here, in a dry run too.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    loaded = LoadResult(tuple(results), False, dry_run, reject_limit)
    if not dry_run and loaded.within_limit:
        connection.commit()
        loaded = replace(loaded, committed=True)
    else:
        connection.rollback()
    if not dry_run:
        rejected.publish()
    return loaded


def _prepare(
    cursor: extensions.cursor, schema: str, files: Sequence[CsvFile]
) -> Mapping[str, Facts]:
    """Settings of the transaction, locks, and what there is to know of the tables."""
    # The catalog prints the expressions of constraints relative to the search path.
    cursor.execute(
        sql.SQL(
            """
            SET LOCAL search_path TO {schema}, public;
            SET LOCAL datestyle TO 'ISO, YMD';
            SET LOCAL work_mem TO '64MB';
            SET LOCAL default_statistics_target TO 10;
            SET LOCAL lock_timeout TO %s
            """
        ).format(schema=sql.Identifier(schema)),
        (f"{LOCK_TIMEOUT_S}s",),
    )
    # Readers go on reading; another writer could make the judgement of a row, or the row that it
    # refers to, untrue.
    involved = {file.table.name for file in files}
    for file in files:
        involved.update(c.reference.table for c in file.table.columns if c.reference)
    ordered = [table.name for table in TABLES if table.name in involved]
    names = [*ordered, tables.IMPORT_LOG]
    cursor.execute(
        sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE; SET CONSTRAINTS ALL DEFERRED").format(
            sql.SQL(", ").join(sql.Identifier(schema, name) for name in names)
        )
    )
    return read_facts(cursor, schema, names)


def _load_file(
    cursor: extensions.cursor,
    schema: str,
    facts: Mapping[str, Facts],
    reading: Reading,
    progress: Progress,
) -> FileResult:
    file = reading.file
    known = facts[file.table.name]
    found = reading.stage(cursor, known, progress)
    progress(f"judge {file.path.name}", file.size_bytes, file.size_bytes)
    proposal = Proposal(cursor, schema, file.table, known, reading.delivered)
    proposal.build()
    found += judge(proposal)
    counts = proposal.counts()
    progress(f"write {file.path.name}", file.size_bytes, file.size_bytes)
    proposal.write(counts)
    rejected, examples = count_rejected(cursor) if found else (0, ())
    return FileResult(
        file.path,
        file.table.name,
        file.encoding,
        file.delimiter,
        counts,
        rejected,
        examples,
        rejected_file=None,
    )


def _log_imports(
    cursor: extensions.cursor,
    schema: str,
    facts: Facts,
    loaded: Iterable[tuple[CsvFile, FileResult]],
) -> None:
    """Note which files changed the data; one that changed nothing leaves no trace."""
    rows = [
        (
            file.path.name,
            file.sha256,
            file.table.name,
            result.counts.inserted,
            result.counts.updated,
            result.rejected,
        )
        for file, result in loaded
        if result.counts.inserted or result.counts.updated
    ]
    if rows:
        keep_sequence(cursor, facts)
        execute_values(
            cursor,
            sql.SQL(
                "INSERT INTO {} (file_name, file_sha256, table_name, inserted_rows, updated_rows,"
                " rejected_rows) VALUES %s"
            ).format(sql.Identifier(schema, tables.IMPORT_LOG)),
            rows,
        )


def _refuse_name_twice(files: Sequence[CsvFile]) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path.name in seen:
            raise CsvRefused(
                file.path,
                "another file of the same name is to be loaded as well",
                remedy="Load them one after the other",
            )
        seen.add(file.path.name)


def _database_fault(error: psycopg2.Error) -> str:
    diagnosis = error.diag
    cause = diagnosis.message_primary or str(error).strip() or type(error).__name__
    if isinstance(error, psycopg2.errors.LockNotAvailable):
        return (
            f"failed to load: another session has been writing for {LOCK_TIMEOUT_S} s."
            " Try again when it is done (see: python -m vpdb monitor)"
        )
    detail = f" ({diagnosis.message_detail})" if diagnosis.message_detail else ""
    return f"failed to load: {cause}{detail}. Nothing was written"
