"""The recovery test: does a backup restore, and is it then what it was?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pgseed.backup.model import Backup
from pgseed.databases.catalog import count_rows, read_tables
from pgseed.diff.backups import compare_backups
from pgseed.diff.text import describe
from pgseed.dumping import DumpOptions, dump
from pgseed.errors import SeedError
from pgseed.progress import Progress, quiet
from pgseed.queries import query
from pgseed.server import Server, pg_errors_as
from vpdb.live import live_database
from vpdb.seed_source import Content, choose_content
from vpdb.settings import Settings


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup that passed: what it restored to, and how long that took."""

    backup: Backup
    rows: Mapping[str, int]
    constraints: int
    restore_s: float
    total_s: float


def verify(server: Server, settings: Settings, path: Path, progress: Progress = quiet) -> Verified:
    """Restore a backup aside, check it, dump it again and compare. Raises SeedError."""
    started = time.monotonic()
    with restored(server, settings, path, progress) as (database, content):
        restore_s = time.monotonic() - started
        backup = content.backup
        assert backup is not None
        with (
            server.session(database, purpose="verify") as connection,
            pg_errors_as(f"check what {path.name} restored to"),
            connection.cursor() as cursor,
        ):
            counts = count_rows(connection, read_tables(connection))
            cursor.execute(query("verify_constraints"), {"schema": settings.db_schema})
            ((constraints, not_validated, broken),) = cursor.fetchall()
        wrong = [
            f"{name} has {counts[name]} rows instead of {rows}"
            for name, rows in backup.tables.items()
            if counts.get(name, rows) != rows
        ]
        if wrong:
            raise SeedError(f"failed to verify {path}: {', '.join(wrong)}. Get the file again")
        if not_validated or broken:
            raise SeedError(
                f"failed to verify {path}: these do not hold for every row:"
                f" {', '.join([*not_validated, *broken])}. Mend postgres/init/ or the backup"
            )
        _compare(server, settings, database, backup, progress)
        rows = {name: counts[name] for name in backup.tables}
    return Verified(backup, rows, constraints, restore_s, time.monotonic() - started)


@contextmanager
def restored(
    server: Server, settings: Settings, path: Path, progress: Progress
) -> Iterator[tuple[str, Content]]:
    """Restore a backup into a private database for the time of a block."""
    wanted = replace(settings, source="backup", backup=path)
    content = choose_content(settings.project_dir, wanted, progress)
    with live_database(server, settings, progress).loaded_aside(content.seed) as database:
        yield database, content


def _compare(
    server: Server, settings: Settings, database: str, backup: Backup, progress: Progress
) -> None:
    """Dump the restored database and compare: what went in comes out."""
    with tempfile.TemporaryDirectory(prefix="vpdb-verify-") as folder:
        file, options = Path(folder) / "again.sql", DumpOptions(progress=progress)
        schema = settings.db_schema
        again = dump(server, database, file, schema=schema, options=options).backup
        if again.data_hash == backup.data_hash:
            return
        # Written by pg_dump, perhaps: other order, other columns' order, the same rows.
        difference = compare_backups(backup, again, examples=1, progress=progress)
        # A column that the backup lacks has its default now, which is no fault of either.
        if any(table.added or table.removed or table.changed for table in difference.tables):
            words = "; ".join(line.strip() for line in describe(difference)[:4])
            raise SeedError(
                f"failed to verify {backup.path}: restored and dumped again it differs: {words}."
                " See whether a trigger or a default of postgres/init/ changes rows"
            )
