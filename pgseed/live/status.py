"""What am I on, what would `pulumi up` load, what differs locally, what else is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pgseed.changes.local_changes import Changes
from pgseed.databases.retention import find_live, is_settled
from pgseed.databases.stamp import Database, Stamp, list_databases
from pgseed.live.replace import changes_of
from pgseed.server import MAINTENANCE_DATABASE, Server, told_as
from vpdb import bulk
from vpdb.config import Settings
from vpdb.content import Content

# Who only wants to look does not queue behind somebody who wants a table for himself.
LOCKED_S = 1.0
IN_STEP, STALE, LOCALLY_CHANGED = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one stack's data; `live` is None where there is no live database.

    `bulk_mode` is None while it is off.
    """

    live: Stamp | None
    exists: bool
    changes: Changes
    wanted: Content | None
    templates: tuple[Database, ...]
    kept: tuple[Database, ...]
    snapshots: tuple[Database, ...]
    size_bytes: int
    bulk_mode: bulk.BulkMode | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the files would give another content than the live one."""
        if self.wanted is None:
            return False
        return self.live is None or self.live.content_id != self.wanted.content_id

    @property
    def exit_code(self) -> int:
        if self.changes:
            return LOCALLY_CHANGED
        return STALE if self.is_stale else IN_STEP

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values for JSON."""
        return {
            "in_step": self.exit_code == IN_STEP,
            "stale": self.is_stale,
            "exists": self.exists,
            "live": asdict(self.live) if self.live else None,
            "wanted": {
                "content_id": self.wanted.content_id,
                "source": self.wanted.source,
                "label": self.wanted.label,
                "reason": self.wanted.reason,
                "rows": self.wanted.tables,
            }
            if self.wanted
            else None,
            "local_changes": {
                "tables": [asdict(table) for table in self.changes.tables],
                "catalog": list(self.changes.catalog),
                "unknown_origin": self.changes.unknown,
            },
            "size_bytes": self.size_bytes,
            "templates": [_described(database) for database in self.templates],
            "kept": [_described(database) for database in self.kept],
            "snapshots": [_described(database) for database in self.snapshots],
        }


def read_status(
    server: Server, settings: Settings, content: Content | None, *, detail: bool = True
) -> Status:
    """Look at the server, read-only and without the lock."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose="status") as admin,
        told_as("read the status"),
    ):
        databases = list_databases(admin, settings.database, sizes=True)
        mode = bulk.read_from(admin, settings.database)
    live = find_live(databases)
    changes = Changes()
    if live is not None:
        changes = changes_of(
            server, databases, live, content=content, detail=detail, wait_s=LOCKED_S
        )
    return Status(
        live=live.stamp if live and live.stamp and live.stamp.content_id else None,
        exists=live is not None,
        changes=changes,
        wanted=content,
        templates=_of_kind(databases, "template"),
        kept=_of_kind(databases, "kept"),
        snapshots=_of_kind(databases, "snapshot"),
        size_bytes=live.size_bytes if live else 0,
        bulk_mode=mode,
    )


def local_changes(
    server: Server, settings: Settings, *, detail: bool = True, content: Content | None = None
) -> Changes:
    """Tell how the live database differs from what was loaded, read-only and without the lock.

    Rows are counted against the template, else against the file of `content` while that is what
    was loaded; where neither remains, tables are only named. No live database: no changes.
    """
    with (
        server.session(MAINTENANCE_DATABASE, purpose="changes") as admin,
        told_as("look for changes"),
    ):
        databases = list_databases(admin, settings.database)
    live = find_live(databases)
    if live is None:
        return Changes()
    return changes_of(server, databases, live, content=content, detail=detail, wait_s=LOCKED_S)


def _of_kind(databases: list[Database], kind: str) -> tuple[Database, ...]:
    return tuple(d for d in databases if d.kind == kind and is_settled(d))


def _described(database: Database) -> dict[str, Any]:
    stamp = database.stamp
    return {
        "name": database.name,
        "size_bytes": database.size_bytes,
        "content_id": stamp.content_id if stamp else "",
        "label": stamp.label if stamp else "",
        "loaded_at": stamp.loaded_at if stamp else "",
        "kept_because": stamp.kept_because if stamp else "",
        "kept_at": stamp.kept_at if stamp else "",
    }
