"""All there is to see of a stack's data: its live database, the files beside it, bulk mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pgseed.errors import SeedError
from pgseed.live.status import Status
from pgseed.server import Server
from vpdb import bulk
from vpdb.live import live_database
from vpdb.seed_source import Content
from vpdb.settings import Settings


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What a stack's database holds beside what its files want; `bulk_mode` is None while off."""

    data: Status
    content: Content | None
    bulk_mode: bulk.BulkMode | None

    def verdict(self, refusal: SeedError | None = None) -> tuple[str, str]:
        """Return in one sentence how things stand, and a colour for it.

        Every command that judges says this sentence. `refusal` is why the files give nothing.
        """
        data = self.data
        if not data.exists:
            return "no database: `pulumi up` loads it", "red"
        if data.live is None and not data.changes.tables:
            return "never loaded: run `pulumi up`", "yellow"
        if refusal and not (data.changes or data.changes_unknown):
            return "the backup cannot be read: `python -m vpdb doctor` says more", "red"
        if data.changes_unknown:
            return f"local changes: unknown. {data.changes_unknown}", "yellow"
        if data.is_held:
            changed = " and changed here" if data.changes else ""
            return (
                f"held: another content was brought back{changed}; `pulumi up` leaves it until the"
                " files change, `python -m vpdb undo` goes back"
            ), "yellow"
        if data.changes:
            fresh = "`python -m vpdb reset` starts afresh and keeps the changes aside"
            also = "; stale as well: `pulumi up` loads the new data" if data.is_stale else ""
            return f"local changes: {fresh}{also}", "yellow"
        if data.is_stale:
            return "stale: run `pulumi up`", "yellow"
        return "in step", "green"

    @property
    def out_of_step(self) -> str:
        """Why a load is due, whoever brought it about; "" where none is."""
        if not self.data.exists:
            return "no database"
        if self.data.live is None:
            return "a database that no load has made"
        return f"content {self.data.live.content_id[:12]}" if self.data.is_stale else ""

    def to_dict(self) -> dict[str, Any]:
        document = self.data.to_dict()
        if self.content:
            document["wanted"]["reason"] = self.content.reason
        document["bulk_mode_since"] = self.bulk_mode.since.isoformat() if self.bulk_mode else None
        return document


def look_at(server: Server, settings: Settings, content: Content | None) -> StackStatus:
    wanted = content.seed if content else None
    with ThreadPoolExecutor(1) as pool:
        mode = pool.submit(bulk.read, server, settings)
        data = live_database(server, settings).status(wanted)
        return StackStatus(data, content, mode.result())
