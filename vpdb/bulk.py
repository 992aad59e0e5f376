"""Bulk mode: on and off by the scripts in data/, and what there is to know of it.

The scripts work by hand as well, so the state is where they note it: in the settings of the live
database. A reload puts a database without the note in its place, which ends bulk mode too.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg2.extensions

from vpdb import docker
from vpdb.config import Settings
from vpdb.database.lock import locked
from vpdb.database.server import MAINTENANCE_DATABASE, Server, told_as
from vpdb.errors import VpdbError
from vpdb.progress import Progress, quiet
from vpdb.queries import query
from vpdb.units import duration

ON_SCRIPT = Path("data/optimize-for-bulk-insert.sql")
OFF_SCRIPT = Path("data/restore-after-bulk-insert.sql")

# Switching off vacuums every table once; at 100x the usual data that takes minutes.
_TIMEOUT_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class BulkMode:
    """Bulk mode as it was noted when it was switched on."""

    since: datetime
    tables: tuple[str, ...]

    def lasted_s(self, now: float | None = None) -> float:
        """How long it has been on, in seconds."""
        return max(0.0, (time.time() if now is None else now) - self.since.timestamp())

    def describe(self, now: float | None = None) -> str:
        tables = f"{len(self.tables)} table" + ("" if len(self.tables) == 1 else "s")
        return f"on for {duration(self.lasted_s(now))}, {tables} without autovacuum"


def read(server: Server, settings: Settings) -> BulkMode | None:
    """Tell since when bulk mode is on; None when it is off."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose="bulk mode") as connection,
        told_as("read the state of bulk mode"),
    ):
        return read_from(connection, settings.database)


def read_from(connection: psycopg2.extensions.connection, database: str) -> BulkMode | None:
    """Tell the same by a session in any database of the server."""
    with connection.cursor() as cursor:
        cursor.execute(query("bulk_mode"), {"database": database})
        rows = cursor.fetchall()
    return from_note(rows[0][0]) if rows else None


def from_note(note: str) -> BulkMode:
    """Read the note. One that cannot be read counts as on for ever: it is warned about at once."""
    try:
        document: Any = json.loads(note)
        since = datetime.fromisoformat(str(document["since"]).replace("Z", "+00:00"))
        tables = tuple(sorted(document["tables"]))
    except (ValueError, KeyError, TypeError):
        return BulkMode(datetime.fromtimestamp(0, timezone.utc), ())
    if since.tzinfo is None:
        since = since.replace(tzinfo=timezone.utc)
    return BulkMode(since, tables)


def overdue(mode: BulkMode | None, settings: Settings, now: float | None = None) -> str:
    """Word a warning when bulk mode has been on for longer than the setting allows; "" if not."""
    if mode is None or mode.lasted_s(now) <= settings.bulk_mode_hours * 3600:
        return ""
    return (
        f"bulk mode has been on for {duration(mode.lasted_s(now))}, longer than"
        f" {settings.bulk_mode_hours} h (bulkModeHours): tables are not vacuumed and queries get"
        " slower. End it: python -m vpdb bulk off"
    )


def switch_on(server: Server, settings: Settings, progress: Progress = quiet) -> BulkMode:
    """Set the live database up for many inserts. Again, it takes in new big tables.

    Raises VpdbError with what PostgreSQL said; then nothing is changed.
    """
    with locked(server, f"bulk on {settings.database}", progress):
        _run(server, settings, ON_SCRIPT, "switch bulk mode on")
    mode = read(server, settings)
    if mode is None:
        raise VpdbError(
            f"failed to switch bulk mode on: {ON_SCRIPT} left no note in {settings.database}."
            f" Restore the script: git checkout -- {ON_SCRIPT}"
        )
    return mode


def switch_off(server: Server, settings: Settings, progress: Progress = quiet) -> bool:
    """Put everything back as it was before, vacuum and analyze; tell whether it was on.

    Where bulk mode is off nothing runs. Raises VpdbError with what PostgreSQL said.
    """
    with locked(server, f"bulk off {settings.database}", progress):
        if read(server, settings) is None:
            return False
        progress("vacuum and analyze", 0, 0)
        _run(server, settings, OFF_SCRIPT, "switch bulk mode off")
    if read(server, settings) is not None:
        raise VpdbError(
            f"failed to switch bulk mode off: {OFF_SCRIPT} left its note in {settings.database}."
            f" Restore the script: git checkout -- {OFF_SCRIPT}"
        )
    return True


def _run(server: Server, settings: Settings, script: Path, doing: str) -> None:
    try:
        text = (settings.project_dir / script).read_bytes()
    except OSError as error:
        raise VpdbError(
            f"failed to {doing}: {script} cannot be read ({error.strerror})."
            f" Restore it: git checkout -- {script}"
        ) from None
    try:
        server.psql(settings.database, text, {"schema": settings.db_schema}, timeout_s=_TIMEOUT_S)
    except docker.DockerFailed as error:
        lines = [line for line in error.stderr.splitlines() if "ERROR:" in line or "FATAL:" in line]
        cause = (lines or error.stderr.splitlines() or ["no reason given"])[0].strip()
        raise VpdbError(
            f"failed to {doing}: {cause}. Run it again: python -m vpdb bulk status says what is so"
        ) from None
