"""A database whose content comes from a committed backup: loaded, reset, kept, dumped.

README.md beside this file shows it in ten lines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgseed.backup.model import Backup
    from pgseed.backup.reader import read_backup as read
    from pgseed.changes.local_changes import Changes
    from pgseed.databases.retention import Policy
    from pgseed.databases.work import Busy
    from pgseed.dumping import Dump, DumpOptions, dump
    from pgseed.errors import BackupRefused, NameRefused, SeedError, ServerUnreachable
    from pgseed.live.database import LiveDatabase, NothingThere
    from pgseed.live.replace import LoadResult
    from pgseed.live.status import Status
    from pgseed.seed import PlannedSeed, Seed
    from pgseed.server import Server, UrlServer

__version__ = "1.0.0"

__all__ = [  # noqa: RUF022 - in the order of use, as a table of contents
    # What a database should hold.
    "read",
    "Backup",
    "BackupRefused",
    "Seed",
    "PlannedSeed",
    # Where it is.
    "Server",
    "UrlServer",
    # The database: loaded, reset, undone, kept under a name, pruned, looked at.
    "LiveDatabase",
    "Policy",
    "LoadResult",
    "Status",
    "Changes",
    # A backup of it.
    "dump",
    "Dump",
    "DumpOptions",
    # What can go wrong.
    "SeedError",
    "ServerUnreachable",
    "NothingThere",
    "NameRefused",
    "Busy",
]

_MODULES = {
    "read": "backup.reader",
    "Backup": "backup.model",
    "BackupRefused": "errors",
    "Seed": "seed",
    "PlannedSeed": "seed",
    "Server": "server",
    "UrlServer": "server",
    "LiveDatabase": "live.database",
    "Policy": "databases.retention",
    "LoadResult": "live.replace",
    "Status": "live.status",
    "Changes": "changes.local_changes",
    "dump": "dumping",
    "Dump": "dumping",
    "DumpOptions": "dumping",
    "SeedError": "errors",
    "ServerUnreachable": "errors",
    "NothingThere": "live.database",
    "NameRefused": "errors",
    "Busy": "databases.work",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: a command's start would wait 0.1 s for all."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"pgseed.{_MODULES[name]}")
    return getattr(module, "read_backup" if name == "read" else name)
