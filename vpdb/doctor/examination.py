"""The whole examination: collect from the outside in, judge each part."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pgseed.errors import SeedError
from toolchain.stacks import ports_put_down
from vpdb.docker import volume_exists
from vpdb.doctor import docker, files, pulumi, server
from vpdb.doctor.facts import Engine, Facts
from vpdb.doctor.finding import Finding
from vpdb.doctor.ports import look_at_port
from vpdb.settings import Settings

CHECKS: Mapping[str, Callable[[Facts], Finding]] = {
    "Docker engine": docker.check_engine,
    "Pulumi": pulumi.check_tools,
    "last up": pulumi.check_last_up,
    "port": docker.check_port,
    "container": docker.check_container,
    "volume": docker.check_volume,
    "disk": docker.check_disk,
    "server": server.check_server,
    "role": server.check_role,
    "content": server.check_content,
    "bulk mode": server.check_bulk_mode,
    "locks": server.check_locks,
    "unfinished loads": server.check_leftovers,
    "loader": server.check_loader,
    "backup": files.check_backup,
    "backup size": files.check_backup_size,
    "team": files.check_team,
}


def judge(facts: Facts) -> dict[str, Finding]:
    """Run every check; the order is that of the screen."""
    return {name: check(facts) for name, check in CHECKS.items()}


def collect(settings: Settings) -> Facts:
    """Look at everything that can be looked at; files and Pulumi beside Docker, to save time."""
    with ThreadPoolExecutor() as pool:
        tools = pool.submit(pulumi.look_at_tools, settings.project_dir, os.environ)
        state = pool.submit(pulumi.look_at_state, settings, os.environ)
        content = pool.submit(files.look_at_content, settings)
        team = pool.submit(files.look_at_team, settings)
        around = _collect_docker(settings, docker.look_at_engine())
        wanted, backup = content.result()
        return replace(
            around,
            tools=tools.result(),
            state=state.result(),
            wanted=wanted,
            backup=backup,
            team=team.result(),
        )


def _collect_docker(settings: Settings, engine: Engine) -> Facts:
    promised = ports_put_down(settings.project_dir)
    port = look_at_port(settings.port, settings.address, settings.container, promised)
    facts = Facts(settings=settings, engine=engine, port=port)
    if not engine.server:
        return replace(facts, disk=docker.look_at_disk(settings, running=False))
    try:
        container = docker.look_at_container(settings)
        running = container.status == "running"
        return replace(
            facts,
            container=container,
            volume_exists=volume_exists(settings.volume),
            disk=docker.look_at_disk(settings, running=running),
            postgres=server.look_at_postgres(settings) if running else None,
        )
    except SeedError as error:
        # The engine went away between two questions.
        return replace(facts, engine=replace(engine, error=str(error)))
