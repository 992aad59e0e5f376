"""The stack's live database as its settings describe it."""

from __future__ import annotations

from pgseed.databases.retention import Policy
from pgseed.live.database import LiveDatabase
from pgseed.progress import Progress, quiet
from pgseed.server import Server
from vpdb.config import Settings


def live_database(server: Server, settings: Settings, progress: Progress = quiet) -> LiveDatabase:
    """Return the live database of a stack on its server."""
    policy = Policy(settings.templates, settings.kept_databases, settings.cache_limit_gb)
    return LiveDatabase(server, settings.database, policy, owner=settings.user, progress=progress)
