"""Bulk mode: on and off by the scripts in data/, and what there is to know of it.

The scripts work by hand as well, so the state is where they note it: in the settings of the live
database. A reload, which brings a database without the note, ends bulk mode too. A release notes
its name: where it was killed, whoever comes next knows that nobody else will end it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pgseed.databases.work import LOCK_KEY
from pgseed.errors import ScriptFailed, SeedError
from pgseed.progress import Progress, quiet
from pgseed.server import MAINTENANCE_DATABASE, Connection, Server, pg_errors_as
from pgseed.units import duration
from vpdb.live import live_database
from vpdb.queries import query
from vpdb.settings import Settings

ON_SCRIPT = Path("data/optimize-for-bulk-insert.sql")
OFF_SCRIPT = Path("data/restore-after-bulk-insert.sql")

# Beside the lock of single changes: a release is several of them, and holds this one all the time.
RELEASE_LOCK_KEY = LOCK_KEY + 1

# Switching off vacuums every table once; at 100x the usual data that takes minutes.
_TIMEOUT_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class BulkMode:
    """Bulk mode as it was noted when it was switched on; `release` is "" where none did it."""

    since: datetime
    tables: tuple[str, ...]
    release: str = ""
    release_runs: bool = False

    def lasted_s(self, now: float | None = None) -> float:
        """How long it has been on, in seconds."""
        return max(0.0, (time.time() if now is None else now) - self.since.timestamp())

    def describe(self, now: float | None = None) -> str:
        tables = f"{len(self.tables)} table" + ("" if len(self.tables) == 1 else "s")
        text = f"on for {duration(self.lasted_s(now))}, {tables} without autovacuum"
        state = "is under way" if self.release_runs else "was interrupted"
        return text + (f", for release {self.release}, which {state}" if self.release else "")


def read(server: Server, settings: Settings) -> BulkMode | None:
    """Read since when bulk mode is on; return None when it is off."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose="bulk mode") as connection,
        pg_errors_as("read the state of bulk mode"),
    ):
        return read_from(connection, settings.database)


def read_from(connection: Connection, database: str) -> BulkMode | None:
    """Read the same over a session in any database of the server."""
    with connection.cursor() as cursor:
        names = {"database": database, "lock_database": MAINTENANCE_DATABASE}
        cursor.execute(query("bulk_mode"), {**names, "release_key": RELEASE_LOCK_KEY})
        rows = cursor.fetchall()
    return replace(from_note(rows[0][0]), release_runs=rows[0][1]) if rows else None


def from_note(note: str) -> BulkMode:
    """Read the note. One that cannot be read counts as on for ever: it is warned about at once."""
    try:
        document: Any = json.loads(note)
        since = datetime.fromisoformat(str(document["since"]))
        tables = tuple(sorted(document["tables"]))
        release = str(document.get("release") or "")
    except (ValueError, KeyError, TypeError):
        return BulkMode(datetime.fromtimestamp(0, UTC), ())
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return BulkMode(since, tables, release)


def interrupted(mode: BulkMode | None, settings: Settings) -> str:
    """Name the release that was killed and left bulk mode on; "" where nobody has to end it."""
    # With `bulkMode true` it is on because the settings want it.
    return "" if mode is None or mode.release_runs or settings.bulk_mode else mode.release


def overdue(mode: BulkMode | None, settings: Settings, now: float | None = None) -> str:
    """Word a warning when bulk mode has been on for longer than the setting allows; "" if not."""
    if mode is None or mode.lasted_s(now) <= settings.bulk_mode_hours * 3600:
        return ""
    return (
        f"bulk mode has been on for {duration(mode.lasted_s(now))}, longer than"
        f" {settings.bulk_mode_hours} h (bulkModeHours): tables are not vacuumed and queries get"
        " slower. End it: python -m vpdb bulk off"
    )


def switch_on(
    server: Server, settings: Settings, progress: Progress = quiet, *, release: str = ""
) -> BulkMode:
    """Set the live database up for many inserts. Again, it takes in new big tables.

    A release gives its name, which is noted unless bulk mode is on already by somebody else's will.
    Raises SeedError with what PostgreSQL said; then nothing is changed.
    """
    with live_database(server, settings, progress).turn(f"bulk on {settings.database}"):
        mode = _run(server, settings, ON_SCRIPT, {"release": release} if release else {})
    assert mode
    return mode


def switch_off(server: Server, settings: Settings, progress: Progress = quiet) -> bool:
    """Where bulk mode is on, put everything back, vacuum and analyze; tell whether it was on."""
    with live_database(server, settings, progress).turn(f"bulk off {settings.database}"):
        if read(server, settings) is None:
            return False
        progress("vacuum and analyze", 0, 0)
        _run(server, settings, OFF_SCRIPT, {})
    return True


def end_interrupted(server: Server, settings: Settings, progress: Progress = quiet) -> str:
    """End the bulk mode that a killed release left on; return that release's name, "" for none."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose="bulk mode") as connection,
        pg_errors_as("end the bulk mode of an interrupted release"),
        connection.cursor() as cursor,
    ):
        if not interrupted(read_from(connection, settings.database), settings):
            return ""
        # No release can begin meanwhile, and one that has just begun keeps its bulk mode.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (RELEASE_LOCK_KEY,))
        ((taken,),) = cursor.fetchall()
        mode = read_from(connection, settings.database)
        if not taken or mode is None or not mode.release:
            return ""
        progress(f"end the bulk mode of release {mode.release}, which was interrupted", 0, 0)
        switch_off(server, settings, progress)
        return mode.release


def _run(
    server: Server, settings: Settings, script: Path, variables: Mapping[str, str]
) -> BulkMode | None:
    """Run one of the scripts; return what bulk mode is behind it."""
    doing = f"switch bulk mode {'on' if script == ON_SCRIPT else 'off'}"
    try:
        text = (settings.project_dir / script).read_bytes()
    except OSError as error:
        raise SeedError(
            f"failed to {doing}: {script} cannot be read ({error.strerror})."
            f" Restore it: git checkout -- {script}"
        ) from None
    variables = {"schema": settings.db_schema, **variables}
    try:
        server.psql(settings.database, text, variables)
    except ScriptFailed as error:
        lines = [line for line in error.stderr.splitlines() if "ERROR:" in line or "FATAL:" in line]
        cause = (lines or error.stderr.splitlines() or ["no reason given"])[0].strip()
        raise SeedError(
            f"failed to {doing}: {cause}. Run it again: python -m vpdb bulk status says what is so"
        ) from None
    mode = read(server, settings)
    if (mode is None) == (script == ON_SCRIPT):
        raise SeedError(
            f"failed to {doing}: {script} left {'its' if mode else 'no'} note in"
            f" {settings.database}. Restore the script: git checkout -- {script}"
        )
    return mode
