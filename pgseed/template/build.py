"""A template: a seed loaded into a private database that gets its name when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pgseed.databases.catalog import (
    catalog_differences,
    count_rows,
    fingerprint,
    read_catalog,
    read_tables,
    without_bulk_mode,
)
from pgseed.databases.copies import copy_database, finish
from pgseed.databases.names import build_name, schema_name, template_name
from pgseed.databases.stamp import Stamp, now
from pgseed.databases.work import Work
from pgseed.errors import SeedError
from pgseed.queries import query
from pgseed.seed import Seed
from pgseed.server import Connection, pg_errors_as
from pgseed.template.rows import RowLoader, load_sessions
from pgseed.template.schema_check import check_fit
from pgseed.template.schema_files import run_schema_files


@dataclass(frozen=True, slots=True)
class SchemaDatabase:
    """What the schema files give, without rows of a backup; `catalog` is its fingerprint.

    `is_new`: this turn made it, so nothing else needs it yet.
    """

    name: str
    catalog: str
    is_new: bool = False


def build_template(work: Work, seed: Seed) -> str:
    """Build the template of a seed and return its name.

    Whatever goes wrong, the unfinished database is dropped, at the latest by the next run.
    """
    template = template_name(work.live, seed.id)
    work.say(f"build {template}")
    with pg_errors_as(f"build {template}", "The live database is as it was; run it again"):
        schema = schema_database(work, seed)
        work.log(f"build {template} from {seed.label}")
        try:
            with _filled(work, seed, schema) as (build, rows):
                stamp = Stamp(
                    content_id=seed.id,
                    source=seed.source,
                    label=seed.label,
                    commit=seed.commit,
                    loaded_at=now(),
                    horizon=transaction_horizon(work.admin),
                    catalog=schema.catalog,
                    schema_id=seed.schema_id,
                    data_hash=seed.backup.data_hash if seed.backup else "",
                    rows=rows,
                )
                finish(work, build, template, stamp)
        except BaseException:
            if schema.is_new:
                work.drop(schema.name, quietly=True)
            raise
        work.log(f"built {template}, {sum(stamp.rows.values())} rows")
    return template


@contextmanager
def private_database(work: Work, seed: Seed) -> Iterator[str]:
    """Load a seed into a private database for the time of a block; give its name.

    Everything a load checks is checked.
    """
    schema = schema_database(work, seed)
    with _filled(work, seed, schema) as (build, _):
        yield build


@contextmanager
def _filled(work: Work, seed: Seed, schema: SchemaDatabase) -> Iterator[tuple[str, dict[str, int]]]:
    """Fill a copy of the schema's database for a block, which may rename it; else drop it."""
    build = build_name(work.live)
    try:
        copy_database(work, schema.name, build)
        yield build, _fill(work, build, seed, schema)
    finally:
        work.drop(build, quietly=True)


def schema_database(work: Work, seed: Seed) -> SchemaDatabase:
    """Find the database in which this seed's schema files were run, or run them in a new one.

    Loads begin with a copy of it, so other rows for the same schema run no file. Raises SeedError
    with file and line of an error in the files.
    """
    name = schema_name(work.live, seed.init_id)
    for database in work.databases():
        stamp = database.stamp
        if database.name == name and stamp and stamp.content_id == seed.init_id:
            return SchemaDatabase(name, stamp.catalog)
    work.say("run the schema files")
    build = work.create_empty()
    try:
        run_schema_files(work.server, build, seed)
        with work.server.session(build, purpose="look at the schema") as connection:
            catalog = fingerprint(without_bulk_mode(read_catalog(connection)))
        stamp = Stamp(
            content_id=seed.init_id,
            label="schema files",
            loaded_at=now(),
            catalog=catalog,
            schema_id=seed.schema_id,
        )
        finish(work, build, name, stamp)
    except BaseException:
        work.drop(build, quietly=True)
        raise
    return SchemaDatabase(name, catalog, is_new=True)


def transaction_horizon(admin: Connection) -> int:
    """Give the first transaction id that is not in use yet, as 64 bits."""
    with admin.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8")
        ((horizon,),) = cursor.fetchall()
    return int(horizon)


def _fill(work: Work, build: str, seed: Seed, schema: SchemaDatabase) -> dict[str, int]:
    """Put the rows into a copy of the schema's database; count them by table."""
    with load_sessions(work.server, build, *share_out(os.cpu_count() or 2)) as sessions:
        first = sessions[0]
        tables = read_tables(first)
        rows: dict[str, int] = {}
        if seed.backup is not None:
            check_fit(seed.backup, tables, _sequences(first))
            look = partial(_refuse_traces, work, schema)
            loader = RowLoader(sessions, seed.backup, tables, work.progress, look)
            loader.run()
            rows = loader.rows
        others = {name: table for name, table in tables.items() if name not in rows}
        return rows | count_rows(first, others)


def _refuse_traces(work: Work, schema: SchemaDatabase, connection: Connection) -> None:
    """Raise SeedError unless the catalog is, after the load, what the schema files alone give."""
    # Both readings come from sessions set up alike; see SESSION.
    catalog = without_bulk_mode(read_catalog(connection))
    if fingerprint(catalog) == schema.catalog:
        return
    with work.server.session(schema.name, purpose="look at the schema") as other:
        traces = catalog_differences(without_bulk_mode(read_catalog(other)), catalog)
    if traces:
        raise SeedError(
            f"failed to leave the schema as it was while rows came in: {', '.join(traces[:4])}."
            " This is a fault of this program: report it with the schema files"
        )


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
