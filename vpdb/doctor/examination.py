"""The whole examination: collect from the outside in, judge each part."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pgseed.errors import SeedError
from toolchain.stacks import ports_put_down
from vpdb.config import Settings
from vpdb.doctor import files, inside, outside
from vpdb.doctor.docker_facts import (
    look_at_container,
    look_at_disk,
    look_at_engine,
    volume_exists,
)
from vpdb.doctor.facts import Engine, Facts
from vpdb.doctor.file_facts import look_at_content, look_at_team
from vpdb.doctor.finding import Finding
from vpdb.doctor.ports import look_at_port
from vpdb.doctor.postgres_facts import look_at_postgres
from vpdb.doctor.pulumi_state import look_at_state, look_at_tools

CHECKS: Mapping[str, Callable[[Facts], Finding]] = {
    "Docker engine": outside.engine,
    "Pulumi": outside.tools,
    "last up": outside.interrupted_up,
    "port": outside.port,
    "container": outside.container,
    "volume": outside.volume,
    "disk": outside.disk,
    "server": inside.server,
    "role": inside.role,
    "content": inside.content,
    "bulk mode": inside.bulk_mode,
    "locks": inside.locks,
    "unfinished loads": inside.unfinished,
    "loader": inside.loader,
    "backup": files.backup,
    "backup size": files.backup_size,
    "team": files.team,
}


def judge(facts: Facts) -> dict[str, Finding]:
    """Run every check; the order is that of the screen."""
    return {name: check(facts) for name, check in CHECKS.items()}


def collect(settings: Settings) -> Facts:
    """Look at everything that can be looked at; files and Pulumi beside Docker, to save time."""
    with ThreadPoolExecutor() as pool:
        tools = pool.submit(look_at_tools, settings.project_dir, os.environ)
        state = pool.submit(look_at_state, settings, os.environ)
        content = pool.submit(look_at_content, settings)
        team = pool.submit(look_at_team, settings)
        around = _collect_docker(settings, look_at_engine())
        wanted, backup, _ = content.result()
        return replace(
            around,
            tools=tools.result(),
            state=state.result(),
            wanted=wanted,
            backup=backup,
            team=team.result(),
        )


def _collect_docker(settings: Settings, engine: Engine) -> Facts:
    facts = Facts(settings=settings, engine=engine)
    promised = ports_put_down(settings.project_dir)
    port = look_at_port(settings.port, settings.address, settings.container, promised)
    facts = replace(facts, port=port)
    if not engine.server:
        return replace(facts, disk=look_at_disk(settings, running=False))
    try:
        box = look_at_container(settings)
        running = box.status == "running"
        return replace(
            facts,
            box=box,
            volume_exists=volume_exists(settings.volume),
            disk=look_at_disk(settings, running=running),
            postgres=look_at_postgres(settings) if running else None,
        )
    except SeedError as error:
        # The engine went away between two questions.
        return replace(facts, engine=replace(engine, error=str(error)))
