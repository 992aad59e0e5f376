"""One look at the server: SQL to plain values.

A session is opened for each look and closed after it: between looks the monitor stands in nobody's
way, neither of a reload's swap nor of a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions
from psycopg2.extras import RealDictCursor

from pgseed.databases.names import source_of_spare
from pgseed.databases.stamp import Database as Stored
from pgseed.databases.stamp import list_databases
from pgseed.server import Server
from pgseed.units import duration
from vpdb import bulk
from vpdb.monitor.model import (
    Database,
    Sample,
    ServerCounters,
    Session,
    TableCounters,
    Work,
)
from vpdb.queries import query
from vpdb.stamp_text import printable, stamp_note

PURPOSE = "monitor"
_ON_WHAT = re.compile(
    r"(?:COPY|ANALYZE|VACUUM|REINDEX INDEX|CREATE (?:UNIQUE )?INDEX) ([^(]+?)(?: FROM .*| \(.*|)"
)
# A look that takes longer is given up: the server is in trouble, and the next look may do better.
_LOOK_MS, _LOCK_MS = 4000, 200


def collect(server: Server, database: str) -> Sample:
    """Look once.

    Raises ServerUnreachable where nobody answers, psycopg2.Error where the server ends the look.
    """
    connection = server.connect(
        database,
        # One transaction a look, so that the monitor counts itself once among the commits.
        autocommit=False,
        purpose=PURPOSE,
        timeout_s=3,
        settings={
            "statement_timeout": str(_LOOK_MS),
            "lock_timeout": str(_LOCK_MS),
            "default_transaction_read_only": "on",
        },
    )
    try:
        with connection.cursor(cursor_factory=RealDictCursor) as cursor:
            server_row = _rows(cursor, "monitor_server")[0]
            taken_at = server_row.pop("taken_at")
            waits = {row["pid"]: row for row in _rows(cursor, "monitor_waits")}
            activity = _rows(cursor, "monitor_activity")
            work = _rows(cursor, "monitor_progress")
            tables = _rows(cursor, "monitor_tables")
            databases = list_databases(connection, database, sizes=True)
            mode = bulk.read_from(connection, database)
            sizes = _sizes(cursor)
        connection.rollback()
    finally:
        connection.close()
    live = next((d for d in databases if d.name == database), None)
    return Sample(
        taken_at=taken_at,
        server=ServerCounters(**server_row),
        sessions=tuple(session(row, waits.get(row["pid"])) for row in activity),
        tables=tuple(_table(row, sizes) for row in tables),
        work=tuple(under_way(row) for row in work),
        databases=tuple(
            Database(
                d.name,
                d.kind,
                d.size_bytes,
                _holds(d, databases, taken_at),
            )
            for d in databases
        ),
        bulk_mode=f"on for {duration(mode.lasted_s(taken_at))}" if mode else "off",
        stamp=stamp_note(live.stamp if live else None, taken_at),
    )


def session(row: Mapping[str, Any], wait: Mapping[str, Any] | None) -> Session:
    """Read one row of monitor_activity, and what it waits for of monitor_waits."""
    waits_for = f"{wait['mode']} on {wait['target']}" if wait and wait["target"] else ""
    what = [row["wait_type"], row["wait"]]
    return Session(
        pid=row["pid"],
        database=printable(row["database"]),
        user=printable(row["user"]),
        application=printable(row["application"]),
        client=row["client"],
        kind=row["kind"],
        state=row["state"] or "",
        wait=": ".join(part for part in what if part),
        transaction_s=row["transaction_s"] or 0.0,
        # An idle session's last query is over; its age says nothing.
        query_s=(row["query_s"] or 0.0) if row["state"] == "active" else 0.0,
        query=printable(row["query"]),
        blocked_by=tuple(sorted(set(row["blocked_by"]) - {0})),
        waits_for=printable(waits_for),
    )


def under_way(row: Mapping[str, Any]) -> Work:
    """Read one row of monitor_progress.

    In another database a table has no name here; the statement says it well enough.
    """
    target = row["relation"] or f"{_named_in(printable(row['query']))} in {row['database']}"
    return Work(
        pid=row["pid"],
        kind=row["kind"] if row["kind"] != "CLUSTER" else row["command"],
        phase=row["phase"],
        done=row["done"] or 0.0,
        total=row["total"] or 0.0,
        unit=row["unit"],
        database=row["database"],
        target=printable(target),
        running_s=row["query_s"] or 0.0,
    )


def _named_in(statement: str) -> str:
    """Give what a statement works on, for people: without its first words and what follows."""
    found = _ON_WHAT.fullmatch(statement)
    return found[1].replace('"', "") if found else statement


def _holds(database: Stored, databases: Sequence[Stored], now: float) -> str:
    """Say what a database holds; a spare has no stamp of its own."""
    if database.kind != "spare":
        return stamp_note(database.stamp, now)
    source = source_of_spare(database.name)
    if any(d.oid == source and d.kind == "schema" for d in databases):
        return "a copy of the empty schema, for the next load"
    return "a copy of the template, for the next reset"


def _sizes(cursor: RealDictCursor) -> dict[int, int]:
    """Sizes by table; none at all while a lock taken just now is in the way."""
    try:
        return {row["oid"]: row["bytes"] for row in _rows(cursor, "monitor_table_sizes")}
    except (psycopg2.errors.LockNotAvailable, psycopg2.errors.UndefinedTable):
        return {}


def _table(row: Mapping[str, Any], sizes: Mapping[int, int]) -> TableCounters:
    return TableCounters(**{**row, "name": printable(row["name"])}, bytes=sizes.get(row["oid"]))


def _rows(cursor: RealDictCursor, name: str) -> list[dict[str, Any]]:
    cursor.execute(query(name))
    rows: Iterable[dict[str, Any]] = cursor.fetchall()
    return [dict(row) for row in rows]
