"""The server in the container, the live database, and who uses it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import psycopg2

from pgseed import units
from pgseed.changes.local_changes import TableLocked
from pgseed.databases.retention import find_live, leftovers, undecided
from pgseed.databases.stamp import Database, list_databases
from pgseed.databases.work import lock_holder
from pgseed.errors import SeedError
from pgseed.server import MAINTENANCE_DATABASE, connect_with
from vpdb import bulk
from vpdb.doctor.facts import Facts, Idler, Postgres, SlowLoader
from vpdb.doctor.finding import Finding, note, ok, skipped, trouble, unreachable, warning
from vpdb.errors import GuardRefused
from vpdb.live import live_database
from vpdb.queries import rows
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.settings import ENCRYPTED, Settings
from vpdb.stamp_text import printable

# Sessions write their counters at most once a second (PGSTAT_MIN_INTERVAL in pgstat.c).
_WATCH_WRITERS_S = 2.2
# A load by single rows; one that commits often for another reason writes less.
_ROWS_A_COMMIT, _COMMITS_S = 3.0, 20.0
# Longer than any reload at the sizes this project is for; still, it may only be slow.
_LONG_OPERATION_S = 1800
_LONG_IDLE_S = 300


def look_at_postgres(settings: Settings) -> Postgres:
    """Collect what the server says; a silent one, or one without this stack's mark, is `error`."""
    try:
        server = find_server(settings.container, settings.stack, timeout_s=2.0)
    except GuardRefused as error:
        return Postgres(error=str(error), refused=True)
    except SeedError as error:
        return Postgres(error=str(error))
    try:
        facts, live = _about_server(server, settings)
        return _about_live(server, settings, facts, live) if live else facts
    except (SeedError, psycopg2.Error) as error:
        return Postgres(error=" ".join(str(error).split()))


def _about_server(server: DockerServer, settings: Settings) -> tuple[Postgres, Database | None]:
    with server.session(MAINTENANCE_DATABASE, purpose="doctor") as connection:
        names = {"role": settings.user, "database": settings.database}
        row = rows(connection, "doctor_server", names)[0]
        idlers = rows(connection, "doctor_idlers")
        operation, operation_s = lock_holder(connection) or ("", 0.0)
        databases = list_databases(connection, settings.database)
        mode = bulk.read_from(connection, settings.database)
    facts = Postgres(
        **row,
        version_wanted=wanted_version(settings.base_image),
        password_accepted=_try_password(server, settings) if row["role_exists"] else None,
        bulk_mode_s=mode.lasted_s() if mode else None,
        unfinished=(*leftovers(databases), *(d.name for d in undecided(databases))),
        operation=printable(operation),
        operation_s=operation_s,
        idle_in_transaction=tuple(
            Idler(i["pid"], printable(i["who"]), i["idle_s"], i["blocks"]) for i in idlers
        ),
    )
    return facts, find_live(databases)


def _about_live(
    server: DockerServer, settings: Settings, facts: Postgres, live: Database
) -> Postgres:
    with server.session(settings.database, purpose="doctor") as connection:
        off = tuple(row["name"] for row in rows(connection, "doctor_autovacuum"))
        before = rows(connection, "doctor_writers")
        slow = None
        if before:
            time.sleep(_WATCH_WRITERS_S)
            slow = slow_loader(before, rows(connection, "doctor_writers"))
    stamp, changes = live.stamp, ""
    if stamp:
        try:
            changes = live_database(server, settings).changes(detail=False).describe(most=3)
        except TableLocked:
            changes = "local changes could not be looked for, a session keeps a table for itself"
    loaded = stamp if stamp and stamp.content_id else None
    changes = printable(changes)
    return replace(facts, autovacuum_off=off, slow_loader=slow, stamp=loaded, local_changes=changes)


def slow_loader(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> SlowLoader | None:
    """Judge two looks at the sessions that write; they share the database's counters."""
    still = {row["pid"]: row for row in after}
    sessions = [(row, still[row["pid"]]) for row in before if row["pid"] in still]
    if not sessions:
        return None
    first, last = sessions[0]
    seconds, commits, written = (last[k] - first[k] for k in ("taken_at", "commits", "rows"))
    # Half a row a commit is mostly reading, or empty transactions.
    by_rows = 0.5 * commits <= written <= _ROWS_A_COMMIT * commits
    if seconds <= 0 or commits / seconds < _COMMITS_S or not by_rows:
        return None
    shared = seconds * len(sessions)
    return SlowLoader(printable(last["who"]), commits / shared, written / shared)


def wanted_version(base_image: str) -> int:
    """Read the major version from an image's name, as postgres:17-trixie; 0 where there is none."""
    found = re.search(r"postgres:(\d+)", base_image)
    return int(found[1]) if found else 0


def _try_password(server: DockerServer, settings: Settings) -> bool | None:
    """Log in as a developer's program does; None where that says nothing of the password."""
    if settings.password == ENCRYPTED:
        return None
    try:
        connect_with(
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


def check_server(facts: Facts) -> Finding:
    """Does PostgreSQL answer, is it this stack's, of the version the image is for?"""
    postgres = facts.postgres
    if postgres is None:
        return skipped("the server does not answer")
    if postgres.refused:
        return trouble(postgres.error, "Nothing on it is touched")
    if postgres.error:
        return unreachable(
            f"PostgreSQL does not answer: {postgres.error}", "Look at `python -m vpdb logs -n 50`"
        )
    version = postgres.version // 10000
    if postgres.version_wanted and version != postgres.version_wanted:
        return trouble(
            f"PostgreSQL {version} runs, the settings ask for {postgres.version_wanted}",
            "Run `pulumi up --replace` on the volume; `pulumi stack output wipeVolume` prints the"
            " exact command",
        )
    return ok(f"PostgreSQL {version}.{postgres.version % 10000} answers, with this stack's mark")


def _of_server(check: Callable[[Facts, Postgres], Finding]) -> Callable[[Facts], Finding]:
    """Skip a check while the server does not answer."""

    @wraps(check)
    def checked(facts: Facts) -> Finding:
        if facts.postgres is None or facts.postgres.error:
            return skipped("the server does not answer")
        return check(facts, facts.postgres)

    return checked


@_of_server
def check_role(facts: Facts, postgres: Postgres) -> Finding:
    """Can the application role log in with the password of the settings?"""
    name = facts.settings.user
    if not postgres.role_exists:
        return trouble(f"there is no role {name}", "Run `pulumi up --refresh`")
    if postgres.password_accepted is False:
        return trouble(
            f"the server refuses the settings' password for {name}",
            "Run `python -m vpdb doctor --fix` or `pulumi up`: both set it",
            "set_password",
        )
    if postgres.role_is_superuser:
        return warning(
            f"{name} is a superuser, so it can do what it cannot in production",
            f"Run `python -m vpdb psql -c 'ALTER ROLE {name} NOSUPERUSER'`",
        )
    database = facts.settings.database
    if not postgres.live_exists:
        return skipped(f"there is no database {database}")
    if not postgres.role_owns_database:
        return warning(f"{name} does not own database {database}", "Run `python -m vpdb reset`")
    tried = "logs in" if postgres.password_accepted else "is there; its password was not tried"
    return ok(f"{name} {tried}")


@_of_server
def check_content(facts: Facts, postgres: Postgres) -> Finding:
    """Does the live database hold what this checkout would load, schema included?"""
    wanted = facts.wanted
    name = facts.settings.database
    if not postgres.live_exists:
        return unreachable(f"there is no database {name}", "Run `pulumi up --refresh`")
    stamp = postgres.stamp
    if stamp is None:
        return warning(
            f"{name} was not loaded by this project, so nobody knows what it holds",
            "Run `pulumi up`: it is kept beside the freshly loaded one",
        )
    if wanted is None or wanted.error:
        return skipped("the backup cannot be read, see below")
    loaded = f"{stamp.content_id[:12]} from {printable(stamp.label or stamp.source)}"
    changes = f"; changed here: {postgres.local_changes}" if postgres.local_changes else ""
    if stamp.is_held_for(wanted.content):
        return note(
            f"it holds {loaded}, which undo or restore brought back{changes}; `pulumi up` leaves it"
            " until the files change",
            "Run `python -m vpdb undo` to go back",
        )
    if stamp.content_id != wanted.content:
        # An older version's stamp does not name the schema.
        if stamp.schema_id not in ("", wanted.schema):
            why = "postgres/init/ has another schema"
        else:
            why = f"this checkout has {wanted.content[:12]} from {wanted.source}"
        undone = " (brought back by undo)" if stamp.origin == "undo" else ""
        return warning(f"it holds {loaded}{undone}, but {why}{changes}", "Run `pulumi up`")
    if changes:
        return note(
            f"it holds {loaded}, as this checkout{changes}",
            "Run `python -m vpdb reset` for a fresh start",
        )
    return ok(f"it holds {loaded}, as this checkout")


@_of_server
def check_bulk_mode(facts: Facts, postgres: Postgres) -> Finding:
    """Was bulk mode, or autovacuum off, forgotten?"""
    if not postgres.live_exists:
        return skipped(f"there is no database {facts.settings.database}")
    if postgres.bulk_mode_s is not None:
        since = units.duration(postgres.bulk_mode_s)
        limit_h = facts.settings.bulk_mode_hours
        if postgres.bulk_mode_s > limit_h * 3600:
            return warning(
                f"bulk mode has been on for {since}, longer than {limit_h} h: tables are not"
                " vacuumed and queries get slower",
                "Run `python -m vpdb bulk off`",
                "bulk_off",
            )
        return note(f"on for {since}", "`python -m vpdb bulk off` ends it")
    if not postgres.autovacuum:
        return warning(
            "autovacuum is off for the whole server",
            "Run `python -m vpdb psql -U postgres -c 'ALTER SYSTEM RESET autovacuum'`, then"
            " `… -c 'SELECT pg_reload_conf()'`",
        )
    if postgres.autovacuum_off:
        names = ", ".join(postgres.autovacuum_off[:3])
        return note(
            f"off, but autovacuum is off for {names}",
            "`ALTER TABLE … RESET (autovacuum_enabled)` switches it back",
        )
    return ok("off")


@_of_server
def check_locks(facts: Facts, postgres: Postgres) -> Finding:
    """Does anybody hold a lock and do nothing with it?"""
    blockers = [i for i in postgres.idle_in_transaction if i.blocks]
    if blockers:
        worst = max(blockers, key=lambda idler: (idler.blocks, idler.idle_s))
        return warning(
            f"{worst.who} is idle inside a transaction for {units.duration(worst.idle_s)} and"
            f" blocks {worst.blocks} other session{'s' if worst.blocks > 1 else ''}",
            "Commit or roll back there, or end it:"
            f" `python -m vpdb psql -c 'SELECT pg_terminate_backend({worst.pid})'`",
        )
    if postgres.operation and postgres.operation_s > _LONG_OPERATION_S:
        return warning(
            f"`{postgres.operation}` has held this project's lock for"
            f" {units.duration(postgres.operation_s)}",
            "Let it finish, or end that process; the next command cleans up after it",
        )
    sleepers = [i for i in postgres.idle_in_transaction if i.idle_s > _LONG_IDLE_S]
    if sleepers:
        worst = max(sleepers, key=lambda idler: idler.idle_s)
        return note(
            f"{worst.who} is idle inside a transaction for {units.duration(worst.idle_s)}",
            f"`python -m vpdb psql -c 'SELECT pg_terminate_backend({worst.pid})'` ends it",
        )
    if postgres.operation:
        return ok(f"`{postgres.operation}` is at work, nobody blocks")
    return ok("nobody blocks")


@_of_server
def check_leftovers(facts: Facts, postgres: Postgres) -> Finding:
    if not postgres.unfinished:
        return ok("none")
    names = ", ".join(postgres.unfinished[:3])
    if postgres.operation:
        return ok(f"{names}: being worked on by `{postgres.operation}`")
    return note(
        f"an interrupted load left {names}",
        "The next load, or `python -m vpdb prune`, removes it",
        "drop_unfinished",
    )


@_of_server
def check_loader(facts: Facts, postgres: Postgres) -> Finding:
    """Is anybody loading in a way that makes it slow?"""
    if not postgres.live_exists:
        return skipped(f"there is no database {facts.settings.database}")
    slow = postgres.slow_loader
    if slow is None:
        return ok("nobody loads row by row")
    off = postgres.bulk_mode_s is None
    return warning(
        f"{slow.who} loads slowly: {units.count(slow.commits_s)} commits/s for"
        f" {units.count(slow.rows_s)} rows/s, about one row a commit",
        "Commit every 1,000 rows or use COPY"
        + (", switch on `python -m vpdb bulk on`" if off else "")
        + ", or let `python -m vpdb load` do it",
    )
