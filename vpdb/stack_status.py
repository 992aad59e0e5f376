"""All there is to see of a stack's data: its live database, the files beside it, bulk mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgseed.live.status import Status
from pgseed.server import Server
from vpdb import bulk
from vpdb.config import Settings
from vpdb.content import Content
from vpdb.live import live_database


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What a stack's database holds beside what its files want; `bulk_mode` is None while off."""

    data: Status
    content: Content | None
    bulk_mode: bulk.BulkMode | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        document = self.data.to_dict()
        if self.content:
            document["wanted"]["reason"] = self.content.reason
        document["bulk_mode_since"] = self.bulk_mode.since.isoformat() if self.bulk_mode else None
        return document


def look_at(server: Server, settings: Settings, content: Content | None) -> StackStatus:
    """Look at the server, read-only and without the lock."""
    wanted = content.seed if content else None
    data = live_database(server, settings).status(wanted)
    return StackStatus(data, content, bulk.read(server, settings))
