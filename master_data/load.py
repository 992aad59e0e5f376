"""Loading master data from CSV files: everything in one transaction, or nothing.

Each file is staged by COPY, judged, set against the table by its natural key, and written as one
UPDATE and one INSERT. Rows that the files do not name stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import psycopg2.errors
from psycopg2 import extensions
from psycopg2.extras import execute_values
from psycopg2.sql import SQL, Identifier

from master_data.csv_file import CsvFile, in_load_order, look_at
from master_data.faults import CsvRefused, LoadFailed, Rejection
from master_data.live_table import LiveTable, keep_sequence, read_live_tables
from master_data.proposal import Counts, Proposal
from master_data.queries import query
from master_data.rejected_file import RejectedFiles, count_rejected
from master_data.rules import judge
from master_data.staging import stage
from master_data.tables import IMPORT_LOG, TABLES
from pgseed.progress import Progress, quiet


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What is asked of a load; with more than `reject_limit` rejected rows it writes only those."""

    schema: str
    rejected_dir: Path
    reject_limit: int = 0
    dry_run: bool = False
    encoding: str | None = None
    lock_timeout_s: int = 10


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file did, or would do; `examples` are the first reasons, `rejected` counts rows."""

    file: CsvFile
    counts: Counts
    rejected: int = 0
    examples: tuple[Rejection, ...] = ()
    rejected_file: Path | None = None

    @property
    def read(self) -> int:
        """Rows that the file holds."""
        counts = self.counts
        return counts.inserted + counts.updated + counts.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did; `committed` says whether the database holds it now."""

    files: tuple[FileResult, ...]
    options: LoadOptions
    committed: bool = False

    @property
    def rejected(self) -> int:
        return sum(file.rejected for file in self.files)

    @property
    def within_limit(self) -> bool:
        return self.rejected <= self.options.reject_limit


class MasterDataLoad:
    """CSV files that were looked at, to be loaded as `options` say. Raises CsvRefused."""

    def __init__(self, paths: Sequence[Path], options: LoadOptions) -> None:
        self.options = options
        self.files = [look_at(path, encoding=options.encoding) for path in in_load_order(paths)]
        names: set[str] = set()
        for path in (file.path for file in self.files):
            if path.name in names:
                cause = "another file of the same name is to be loaded as well"
                raise CsvRefused(path, cause, remedy="Load them one after the other")
            names.add(path.name)

    def run(self, connection: extensions.connection, progress: Progress = quiet) -> LoadResult:
        """Bring the tables to what the files say; progress is in bytes of the file being read.

        Raises CsvRefused or LoadFailed; both leave the tables and their sequences as they were.
        """
        autocommit = connection.autocommit
        connection.autocommit = False
        try:
            with RejectedFiles(self.options.rejected_dir) as rejected:
                return self._run(connection, rejected, progress)
        except psycopg2.errors.LockNotAvailable as error:
            raise LoadFailed(
                "failed to load: another session has been writing for"
                f" {self.options.lock_timeout_s} s. Try again when it is done"
                " (see: python -m vpdb monitor)"
            ) from error
        except psycopg2.Error as error:
            diagnosis = error.diag
            cause = diagnosis.message_primary or str(error).strip() or type(error).__name__
            detail = f" ({diagnosis.message_detail})" if diagnosis.message_detail else ""
            raise LoadFailed(f"failed to load: {cause}{detail}. Nothing was written") from error
        except OSError as error:
            raise LoadFailed(
                f"failed to load: {error.filename or self.options.rejected_dir}:"
                f" {error.strerror or error}. Nothing was loaded"
            ) from None
        finally:
            # A lost connection has rolled back by itself.
            with suppress(psycopg2.Error):
                connection.rollback()
                connection.autocommit = autocommit

    def _run(
        self, connection: extensions.connection, rejected: RejectedFiles, progress: Progress
    ) -> LoadResult:
        results = []
        with connection.cursor() as cursor:
            live = self._prepare(cursor)
            for file in self.files:
                result = self._load_file(cursor, live[file.table.name], file, progress)
                if not self.options.dry_run:
                    kept = rejected.keep(connection, file, result.rejected)
                    result = replace(result, rejected_file=kept)
                results.append(result)
            self._log_imports(cursor, live[IMPORT_LOG.name], results)
            # Deferred constraints speak up here, in a dry run too.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        loaded = LoadResult(tuple(results), self.options)
        if self.options.dry_run:
            return loaded
        if loaded.within_limit:
            connection.commit()
            loaded = replace(loaded, committed=True)
        else:
            connection.rollback()
        rejected.publish()
        return loaded

    def _prepare(self, cursor: extensions.cursor) -> Mapping[str, LiveTable]:
        """Set the transaction up, lock the tables, and read what the catalog says of them."""
        schema = self.options.schema
        involved = {file.table.name for file in self.files}
        for file in self.files:
            involved.update(c.reference.table for c in file.table.columns if c.reference)
        names = [table.name for table in TABLES if table.name in involved]
        names.append(IMPORT_LOG.name)
        tables = SQL(", ").join(Identifier(schema, name) for name in names)
        begin = query("begin_load", schema=Identifier(schema), tables=tables)
        cursor.execute(begin, (f"{self.options.lock_timeout_s}s",))
        return read_live_tables(cursor, schema, names)

    def _load_file(
        self, cursor: extensions.cursor, live: LiveTable, file: CsvFile, progress: Progress
    ) -> FileResult:
        found = stage(cursor, live, file, progress)
        progress(f"judge {file.path.name}", file.size_bytes, file.size_bytes)
        proposal = Proposal(cursor, self.options.schema, live, file)
        proposal.build()
        found += judge(proposal)
        counts = proposal.counts()
        progress(f"write {file.path.name}", file.size_bytes, file.size_bytes)
        proposal.write(counts)
        return FileResult(file, counts, *(count_rejected(cursor) if found else ()))

    def _log_imports(
        self, cursor: extensions.cursor, log: LiveTable, results: Sequence[FileResult]
    ) -> None:
        """Note which files changed the data; one that changed nothing leaves no trace."""
        rows = [
            (file.path.name, file.sha256, file.table.name, done.inserted, done.updated, rejected)
            for file, done, rejected in ((one.file, one.counts, one.rejected) for one in results)
            if done.inserted or done.updated
        ]
        if rows:
            keep_sequence(cursor, log)
            target = Identifier(self.options.schema, IMPORT_LOG.name)
            execute_values(cursor, query("log_imports", log=target), rows)
