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

_NAMES = {
    "backup.model": ("Backup",),
    "backup.reader": ("read",),
    "changes.local_changes": ("Changes",),
    "databases.retention": ("Policy",),
    "databases.work": ("Busy",),
    "dumping": ("dump", "Dump", "DumpOptions"),
    "errors": ("BackupRefused", "NameRefused", "SeedError", "ServerUnreachable"),
    "live.database": ("LiveDatabase", "NothingThere"),
    "live.replace": ("LoadResult",),
    "live.status": ("Status",),
    "seed": ("PlannedSeed", "Seed"),
    "server": ("Server", "UrlServer"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: a command's start would wait 0.1 s for all."""
    for module, names in _NAMES.items():
        if name in names:
            found = import_module(f"pgseed.{module}")
            return getattr(found, "read_backup" if name == "read" else name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
