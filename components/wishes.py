"""What a personal stack file may wish for: bulk mode, a release, a dump, in this order."""

from __future__ import annotations

import pulumi

from components.bulk_mode import BulkMode, BulkModeArgs
from components.dump import Dump, DumpArgs
from components.release import Release, ReleaseArgs
from components.seed import Seed
from components.server import PostgresServer
from vpdb.config import Settings
from vpdb.release import plan_release


def declare_wishes(settings: Settings, server: PostgresServer, seed: Seed) -> None:
    """Declare the command resources that the settings ask for; each waits for those before it."""
    done: list[pulumi.Resource] = [seed]
    if settings.bulk_mode:
        args = BulkModeArgs(settings=settings, server=server, seed=seed)
        done.append(BulkMode("bulk-mode", args))
    if settings.release:
        plan = plan_release(settings, settings.release)
        if plan.action == "nothing":
            pulumi.info(f"release {plan.name}: nothing to do, {plan.reason}")
        if plan.files:
            release = ReleaseArgs(settings=settings, server=server, plan=plan, after=[*done])
            done.append(Release("release", release))
    if settings.dump:
        Dump("dump", DumpArgs(settings=settings, server=server, after=[*done]))
