"""Dump: there while `dump` names a label; a new label writes the committed backup once."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.engine_command import EngineCommandArgs, engine_command
from components.server import PostgresServer
from vpdb.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpArgs:
    settings: Settings
    server: PostgresServer
    # What has to be done before the live database is worth dumping.
    after: list[pulumi.Resource]


class Dump(pulumi.ComponentResource):
    """The committed backup, written from the live database."""

    def __init__(
        self, name: str, args: DumpArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("velpharma:index:Dump", name, {}, opts)
        engine_command(
            name,
            EngineCommandArgs(
                settings=args.settings,
                create=["dump"],
                triggers=[args.settings.dump],
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[args.server.container, *args.after]),
        )
        self.register_outputs({})
