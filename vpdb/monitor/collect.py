"""One look at the server: SQL to plain values.

A session is opened for each look and closed after it: between looks the monitor stands in nobody's
way, neither of a reload's swap nor of a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2.errors
import psycopg2.extensions

from pgseed.databases.stamp import list_databases
from pgseed.server import Server
from pgseed.units import duration
from vpdb import bulk
from vpdb.monitor.model import Activity, ListedDatabase, Sample, ServerCounters, TableCounters, Work
from vpdb.queries import rows
from vpdb.stamp_text import printable, stamp_note

PURPOSE = "monitor"
_ON_WHAT = re.compile(
    r"(?:COPY|ANALYZE|VACUUM|REINDEX INDEX|CREATE (?:UNIQUE )?INDEX) ([^(]+?)(?: FROM .*| \(.*|)"
)
# A look that takes longer is given up: the server is in trouble, and the next look may do better.
_LOOK_MS, _LOCK_MS = 4000, 200
# A spare has no stamp of its own.
_SPARE_HOLDS = "a copy of the template, for the next reset"


def collect(server: Server, database: str) -> Sample:
    """Look once at the server and its live database.

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
    with closing(connection):
        (counters,) = rows(connection, "monitor_server")
        now = counters.pop("taken_at")
        waits = {row["pid"]: row for row in rows(connection, "monitor_waits")}
        activity = rows(connection, "monitor_activity")
        work = rows(connection, "monitor_progress")
        tables = rows(connection, "monitor_tables")
        databases = list_databases(connection, database, sizes=True)
        mode = bulk.read_from(connection, database)
        sizes = _sizes(connection)
        connection.rollback()
    live = next((d for d in databases if d.name == database), None)
    return Sample(
        taken_at=now,
        server=ServerCounters(**counters),
        sessions=tuple(session(row, waits.get(row["pid"])) for row in activity),
        tables=tuple(
            TableCounters(**{**row, "name": printable(row["name"])}, bytes=sizes.get(row["oid"]))
            for row in tables
        ),
        work=tuple(under_way(row) for row in work),
        databases=tuple(
            ListedDatabase(
                d.name,
                d.kind,
                d.size_bytes,
                _SPARE_HOLDS if d.kind == "spare" else stamp_note(d.stamp, now),
            )
            for d in databases
        ),
        bulk_mode=f"on for {duration(mode.lasted_s(now))}" if mode else "off",
        stamp=stamp_note(live.stamp if live else None, now),
    )


def session(row: Mapping[str, Any], wait: Mapping[str, Any] | None) -> Activity:
    """Read one row of monitor_activity, and what it waits for of monitor_waits."""
    texts = ("database", "user", "application", "client", "kind", "state", "query")
    return Activity(
        **{name: printable(row[name]) for name in texts},
        pid=row["pid"],
        wait=": ".join(part for part in (row["wait_type"], row["wait"]) if part),
        transaction_s=row["transaction_s"] or 0.0,
        # An idle session's last query is over; its age says nothing.
        query_s=(row["query_s"] or 0.0) if row["state"] == "active" else 0.0,
        blocked_by=tuple(sorted(set(row["blocked_by"]) - {0})),
        waits_for=printable(f"{wait['mode']} on {wait['target']}") if wait else "",
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
    """Return the name of what a statement works on; the whole statement where none is found."""
    found = _ON_WHAT.fullmatch(statement)
    return found[1].replace('"', "") if found else statement


def _sizes(connection: psycopg2.extensions.connection) -> dict[int, int]:
    """Read the tables' sizes; none at all while a lock taken just now is in the way."""
    try:
        return {row["oid"]: row["bytes"] for row in rows(connection, "monitor_table_sizes")}
    except (psycopg2.errors.LockNotAvailable, psycopg2.errors.UndefinedTable):
        return {}
