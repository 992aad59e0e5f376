"""A template: content loaded into a private database that gets its name when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from vpdb import __version__
from vpdb.content import Content
from vpdb.database.catalog import (
    catalog_differences,
    count_rows,
    fingerprint,
    read_catalog,
    read_tables,
    without_bulk_mode,
)
from vpdb.database.fit import check_fit
from vpdb.database.log import log
from vpdb.database.names import build_name, template_name
from vpdb.database.rows import RowLoader
from vpdb.database.schema import run_schema_files
from vpdb.database.server import Server, told_as
from vpdb.database.sessions import end_sessions
from vpdb.database.stamp import Stamp, comment_on
from vpdb.progress import Progress
from vpdb.queries import query

Connection = psycopg2.extensions.connection


class _Unequal(Exception):
    """Loading with indexes switched off left a trace in the catalog; never leaves this module."""


def build_template(
    server: Server,
    admin: Connection,
    live: str,
    content: Content,
    *,
    commit: str,
    progress: Progress,
) -> str:
    """Build the template of a content; give its name. `admin` is the session with the lock.

    Whatever goes wrong, the unfinished database is dropped, at the latest by the next run.
    """
    try:
        return _build(
            server, admin, live, content, commit=commit, progress=progress, indexes_last=True
        )
    except _Unequal as trace:
        progress(f"load again, indexes kept: {trace}", 0, 0)
        return _build(
            server, admin, live, content, commit=commit, progress=progress, indexes_last=False
        )


def _build(
    server: Server,
    admin: Connection,
    live: str,
    content: Content,
    *,
    commit: str,
    progress: Progress,
    indexes_last: bool,
) -> str:
    build, template = build_name(live), template_name(live, content.content_id)
    progress(f"build {template}", 0, 0)
    with told_as(f"build {template}", "The live database is as it was; run it again"):
        log(admin, f"build {template} from {content.label} in {build}")
        create_empty(admin, build)
        try:
            rows, catalog = _fill(server, build, content, progress, indexes_last=indexes_last)
            stamp = Stamp(
                content_id=content.content_id,
                source=content.source,
                label=content.label,
                commit=commit,
                loaded_at=now(),
                tool=__version__,
                horizon=transaction_horizon(admin),
                catalog=catalog,
                schema_id=content.schema_id,
                rows=rows,
            )
            finish(admin, build, template, stamp)
            log(admin, f"built {template}, {sum(rows.values())} rows")
        except BaseException:
            drop(admin, build, quietly=True)
            raise
    return template


@contextmanager
def private_database(
    server: Server, admin: Connection, live: str, content: Content, progress: Progress
) -> Iterator[str]:
    """Load a content into a private database for the time of a block; give its name.

    Everything a load checks is checked. `admin` is the session with the lock.
    """
    for indexes_last in (True, False):
        build = build_name(live)
        create_empty(admin, build)
        try:
            try:
                _fill(server, build, content, progress, indexes_last=indexes_last)
            except _Unequal:
                continue
            yield build
            return
        finally:
            drop(admin, build, quietly=True)


def create_empty(admin: Connection, name: str) -> None:
    """Create an empty database; what somebody put into template1 stays out of it."""
    with admin.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )


def finish(admin: Connection, build: str, name: str, stamp: Stamp) -> None:
    """Give a complete database its stamp and its name, both or none."""
    end_sessions(admin, build, patience_s=2)
    with admin.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(comment_on(build, stamp.to_comment()))
        cursor.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(build), sql.Identifier(name)
            )
        )
        cursor.execute("COMMIT")


def drop(admin: Connection, name: str, *, quietly: bool = False) -> None:
    """Drop a database and end the sessions in it; `quietly` leaves a failure to the next run."""
    try:
        with admin.cursor() as cursor:
            if admin.info.transaction_status != TRANSACTION_STATUS_IDLE:
                cursor.execute("ROLLBACK")
            cursor.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
    except psycopg2.Error:
        if not quietly:
            raise


def transaction_horizon(admin: Connection) -> int:
    """Give the first transaction id that is not in use yet, as 64 bits."""
    with admin.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8")
        ((horizon,),) = cursor.fetchall()
    return int(horizon)


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _fill(
    server: Server, build: str, content: Content, progress: Progress, *, indexes_last: bool
) -> tuple[dict[str, int], str]:
    """Make schema and rows; give the row counts and the fingerprint of the catalog."""
    run_schema_files(server, build, content)
    with server.session(build, purpose="build") as connection:
        tables = read_tables(connection)
        catalog = read_catalog(connection)
        rows: dict[str, int] = {}
        if content.backup is not None:
            check_fit(content.backup, tables, _sequences(connection))
            sessions, helpers = share_out(os.cpu_count() or 2)
            loader = RowLoader(
                server,
                build,
                content.backup,
                tables,
                sessions,
                progress,
                helpers=helpers,
                indexes_last=indexes_last,
            )
            loader.run()
            rows = loader.rows
            # Both readings come from sessions set up alike; see SESSION.
            traces = catalog_differences(catalog, read_catalog(connection))
            traces += _unfired_triggers(connection)
            if traces and indexes_last:
                raise _Unequal(traces[0])
        others = {name: table for name, table in tables.items() if name not in rows}
        rows.update(count_rows(connection, others))
        return rows, fingerprint(without_bulk_mode(catalog))


def share_out(cores: int) -> tuple[int, int]:
    """Give the number of sessions that load at once, and of PostgreSQL's helpers for each.

    One session a core, but never so many that the disk only seeks; what cores are left help.
    """
    sessions = max(2, min(4, cores))
    return sessions, max(0, cores // sessions - 1)


def _sequences(connection: Connection) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(query("sequences"))
        return {(schema, name) for schema, name in cursor.fetchall()}


def _unfired_triggers(connection: Connection) -> list[str]:
    """Name tables whose triggers stayed switched off; there must be none."""
    with connection.cursor() as cursor:
        cursor.execute(query("unfired_triggers"))
        return [f"triggers of {name} are off" for (name,) in cursor.fetchall()]
