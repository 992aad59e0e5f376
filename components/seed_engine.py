"""What the seed's provider does in its own process, by the engine's means."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any

from pulumi.dynamic.config import Config

from components.stack_settings import PROJECT_DIR
from pgseed.errors import BackupRefused, SeedError
from pgseed.live.replace import LoadResult
from pgseed.progress import print_lines
from pgseed.seed import PlannedSeed, Seed
from vpdb import docker
from vpdb.live import live_database
from vpdb.seed_source import choose_content, seed_with_commit
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.server.password import ensure_password
from vpdb.server.server_probe import Sighting
from vpdb.settings import Settings, project_defaults

# While planning nobody waits for a server that is silent; in seconds.
PLANNING_TIMEOUT_S = 1.0
# A first start of the cluster takes some seconds, a recovery after a kill longer.
START_TIMEOUT_S = 120.0

# One run of Pulumi is one provider process: what it found stays true as long as the container,
# known by its id, is the same one.
_found: dict[tuple[str, str, int, str], DockerServer] = {}


def load(config: Config, props: dict[str, Any], *, anew: bool = True) -> None:
    """Make the live database hold the content that was planned, and let the developer in.

    Unless `anew`, one that holds it stays with its local changes, and so does one that undo or
    restore brought back.
    """
    settings = settings_of(config, props)
    read = cache(partial(planned_seed, settings, props))
    if _key(props) not in _found:
        read()  # while a new server starts
    server = _server(props, START_TIMEOUT_S)
    with ThreadPoolExecutor(1) as pool:
        # A new server's role has no password yet, and giving it one takes as long as a swap. Where
        # it could not be done yet, it is done below.
        letting_in = pool.submit(ensure_password, server, props["user"], props["password"])
        live = live_database(server, settings, print_lines())
        stamp = None if anew else live.stamp()
        if stamp and props["contentId"] in (stamp.content_id, stamp.held_for):
            done = LoadResult("adopted", stamp)
        else:
            done = live.load(PlannedSeed(props["contentId"], read))
    if done.action == "adopted":  # another database than before is in no bulk mode
        _end_interrupted(server, settings)
    if letting_in.exception():
        ensure_password(server, props["user"], props["password"])


def reach(config: Config, props: dict[str, Any]) -> None:
    """Wait for the server, let the developer in, and finish what a killed release left."""
    server = _server(props, START_TIMEOUT_S)
    _end_interrupted(server, settings_of(config, props))
    ensure_password(server, props["user"], props["password"])


def holds(config: Config, props: dict[str, Any], seeing: Future[Sighting]) -> bool:
    """Tell whether the live database surely holds the planned content; nobody is waited for."""
    settings = settings_of(config, props)
    try:
        server = _server(props, PLANNING_TIMEOUT_S, seeing.result())
        stamp = live_database(server, settings).stamp(timeout_s=PLANNING_TIMEOUT_S)
    except SeedError:
        return False
    return stamp is not None and stamp.content_id == props["contentId"]


def is_gone(props: dict[str, Any]) -> bool:
    """Tell whether the volume is gone; an engine that does not answer proves nothing."""
    try:
        return not docker.volume_exists(props["volume"])
    except SeedError:
        return False


def settings_of(config: Config, props: dict[str, Any]) -> Settings:
    """Read the stack's settings from the configuration that the engine gave the provider."""
    project, defaults = project_defaults(PROJECT_DIR)
    values = {key: config.get(f"{project}:{key}") for key in defaults}
    given = {key: value for key, value in values.items() if value is not None}
    return Settings.from_values(PROJECT_DIR, project, props["stack"], given, defaults)


def planned_seed(settings: Settings, props: dict[str, Any]) -> Seed:
    """Read the source again, to load it; refuse one that is no longer what the plan showed."""
    content = choose_content(PROJECT_DIR, settings)
    if content.content_id != props["contentId"]:
        raise BackupRefused(
            content.path or PROJECT_DIR / "postgres" / "init",
            "it changed after this run was planned",
            remedy="Run `pulumi up` again",
        )
    return seed_with_commit(PROJECT_DIR, content.seed)


def _end_interrupted(server: DockerServer, settings: Settings) -> None:
    from vpdb.bulk import end_interrupted  # not for a database that has just been swapped in

    end_interrupted(server, settings, print_lines())


def _server(props: dict[str, Any], timeout_s: float, seen: Sighting | None = None) -> DockerServer:
    """Find the stack's server; what planning found serves the load that follows at once."""
    key = _key(props)
    if key not in _found:
        if timeout_s == START_TIMEOUT_S:
            _start(props["container"])
        _found[key] = find_server(
            props["container"], props["stack"], timeout_s=timeout_s, seen=seen
        )
    return _found[key]


def _start(container: str) -> None:
    found = docker.inspect_container(container)
    if found is not None and found.status == "paused":
        docker.run("unpause", container)
    elif found is not None and found.status in ("exited", "created", "dead"):
        docker.run("start", container)


def _key(props: dict[str, Any]) -> tuple[str, str, int, str]:
    return props["container"], props["containerId"], props["port"], props["stack"]
