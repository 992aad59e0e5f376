"""Judgements on the server and the live database."""

from __future__ import annotations

from pgseed import units
from vpdb.doctor.facts import Facts
from vpdb.doctor.finding import Finding, note, ok, skipped, trouble, unreachable, warning

# Longer than any reload at the sizes this project is for; still, it may only be slow.
_LONG_OPERATION_S = 1800
_LONG_IDLE_S = 300


def server(facts: Facts) -> Finding:
    """Does PostgreSQL answer, is it this stack's, of the version the image is for?"""
    postgres = facts.postgres
    if postgres is None:
        return _skipped()
    if postgres.refused:
        return trouble(postgres.error, "Nothing on it is touched")
    if postgres.error:
        return unreachable(
            f"PostgreSQL does not answer: {postgres.error}",
            "Look at `python -m vpdb logs -n 50`",
        )
    version = postgres.version // 10000
    if postgres.version_wanted and version != postgres.version_wanted:
        return trouble(
            f"PostgreSQL {version} runs, the settings ask for {postgres.version_wanted}",
            "Run `pulumi up --replace` on the volume; `pulumi stack output wipeVolume` prints the"
            " exact command",
        )
    return ok(f"PostgreSQL {version}.{postgres.version % 10000} answers, with this stack's mark")


def role(facts: Facts) -> Finding:
    """Can the application role log in with the password of the settings?"""
    postgres = facts.postgres
    name = facts.settings.user
    if postgres is None or postgres.error:
        return _skipped()
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
    if not postgres.live_exists:
        return skipped(f"there is no database {facts.settings.database}")
    if not postgres.role_owns_database:
        return warning(
            f"{name} does not own database {facts.settings.database}",
            "Run `python -m vpdb reset`",
        )
    tried = "logs in" if postgres.password_accepted else "is there; its password was not tried"
    return ok(f"{name} {tried}")


def content(facts: Facts) -> Finding:
    """Does the live database hold what this checkout would load, schema included?"""
    postgres, wanted = facts.postgres, facts.wanted
    name = facts.settings.database
    if postgres is None or postgres.error:
        return _skipped()
    if not postgres.live_exists:
        return unreachable(f"there is no database {name}", "Run `pulumi up --refresh`")
    if not postgres.loaded_content:
        return warning(
            f"{name} was not loaded by this project, so nobody knows what it holds",
            "Run `pulumi up`: it is kept beside the freshly loaded one",
        )
    if wanted is None or wanted.error:
        return skipped("the backup cannot be read, see below")
    loaded = f"{postgres.loaded_content[:12]} from {postgres.loaded_from}"
    changes = f"; changed here: {postgres.local_changes}" if postgres.local_changes else ""
    if postgres.loaded_content != wanted.content:
        if postgres.loaded_schema not in ("", wanted.schema):
            why = "postgres/init/ has another schema"
        else:
            why = f"this checkout has {wanted.content[:12]} from {wanted.source}"
        undone = " (brought back by undo)" if postgres.undone else ""
        return warning(f"it holds {loaded}{undone}, but {why}{changes}", "Run `pulumi up`")
    if changes:
        return note(
            f"it holds {loaded}, as this checkout{changes}",
            "Run `python -m vpdb reset` for a fresh start",
        )
    return ok(f"it holds {loaded}, as this checkout")


def bulk_mode(facts: Facts) -> Finding:
    """Was bulk mode, or autovacuum off, forgotten?"""
    postgres = facts.postgres
    if postgres is None or postgres.error or not postgres.live_exists:
        return _skipped()
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


def locks(facts: Facts) -> Finding:
    """Does anybody hold a lock and do nothing with it?"""
    postgres = facts.postgres
    if postgres is None or postgres.error:
        return _skipped()
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


def unfinished(facts: Facts) -> Finding:
    """Did a killed load leave databases behind?"""
    postgres = facts.postgres
    if postgres is None or postgres.error:
        return _skipped()
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


def loader(facts: Facts) -> Finding:
    """Is anybody loading in a way that makes it slow?"""
    postgres = facts.postgres
    if postgres is None or postgres.error or not postgres.live_exists:
        return _skipped()
    if not postgres.row_by_row:
        return ok("nobody loads row by row")
    worst = max(postgres.row_by_row, key=lambda session: session.commits_s)
    off = postgres.bulk_mode_s is None
    return warning(
        f"{worst.who} loads slowly: {units.count(worst.commits_s)} commits/s for"
        f" {units.count(worst.rows_s)} rows/s, about one row a commit",
        "Commit every 1,000 rows or use COPY"
        + (", switch on `python -m vpdb bulk on`" if off else "")
        + ", or let `python -m vpdb load` do it",
    )


def _skipped() -> Finding:
    return skipped("the server does not answer")
