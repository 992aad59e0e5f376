"""The swap: databases change their names in one transaction, however eagerly clients reconnect."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg2.errors
import psycopg2.extensions
from psycopg2 import sql

from pgseed.databases.retention import Policy
from pgseed.databases.sessions import (
    POLL_S,
    begin_alone,
    database_ids,
    end_sessions,
    ending_sessions,
)
from pgseed.databases.stamp import Stamp, comment_on
from pgseed.queries import named, query, run
from pgseed.server import Connection

_LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
# How long a swap tries to have the list of databases to itself.
_ALONE_S = 0.1


def hand_over(admin: Connection, old: str, new: str, policy: Policy) -> None:
    """Give one database what another one has: settings, grants, owner, connection limit."""
    ((owner, limit, has_grants, grants),) = run(admin, query("database_grants"), {"database": old})
    owner_name = sql.SQL(owner)  # names of roles come quoted
    run(admin, named("ALTER DATABASE {} OWNER TO ", new) + owner_name)
    run(admin, named("ALTER DATABASE {} CONNECTION LIMIT ", new) + sql.Literal(limit))
    if has_grants:
        # Whoever granted anything also revoked what PUBLIC has from the start, or left it in the
        # list.
        run(admin, named("REVOKE ALL ON DATABASE {} FROM PUBLIC, ", new) + owner_name)
        for grantee, privilege, grantable in grants:
            option = " WITH GRANT OPTION" if grantable and grantee != "PUBLIC" else ""
            grant = named(f"GRANT {privilege} ON DATABASE {{}} TO ", new)
            run(admin, grant + sql.SQL(grantee + option))
    for role, stored in run(admin, query("database_settings"), {"database": old}):
        settings = dict(setting.split("=", 1) for setting in stored)
        for statement in settings_sql(new, role, settings if role else policy.carry(settings)):
            run(admin, statement)


def settings_sql(database: str, role: str, settings: Mapping[str, str]) -> Iterator[sql.Composable]:
    """Build the statements that set these values; the role's name, if any, comes quoted."""
    name = sql.Identifier(database)
    whose = sql.SQL("ROLE {} IN DATABASE {}" if role else "{}DATABASE {}").format(
        sql.SQL(role), name
    )
    for setting, value in settings.items():
        # Of these PostgreSQL stores a list of quoted names, and takes it one by one (pg_dump's
        # variable_is_guc_list_quote()).
        values = [value]
        if setting.lower() in _LISTS:
            values = next(csv.reader([value], skipinitialspace=True), [""])
        yield sql.SQL("ALTER {} SET {} TO {}").format(
            whose,
            sql.SQL(".").join(map(sql.Identifier, setting.split("."))),
            sql.SQL(", ").join(map(sql.Literal, values)),
        )


@dataclass(frozen=True, slots=True)
class Rename:
    """One rename of a swap, and the stamp the database carries from then on."""

    old: str
    new: str
    stamp: Stamp


def swap(helper: Connection, admin: Connection, renames: Sequence[Rename]) -> None:
    """Carry out the renames and stamps in one transaction; the helper ends sessions in the way.

    Clients see all old data or all new data. Where a statement fails, everything is as before;
    the databases never are without a name or shut.
    """
    olds = database_ids(admin, *(rename.old for rename in renames))
    # A transaction that has read the list of databases would be in the way.
    end_sessions(helper, olds, patience_s=0)
    # Only a superuser may have the list of databases to itself.
    is_superuser = admin.info.parameter_status("is_superuser") == "on"
    end = time.monotonic() + (_ALONE_S if is_superuser else 0)
    with admin.cursor() as cursor:
        while time.monotonic() < end:
            if begin_alone(cursor):
                with suppress(psycopg2.errors.DeadlockDetected, psycopg2.errors.LockNotAvailable):
                    _rename(helper, cursor, olds, renames)
                    return
            time.sleep(POLL_S)
        cursor.execute("BEGIN")
        _rename(helper, cursor, olds, renames)


def _rename(
    helper: Connection,
    cursor: psycopg2.extensions.cursor,
    olds: Sequence[int],
    renames: Sequence[Rename],
) -> None:
    """Rename, stamp and commit in the transaction that has begun; roll it back where that fails."""
    try:
        with ending_sessions(helper, olds):
            for rename in renames:
                cursor.execute(named("ALTER DATABASE {} RENAME TO {}", rename.old, rename.new))
                cursor.execute(comment_on(rename.new, rename.stamp.to_comment()))
            cursor.execute("COMMIT")
    except psycopg2.Error:
        if not cursor.connection.closed:
            cursor.execute("ROLLBACK")
        raise
