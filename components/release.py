"""Release: there while `release` names a month; runs once for a month and its CSVs' content."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.engine_command import EngineCommandArgs, engine_command
from components.server import PostgresServer
from vpdb.config import PASSWORD_VARIABLE, Settings
from vpdb.release import CsvInput, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseArgs:
    settings: Settings
    server: PostgresServer
    plan: Plan
    # What has to be done before the CSVs are loaded.
    after: list[pulumi.Resource]


class Release(pulumi.ComponentResource):
    """The monthly release: bulk mode on, load, bulk mode off, dump."""

    def __init__(
        self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("velpharma:index:Release", name, {}, opts)
        plan = args.plan
        engine_command(
            name,
            EngineCommandArgs(
                settings=args.settings,
                create=["release", plan.name],
                triggers=[plan.name, *(described(file) for file in plan.files)],
                # For an external loader; the command line cannot read an encrypted password.
                environment={PASSWORD_VARIABLE: pulumi.Output.secret(args.settings.password)},
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[args.server.container, *args.after]),
        )
        self.register_outputs({})


def described(file: CsvInput) -> str:
    """Name a file by its content, as the diff of a preview shows it."""
    return f"{file.path.name} sha256:{file.sha256}"
