"""What the server in the container says."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2.extras import RealDictCursor

from pgseed.changes.local_changes import TableLocked
from pgseed.databases.retention import find_live, leftovers, undecided
from pgseed.databases.stamp import Database, list_databases
from pgseed.databases.work import LOCK_KEY
from pgseed.errors import SeedError
from pgseed.server import MAINTENANCE_DATABASE
from vpdb import bulk
from vpdb.config import ENCRYPTED, Settings
from vpdb.doctor.facts import Idler, Postgres, RowByRow
from vpdb.errors import GuardRefused
from vpdb.live import live_database
from vpdb.queries import query
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.stamp_text import printable

# Sessions write their counters at most once a second (PGSTAT_MIN_INTERVAL in pgstat.c).
_WATCH_WRITERS_S = 2.2
# A load by single rows; one that commits often for another reason writes less.
_ROWS_A_COMMIT, _COMMITS_S = 3.0, 20.0


def look_at_postgres(settings: Settings, *, wait_s: float = 2.0) -> Postgres:
    """Collect what the server says; a silent one, or one without this stack's mark, is `error`."""
    try:
        server = find_server(settings.container, settings.stack, timeout_s=wait_s)
    except GuardRefused as error:
        return Postgres(error=str(error), refused=True)
    except SeedError as error:
        return Postgres(error=str(error))
    try:
        facts, databases = _about_server(server, settings)
        if facts.live_exists:
            facts = _about_live(server, settings, facts, databases)
    except (SeedError, psycopg2.Error) as error:
        return Postgres(error=" ".join(str(error).split()))
    return facts


def _about_server(server: DockerServer, settings: Settings) -> tuple[Postgres, list[Database]]:
    with (
        server.session(MAINTENANCE_DATABASE, purpose="doctor") as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        names = {"role": settings.user, "database": settings.database, "key": LOCK_KEY}
        row = _rows(cursor, "doctor_server", names)[0]
        idlers = _rows(cursor, "doctor_idlers", names)
        holder = (_rows(cursor, "lock_holder", names) or [{}])[0]
        databases = list_databases(connection, settings.database)
        mode = bulk.read_from(connection, settings.database)
    facts = Postgres(
        **row,
        version_wanted=wanted_version(settings.base_image),
        password_accepted=_try_password(server, settings) if row["role_exists"] else None,
        bulk_mode_s=mode.lasted_s() if mode else None,
        unfinished=(*leftovers(databases), *(d.name for d in undecided(databases))),
        operation=printable(holder.get("operation")),
        operation_s=holder.get("operation_s", 0.0),
        idle_in_transaction=tuple(
            Idler(i["pid"], printable(i["who"]), i["idle_s"], i["blocks"]) for i in idlers
        ),
    )
    return facts, databases


def _about_live(
    server: DockerServer,
    settings: Settings,
    facts: Postgres,
    databases: list[Database],
) -> Postgres:
    with (
        server.session(settings.database, purpose="doctor") as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        off = tuple(row["name"] for row in _rows(cursor, "doctor_autovacuum"))
        before = _rows(cursor, "doctor_writers")
        writers: list[RowByRow] = []
        if before:
            time.sleep(_WATCH_WRITERS_S)
            writers = row_by_row(before, _rows(cursor, "doctor_writers"))
    live = find_live(databases)
    stamp = live.stamp if live else None
    changes = ""
    if live and stamp:
        try:
            found = live_database(server, settings).changes(detail=False)
            changes = found.describe(most=3)
        except TableLocked:
            changes = "local changes could not be looked for, a session keeps a table for itself"
    return replace(
        facts,
        autovacuum_off=off,
        row_by_row=tuple(writers),
        loaded_content=stamp.content_id if stamp else "",
        loaded_schema=stamp.schema_id if stamp else "",
        loaded_from=printable(stamp.label or stamp.source) if stamp else "",
        loaded_at=stamp.loaded_at if stamp else "",
        local_changes=printable(changes),
        undone=bool(stamp and stamp.origin == "undo"),
    )


def row_by_row(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[RowByRow]:
    """Judge two looks at the writing sessions; counters are the database's, so shared by them."""
    still = {row["pid"]: row for row in after}
    sessions = [(row, still[row["pid"]]) for row in before if row["pid"] in still]
    if not sessions:
        return []
    first, last = sessions[0]
    seconds = last["taken_at"] - first["taken_at"]
    commits, rows = last["commits"] - first["commits"], last["rows"] - first["rows"]
    if seconds <= 0 or commits / seconds < _COMMITS_S or rows > _ROWS_A_COMMIT * commits:
        return []
    if rows < 0.5 * commits:  # mostly reading, or empty transactions
        return []
    share = len(sessions)
    return [
        RowByRow(
            now["pid"], printable(now["who"]), commits / seconds / share, rows / seconds / share
        )
        for _, now in sessions
    ]


def wanted_version(base_image: str) -> int:
    """The major version that an image's tag names, as in postgres:17-trixie; 0 where none does."""
    found = re.search(r"postgres:(\d+)", base_image)
    return int(found[1]) if found else 0


def _try_password(server: DockerServer, settings: Settings) -> bool | None:
    """Log in as a developer's program does; None where that says nothing of the password."""
    if settings.password == ENCRYPTED:
        return None
    try:
        psycopg2.connect(
            host=server.host,
            port=server.port,
            dbname=settings.database,
            user=settings.user,
            password=settings.password,
            connect_timeout=5,
            application_name="vpdb doctor",
            gssencmode="disable",
        ).close()
    except psycopg2.OperationalError as error:
        return False if "password authentication failed" in str(error) else None
    return True


def _rows(
    cursor: RealDictCursor, name: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    cursor.execute(query(name), values or {})
    return [dict(row) for row in cursor.fetchall()]
