"""A template: content loaded into a private database that gets its name when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg2.extensions
from psycopg2 import sql

from pgseed.changes.local_changes import catalog_state
from pgseed.databases.catalog import (
    catalog_differences,
    count_rows,
    fingerprint,
    read_catalog,
    read_tables,
    without_bulk_mode,
)
from pgseed.databases.drop import drop
from pgseed.databases.log import log
from pgseed.databases.names import build_name, schema_name, template_name
from pgseed.databases.spare import copy_by_spare
from pgseed.databases.stamp import Database, Stamp, list_databases, now
from pgseed.databases.swap import copy_database, finish
from pgseed.errors import BackupRefused
from pgseed.progress import Progress
from pgseed.queries import query
from pgseed.server import Server, told_as
from pgseed.template.base import Base, digests_of, find_base, leave_values_out, odd_rows
from pgseed.template.rows import RowLoader, load_sessions
from pgseed.template.schema_check import check_fit
from pgseed.template.schema_files import run_schema_files
from vpdb import __version__
from vpdb.content import Content

if TYPE_CHECKING:
    from pgseed.backup.model import Backup

Connection = psycopg2.extensions.connection


class _Unequal(Exception):
    """What came out may not be what a plain load gives; never leaves this module."""


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
    template = template_name(live, content.content_id)
    progress(f"build {template}", 0, 0)
    with told_as(f"build {template}", "The live database is as it was; run it again"):
        schema = schema_database(server, admin, live, content, progress)
        log(admin, f"build {template} from {content.label}")
        try:
            for base in _bases(list_databases(admin, live), schema, content.backup):
                try:
                    stamp = _build(server, admin, live, content, schema, base, commit, progress)
                except _Unequal as trace:
                    progress(f"load again: {trace}", 0, 0)
                except BackupRefused as refused:
                    # Only a full load refuses: what was kept may be what does not fit.
                    if not base.kept:
                        raise
                    progress(f"load again, every table: {refused.cause}", 0, 0)
                else:
                    break
        except BaseException:
            if schema.is_new:
                drop(admin, schema.name, quietly=True)
            raise
        log(admin, f"built {template}, {sum(stamp.rows.values())} rows")
    return template


def _bases(
    databases: Sequence[Database], schema: SchemaDatabase, backup: Backup | None = None
) -> Iterator[Base]:
    """Give what to begin a load with, the fastest first; the last cannot turn out unequal.

    Without a backup to compare with, it is the schema alone.
    """
    bare = next(d for d in databases if d.name == schema.name)
    base = find_base(databases, bare, backup)
    if base is not None:
        yield base
    yield Base(bare)
    yield Base(bare, indexes_last=False)


def _build(
    server: Server,
    admin: Connection,
    live: str,
    content: Content,
    schema: SchemaDatabase,
    base: Base,
    commit: str,
    progress: Progress,
) -> Stamp:
    """Build a template on a copy of the base, or leave nothing."""
    build = build_name(live)
    if base.kept:
        tables = f"{len(base.kept)} of {len(content.tables)} tables"
        progress(f"copy {base.database.name}, which has the rows of {tables}", 0, 0)
    copy_by_spare(server, admin, list_databases(admin, live), base.database, build)
    try:
        rows, catalog_rows = _fill(server, build, content, schema, base, progress)
        stamp = Stamp(
            content_id=content.content_id,
            source=content.source,
            label=content.label,
            commit=commit,
            loaded_at=now(),
            tool=__version__,
            horizon=transaction_horizon(admin),
            catalog=schema.catalog,
            catalog_rows=catalog_rows,
            schema_id=content.schema_id,
            rows=rows,
            digests=digests_of(content.backup) if content.backup else {},
        )
        finish(admin, build, template_name(live, content.content_id), stamp)
    except BaseException:
        drop(admin, build, quietly=True)
        raise
    return stamp


@dataclass(frozen=True, slots=True)
class SchemaDatabase:
    """What the schema files give, without rows of a backup; `catalog` is its fingerprint.

    `is_new`: this run made it, so nothing else needs it yet.
    """

    name: str
    catalog: str
    is_new: bool = False


def schema_database(
    server: Server, admin: Connection, live: str, content: Content, progress: Progress
) -> SchemaDatabase:
    """Find the database in which this content's schema files were run, or run them in a new one.

    Loads begin with a copy of it, so other rows for the same schema run no file. `admin` is the
    session with the lock. Raises SeedError with file and line of an error in the files.
    """
    name = schema_name(live, content.init_id)
    for database in list_databases(admin, live):
        stamp = database.stamp
        if database.name == name and stamp and stamp.content_id == content.init_id:
            return SchemaDatabase(name, stamp.catalog)
    progress("run the schema files", 0, 0)
    build = build_name(live)
    create_empty(admin, build)
    try:
        run_schema_files(server, build, content)
        with server.session(build, purpose="look at the schema") as connection:
            catalog = fingerprint(without_bulk_mode(read_catalog(connection)))
        stamp = Stamp(
            content_id=content.init_id,
            label="schema files",
            loaded_at=now(),
            tool=__version__,
            catalog=catalog,
            schema_id=content.schema_id,
        )
        finish(admin, build, name, stamp)
    except BaseException:
        drop(admin, build, quietly=True)
        raise
    return SchemaDatabase(name, catalog, is_new=True)


@contextmanager
def private_database(
    server: Server, admin: Connection, live: str, content: Content, progress: Progress
) -> Iterator[str]:
    """Load a content into a private database for the time of a block; give its name.

    Everything a load checks is checked. `admin` is the session with the lock.
    """
    schema = schema_database(server, admin, live, content, progress)
    for base in _bases(list_databases(admin, live), schema):
        build = build_name(live)
        copy_database(server, admin, schema.name, build)
        try:
            try:
                _fill(server, build, content, schema, base, progress)
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


def transaction_horizon(admin: Connection) -> int:
    """Give the first transaction id that is not in use yet, as 64 bits."""
    with admin.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8")
        ((horizon,),) = cursor.fetchall()
    return int(horizon)


def _fill(
    server: Server,
    build: str,
    content: Content,
    schema: SchemaDatabase,
    base: Base,
    progress: Progress,
) -> tuple[dict[str, int], int]:
    """Put the rows into a copy of the base; count them by table, and the catalogs'."""
    with load_sessions(server, build, *share_out(os.cpu_count() or 2)) as sessions:
        first = sessions[0]
        tables = read_tables(first)
        rows: dict[str, int] = {}
        if content.backup is not None:
            check_fit(content.backup, tables, _sequences(first))
            if base.kept and leave_values_out(content.backup, tables):
                raise _Unequal("rows of the backup leave values to defaults")
            loader = RowLoader(
                sessions,
                content.backup,
                tables,
                progress,
                partial(_refuse_traces, server, schema),
                kept=base.kept,
                indexes_last=base.indexes_last,
            )
            loader.run()
            rows = loader.rows
        others = {name: table for name, table in tables.items() if name not in rows}
        if not base.kept:
            rows.update(count_rows(first, others))
        elif odd := odd_rows(first, others, base.stamp):
            raise _Unequal(f"{odd[0]} was changed in {base.database.name}")
        else:  # they were counted for that
            rows.update({name: n for name, n in base.stamp.rows.items() if name in others})
        return rows, catalog_state(first, age=0).rows


def _refuse_traces(server: Server, schema: SchemaDatabase, connection: Connection) -> None:
    """Raise _Unequal unless the catalog is, after the load, what the schema files alone give."""
    # Both readings come from sessions set up alike; see SESSION.
    catalog = without_bulk_mode(read_catalog(connection))
    traces = _unfired_triggers(connection)
    if fingerprint(catalog) != schema.catalog:
        with server.session(schema.name, purpose="look at the schema") as other:
            traces += catalog_differences(without_bulk_mode(read_catalog(other)), catalog)
    if traces:
        raise _Unequal(traces[0])


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
