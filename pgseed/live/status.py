"""What am I on, what would a load bring, what differs locally, what else is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pgseed.changes.local_changes import Changes
from pgseed.databases.stamp import Database, Stamp
from pgseed.seed import Seed

IN_STEP, STALE, LOCALLY_CHANGED = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one live database; `live` is None where there is none, or no load made it."""

    live: Stamp | None
    exists: bool
    changes: Changes
    wanted: Seed | None
    templates: tuple[Database, ...]
    kept: tuple[Database, ...]
    snapshots: tuple[Database, ...]
    size_bytes: int
    # Why nobody can tell whether there are local changes; "" where `changes` says all.
    changes_unknown: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether the files would give another content than the live one."""
        if self.wanted is None or self.is_held:
            return False
        return self.live is None or self.live.content_id != self.wanted.id

    @property
    def is_held(self) -> bool:
        """Whether undo or restore brought another content back, and the files want nothing new."""
        return bool(self.live and self.wanted and self.live.is_held_for(self.wanted.id))

    @property
    def exit_code(self) -> int:
        if self.changes or self.changes_unknown:
            return LOCALLY_CHANGED
        return STALE if self.is_stale else IN_STEP

    def to_dict(self) -> dict[str, Any]:
        return {
            "in_step": self.exit_code == IN_STEP,
            "stale": self.is_stale,
            "held": self.is_held,
            "exists": self.exists,
            "live": asdict(self.live) if self.live else None,
            "wanted": {
                "content_id": self.wanted.id,
                "source": self.wanted.source,
                "label": self.wanted.label,
                "rows": self.wanted.rows,
            }
            if self.wanted
            else None,
            "local_changes": {
                "tables": [asdict(table) for table in self.changes.tables],
                "catalog": list(self.changes.catalog),
                "unknown_origin": self.changes.unknown,
                "unknown_because": self.changes_unknown,
            },
            "size_bytes": self.size_bytes,
            "templates": [_described(database) for database in self.templates],
            "kept": [_described(database) for database in self.kept],
            "snapshots": [_described(database) for database in self.snapshots],
        }


def status_of(
    databases: Sequence[Database], live: Database | None, changes: Changes, wanted: Seed | None
) -> Status:
    """Sort what was found; `live` is the live database, if there is one."""

    def of_kind(kind: str) -> tuple[Database, ...]:
        return tuple(d for d in databases if d.kind == kind and d.is_settled)

    return Status(
        live=live.stamp if live and live.stamp and live.stamp.content_id else None,
        exists=live is not None,
        changes=changes,
        wanted=wanted,
        templates=of_kind("template"),
        kept=of_kind("kept"),
        snapshots=of_kind("snapshot"),
        size_bytes=live.size_bytes if live else 0,
    )


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
