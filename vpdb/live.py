"""The stack's live database as its settings describe it."""

from __future__ import annotations

import json

from pgseed.databases.retention import Policy
from pgseed.live.database import LiveDatabase
from pgseed.progress import Progress, quiet
from pgseed.server import Server
from vpdb.settings import Settings

BULK_MODE_NOTE = "velpharma.bulk_mode"


def without_bulk_mode(settings: dict[str, str]) -> dict[str, str]:
    """Leave out what bulk mode set: it ends with the database it was switched on in.

    The note of data/optimize-for-bulk-insert.sql says what synchronous_commit was.
    """
    note = settings.get(BULK_MODE_NOTE)
    if note is None:
        return settings
    own = {k: v for k, v in settings.items() if k not in (BULK_MODE_NOTE, "synchronous_commit")}
    try:
        before = json.loads(note).get("synchronous_commit")
    except (ValueError, AttributeError):
        before = None
    return own | ({"synchronous_commit": before} if before is not None else {})


def live_database(server: Server, settings: Settings, progress: Progress = quiet) -> LiveDatabase:
    policy = Policy(
        settings.templates, settings.kept_databases, settings.cache_limit_gb, without_bulk_mode
    )
    return LiveDatabase(server, settings.database, policy, owner=settings.user, progress=progress)
