"""What a running server says before `up`: local changes, bulk mode left on, what is kept on it."""

from __future__ import annotations

import asyncio

import pulumi

from components.seed import HOLDS, INTERRUPTED
from pgseed.databases.retention import Policy, pushed_out
from pgseed.databases.stamp import now
from pgseed.errors import SeedError
from pgseed.live.status import Status
from pgseed.server import Server
from vpdb import bulk
from vpdb.seed_source import Content
from vpdb.settings import Settings
from vpdb.stack_status import look_at


async def look_and_tell(server: Server, settings: Settings, content: Content) -> dict[str, str]:
    """Warn of what a reload puts aside; return what the seed has to know of the server."""
    try:
        status = await asyncio.to_thread(look_at, server, settings, content)
    except SeedError as error:
        pulumi.warn(f"local changes: unknown. {error}")
        return {}
    pulumi.info(f"database: {status.verdict()[0]}")
    if warning := describe_bulk_mode(status.bulk_mode, settings):
        pulumi.warn(warning)
    for line in warnings(status.data, settings):
        pulumi.warn(line)
    for line in remarks(status.data):
        pulumi.info(line)
    interrupted = bulk.interrupted(status.bulk_mode, settings)
    holds = f"{status.out_of_step} at {now()}" if status.out_of_step else ""
    return {INTERRUPTED: interrupted, HOLDS: holds}


def describe_bulk_mode(mode: bulk.BulkMode | None, settings: Settings) -> str:
    """Word what is wrong with bulk mode, if anything: left on by a killed release, or for long."""
    if name := bulk.interrupted(mode, settings):
        return f"release {name} was interrupted and left bulk mode on: `pulumi up` switches it off"
    return bulk.overdue(mode, settings)


def warnings(status: Status, settings: Settings) -> list[str]:
    """Word what a reload would put aside or, with no room for kept databases, lose."""
    if status.changes_unknown:
        return [f"local changes: unknown, and kept if in doubt. {status.changes_unknown}"]
    changed = status.changes
    # The empty database of the image's first start was made by no load, and holds nothing to keep.
    if not changed or (changed.unknown and not changed.tables):
        return []
    changes = changed.describe()
    if not status.is_stale:
        kept = "kept by a reload" if settings.kept_databases else "LOST by a reload"
        return [f"local changes, {kept}, lost if the volume is replaced: {changes}"]
    if not settings.kept_databases:
        return [
            f"local changes will be LOST, for keptDatabases is 0: {changes}."
            " `pulumi config set keptDatabases 3` keeps them"
        ]
    lines = [
        f"local changes will be kept as {settings.database}_kept_<date>, and"
        f" `python -m vpdb undo` swaps them back: {changes}"
    ]
    for name in pushed_out(status.kept, Policy(kept=settings.kept_databases)):
        lines.append(
            f"{name} will be dropped for good, to keep the newest {settings.kept_databases}."
            " `pulumi config set keptDatabases` keeps more"
        )
    return lines


def remarks(status: Status) -> list[str]:
    """Name what only lives on the volume, and so ends with it."""
    names = ", ".join(database.name for database in (*status.kept, *status.snapshots))
    return [f"kept on the volume, and lost if it is replaced: {names}"] if names else []
