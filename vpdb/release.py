"""The monthly release: bulk mode on, load, bulk mode off, dump; each undone or finished.

Whatever fails: the load is one transaction, the backup file is replaced whole, and bulk mode is
switched off; after a kill the next `pulumi up` does that. Doing it again goes on.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2.extensions

from pgseed.databases.catalog import count_rows, read_tables
from pgseed.databases.retention import find_live
from pgseed.databases.stamp import list_databases
from pgseed.dumping import read_notes
from pgseed.errors import SeedError
from pgseed.progress import Progress, quiet, while_heard
from pgseed.server import MAINTENANCE_DATABASE, pg_errors_as
from pgseed.units import count
from vpdb import bulk
from vpdb.backups.team_dump import Dumped, DumpWish, dump_live, refuse_newer, target_of_team
from vpdb.live import live_database
from vpdb.server.docker_server import DockerServer
from vpdb.settings import Settings

DATA_DIR = Path("data")
Load = Callable[[Sequence[Path]], None]

_RECORD = re.compile(r"Release (\d{4}-\d{2}): CSVs ([0-9a-f]{64})")


class ReleaseFailed(SeedError):
    """A step of a release failed; what it had begun is undone or finished."""


@dataclass(frozen=True, slots=True)
class CsvInput:
    """One file of a release, identified by its content."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would do, from files alone; `why_not` is "" where there is something to do."""

    name: str
    files: tuple[CsvInput, ...]
    csv_hash: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """What a release did, with the rows of each table before and after."""

    plan: Plan
    before: Mapping[str, int]
    after: Mapping[str, int]
    dumped: Dumped | None = None


def plan_release(settings: Settings, name: str) -> Plan:
    """Decide what a release of the CSVs in data/ has to do; reads files only."""
    files = []
    for path in sorted((settings.project_dir / DATA_DIR).glob("*.csv")):
        if path.is_file():
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                files.append(CsvInput(path, sha256, file.tell()))
    csv_hash = hash_of({each.path.name: each.sha256 for each in files})
    why_not = ""
    if not files:
        why_not = f"there are no CSVs in {DATA_DIR}/"
    elif records(read_notes(target_of_team(settings))).get(name) == csv_hash:
        why_not = f"release {name} of these CSVs is in the committed backup already"
    return Plan(name, tuple(files), csv_hash, why_not)


def records(notes: Sequence[str]) -> dict[str, str]:
    """Read which releases a backup's remarks name, with the hash of each one's CSVs."""
    found = (_RECORD.fullmatch(note) for note in notes)
    return {match[1]: match[2] for match in found if match}


def with_record(notes: Sequence[str], plan: Plan) -> list[str]:
    """Return the remarks of the next backup: those of the one before, and this release once."""
    others = [note for note in notes if plan.name not in records([note])]
    return sorted([*others, f"Release {plan.name}: CSVs {plan.csv_hash}"])


def hash_of(files: Mapping[str, str]) -> str:
    """Hash names and contents of files: 64 hex digits; their order does not count."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(files.items()):
        digest.update(f"{len(name.encode())}:{name}:{sha256}".encode())
    return digest.hexdigest()


def make_release(
    server: DockerServer, settings: Settings, plan: Plan, load: Load, progress: Progress = quiet
) -> Released:
    """Make a planned release; `load` brings the CSVs into the database."""
    with _alone(server, plan.name) as session:
        # What is loaded into one database must not be recorded in the dump of another one.
        live = find_live(list_databases(session, settings.database))
        refuse_newer(live_database(server, settings), settings)
        before = schema_counts(server, settings)
        with bulk_mode(server, settings, plan.name, progress):
            load([file.path for file in plan.files])
        if plan_release(settings, plan.name).csv_hash != plan.csv_hash:
            raise ReleaseFailed(
                f"failed to make release {plan.name}: the CSVs changed while they were loaded."
                " Run it again"
            )
        notes = with_record(read_notes(target_of_team(settings)), plan)
        wish = DumpWish(notes=notes, database=live.oid if live else None)
        dumped = dump_live(server, settings, wish, progress)
        return Released(plan, before, schema_counts(server, settings), dumped)


@contextmanager
def bulk_mode(
    server: DockerServer, settings: Settings, release: str, progress: Progress
) -> Iterator[None]:
    """Have bulk mode on for a block, and off behind it, unless the settings want it on."""
    # Not its own where the settings want it: then it stays on behind the release.
    bulk.switch_on(server, settings, progress, release="" if settings.bulk_mode else release)
    try:
        yield
    except BaseException as failure:
        try:
            _end_bulk_mode(server, settings, progress)
        except SeedError as other:
            # The block's failure is the one to tell, with this one added.
            if isinstance(failure, SeedError):
                raise ReleaseFailed(f"{failure}. Besides: {other}") from failure
        raise
    _end_bulk_mode(server, settings, progress)


def _end_bulk_mode(server: DockerServer, settings: Settings, progress: Progress) -> None:
    if not settings.bulk_mode:
        # Also when nobody reads any more: a killed pulumi leaves a pipe that nobody empties.
        bulk.switch_off(server, settings, while_heard(progress))


def schema_counts(server: DockerServer, settings: Settings) -> dict[str, int]:
    """Count the rows of every table in the schema."""
    with (
        server.session(settings.database, purpose="count rows") as connection,
        pg_errors_as("count the rows"),
    ):
        tables = read_tables(connection).items()
        mine = {name: table for name, table in tables if table.schema == settings.db_schema}
        return count_rows(connection, mine)


def row_counts(released: Released) -> dict[str, tuple[int, int]]:
    """Return the rows of every table, before and after."""
    tables = sorted({*released.before, *released.after})
    return {name: (released.before.get(name, 0), released.after.get(name, 0)) for name in tables}


def commit_message(released: Released) -> str:
    """Word the commit message for the new backup, ready to paste."""
    lines = [f"Release {released.plan.name}: master data", ""]
    for table, (old, new) in row_counts(released).items():
        if old != new:
            lines.append(f"{table}: {count(old)} -> {count(new)} rows")
    if not lines[2:]:
        lines.append("The number of rows is as before in every table.")
    return "\n".join(lines)


def commit(settings: Settings, released: Released) -> str:
    """Commit the backup file alone; return the commit's short id, "" where nothing differs."""
    target = str(target_of_team(settings))
    _git(settings, "add", "--", target)
    if not _git(settings, "status", "--porcelain", "--", target):
        return ""
    _git(settings, "commit", "--quiet", "-m", commit_message(released), "--", target)
    return _git(settings, "rev-parse", "--short", "HEAD")


def _git(settings: Settings, *args: str) -> str:
    done = subprocess.run(
        ["git", *args], cwd=settings.project_dir, capture_output=True, text=True, check=False
    )
    if done.returncode:
        cause = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise ReleaseFailed(
            f"failed to commit the backup: git {args[0]}: {cause[0]}."
            " The backup itself is written; commit it by hand"
        )
    return done.stdout.strip()


@contextmanager
def _alone(server: DockerServer, name: str) -> Iterator[psycopg2.extensions.connection]:
    """Keep a second release of this stack from beginning; yield the session that does."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose=f"release {name}") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (bulk.RELEASE_LOCK_KEY,))
        ((taken,),) = cursor.fetchall()
        if not taken:
            raise ReleaseFailed(
                f"failed to make release {name}: another release of this stack is under way."
                " Wait for it to end"
            )
        yield connection
