"""What a personal stack file may wish for: bulk mode, a release, a dump, in this order."""

from __future__ import annotations

from typing import Any

import pulumi

from components.seed import Seed
from components.server import PostgresServer
from vpdb.settings import PASSWORD_VARIABLE, Settings


def declare_wishes(settings: Settings, server: PostgresServer, seed: Seed) -> None:
    """Declare the command resources that the settings ask for; each waits for those before it.

    What they need is imported when they are wished for: most runs have no wish, and would wait
    50 ms for all that loads and dumps.
    """
    done: list[pulumi.Resource] = [server.container, seed]

    def declare(name: str, **args: Any) -> None:
        from components.engine_command import EngineCommand, EngineCommandArgs

        command = EngineCommandArgs(stack=settings.stack, after=[*done], **args)
        done.append(EngineCommand(name, command))

    if settings.bulk_mode:
        declare(
            "bulk-mode",
            kind="BulkMode",
            create=["bulk", "on"],
            delete=["bulk", "off", "--if-there"],
            # A reload ends bulk mode, so new content switches it on again.
            triggers=[seed.content_id],
            # A volume that goes takes the mode with it. Not so a replaced container: with
            # `bulkMode false` and a new port in one `up` the mode still has to be ended.
            deleted_with=server.volume,
        )
    if settings.release:
        from vpdb.release import plan_release

        plan = plan_release(settings, settings.release)
        if plan.why_not:
            pulumi.info(f"release {plan.name}: nothing to do, {plan.why_not}")
        if plan.files:
            declare(
                "release",
                kind="Release",
                create=["release", plan.name],
                # The files by their content, as the diff of a preview shows them.
                triggers=[plan.name, *(f"{f.path.name} sha256:{f.sha256}" for f in plan.files)],
                # For an external loader; the command line cannot read an encrypted password.
                environment={PASSWORD_VARIABLE: pulumi.Output.secret(settings.password)},
            )
    if settings.dump:
        declare("dump", kind="Dump", create=["dump"], triggers=[settings.dump])
