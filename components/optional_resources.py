"""What a personal stack file may wish for: bulk mode, a release, a dump, in this order."""

from __future__ import annotations

import pulumi

from components.seed import Seed
from components.server import PostgresServer
from vpdb.config import Settings


def declare_wishes(settings: Settings, server: PostgresServer, seed: Seed) -> None:
    """Declare the command resources that the settings ask for; each waits for those before it.

    They are imported when they are wished for: most runs have no wish, and would wait 50 ms for
    all that loads and dumps.
    """
    done: list[pulumi.Resource] = [seed]
    if settings.bulk_mode:
        from components.bulk_mode import BulkMode, BulkModeArgs

        args = BulkModeArgs(settings=settings, server=server, seed=seed)
        done.append(BulkMode("bulk-mode", args))
    if settings.release:
        from components.release import Release, ReleaseArgs
        from vpdb.release import plan_release

        plan = plan_release(settings, settings.release)
        if plan.why_not:
            pulumi.info(f"release {plan.name}: nothing to do, {plan.why_not}")
        if plan.files:
            release = ReleaseArgs(settings=settings, server=server, plan=plan, after=[*done])
            done.append(Release("release", release))
    if settings.dump:
        from components.dump import Dump, DumpArgs

        Dump("dump", DumpArgs(settings=settings, server=server, after=[*done]))
