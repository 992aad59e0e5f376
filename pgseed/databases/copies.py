"""Copies of whole databases: made, finished under a name, and one that stands ready.

A spare is a copy of the live content's template that the next reset takes. Its name tells what it
is a copy of, by oid: PostgreSQL makes a database and its name visible in one step, so it needs no
mark of being complete. Nobody can connect to it, not even a superuser, so it stays what its source
is. Whatever happens to it, a copy can be made when it is wanted.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import psycopg2
import psycopg2.errors
from psycopg2 import sql

from pgseed.databases.after_exit import leave_behind
from pgseed.databases.names import spare_name
from pgseed.databases.retention import Policy, find_spare
from pgseed.databases.sessions import database_ids, end_sessions, ending_sessions
from pgseed.databases.stamp import Database, Stamp, comment_on
from pgseed.databases.work import Work
from pgseed.queries import named, query, run
from pgseed.server import MAINTENANCE_DATABASE, Connection

# Above this a copy of files is faster than one through the write-ahead log, in spite of the two
# checkpoints it costs (measured: 0.1 s either way at 40 MB, 0.46 against 0.73 s at 400 MB). A
# spare that large takes disk and time that nobody asked for.
LARGE_BYTES = 64 * 1024 * 1024


def copy_database(work: Work, source: str, name: str) -> None:
    """Copy a whole database; every session in the source is ended, else PostgreSQL refuses."""
    ((size,),) = run(work.admin, query("database_size"), {"database": source})
    strategy = "FILE_COPY" if size > LARGE_BYTES else "WAL_LOG"
    statement = named(f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY {strategy}", name, source)
    sources = database_ids(work.admin, source)
    if end_sessions(work.admin, sources, patience_s=0.2):
        with suppress(psycopg2.errors.ObjectInUse):
            run(work.admin, statement)
            return
    with (
        work.server.session(MAINTENANCE_DATABASE, purpose="end sessions") as helper,
        ending_sessions(helper, sources),
    ):
        run(work.admin, statement)


def finish(work: Work, build: str, name: str, stamp: Stamp) -> None:
    """Give a complete database its stamp and its name, both or none."""
    end_sessions(work.admin, database_ids(work.admin, build), patience_s=2)
    admin = work.admin
    run(admin, "BEGIN")
    run(admin, comment_on(build, stamp.to_comment()))
    # What it holds is served again and again, so nobody else may change it. The schema files may
    # have given it away.
    run(admin, named("ALTER DATABASE {} OWNER TO CURRENT_USER", build))
    grantees = [
        sql.SQL(role) for (role,) in run(admin, query("database_grantees"), {"database": build})
    ]
    run(
        admin,
        named("REVOKE ALL ON DATABASE {} FROM ", build) + sql.SQL(", ").join(grantees),
    )
    run(admin, named("ALTER DATABASE {} RENAME TO {}", build, name))
    run(admin, "COMMIT")


def copy_or_take_spare(work: Work, source: Database, name: str) -> None:
    """Have a copy of a database under a name: its spare, where there is one."""
    spare = find_spare(work.databases(), source)
    if spare is None or not _take(work, spare, name):
        copy_database(work, source.name, name)


def lacks_spare(source: Database, databases: list[Database], policy: Policy) -> bool:
    """Tell whether a template should have a spare and has none; `databases` come with sizes."""
    size = next((d.size_bytes for d in databases if d.oid == source.oid), LARGE_BYTES)
    return (
        bool(policy.templates and policy.limit_gb)
        and size < LARGE_BYTES
        and find_spare(databases, source) is None
    )


def make_spare(session: Connection, source: Database, live: str) -> None:
    """Copy a database into its spare; where one is there already, or cannot be made, do nothing."""
    statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG ALLOW_CONNECTIONS false"
    with suppress(psycopg2.Error):
        run(session, named(statement, spare_name(live, source.oid), source.name))


def make_spare_behind(session: Connection, source: Database | None, live: str) -> None:
    """Leave a spare to a thread that makes it by this session, which is closed in any case."""
    if source is None:
        session.close()
    else:
        leave_behind(partial(make_spare, session, source, live), session.close)


def _take(work: Work, spare: Database, name: str) -> bool:
    # One transaction, as PostgreSQL takes several statements that come together.
    both = "ALTER DATABASE {0} ALLOW_CONNECTIONS true; ALTER DATABASE {0} RENAME TO {1}"
    with suppress(psycopg2.Error):
        run(work.admin, named(both, spare.name, name))
        return True
    return False
