"""BulkMode: there while `bulkMode` is true; creating it switches on, deleting it switches off."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.engine_command import EngineCommandArgs, engine_command
from components.seed import Seed
from components.server import PostgresServer
from vpdb.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkModeArgs:
    settings: Settings
    server: PostgresServer
    seed: Seed


class BulkMode(pulumi.ComponentResource):
    """The big tables set up for bulk inserts: autovacuum off, and what else helps."""

    def __init__(
        self, name: str, args: BulkModeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("velpharma:index:BulkMode", name, {}, opts)
        engine_command(
            name,
            EngineCommandArgs(
                settings=args.settings,
                create=["bulk", "on"],
                delete=["bulk", "off", "--if-there"],
                # A reload ends bulk mode, so new content switches it on again.
                triggers=[args.seed.content_id],
            ),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.server.container, args.seed],
                # A volume that goes takes the mode with it. Not so a replaced container: with
                # `bulkMode false` and a new port in one `up` the mode still has to be ended.
                deleted_with=args.server.volume,
            ),
        )
        self.register_outputs({})
