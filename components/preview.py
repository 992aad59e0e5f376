"""What `pulumi preview` says in words: the source, and what becomes of local data."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pulumi

from components.seed import SILENT
from components.server import CONTAINER_PORT, MARK_LABEL
from pgseed.errors import SeedError, ServerUnreachable
from vpdb import docker
from vpdb.server.server_probe import sight
from vpdb.settings import Settings

if TYPE_CHECKING:
    from vpdb.seed_source import Content
    from vpdb.server.docker_server import DockerServer

# A server that does not answer at once is not waited for; in seconds.
TIMEOUT_S = 1.0


def begin_to_find(settings: Settings) -> Future[DockerServer]:
    return ThreadPoolExecutor(1, "find server").submit(_find, settings)


def _find(settings: Settings) -> DockerServer:
    seen = sight(settings.container)
    if seen.container is None:
        raise ServerUnreachable(f"failed to find container {settings.container}: there is none")
    # It brings what talks to PostgreSQL, which takes as long to import as a plugin to start.
    from vpdb.server.find import find_server

    return find_server(settings.container, settings.stack, timeout_s=TIMEOUT_S, seen=seen)


def describe_reload(
    settings: Settings, content: Content, finding: Future[DockerServer]
) -> pulumi.Output[dict[str, str]]:
    """Say what `up` loads and why, and warn of what it puts aside.

    Gives what the seed has to know of the server, by the names of its inputs. The server is looked
    at while the engine starts its plugins; whatever waits for the value leaves it alone until then.
    """
    pulumi.info(f"data: {content.label} ({content.reason})")
    for notice in content.backup.notices if content.backup else ():
        pulumi.info(notice)
    return pulumi.Output.from_input(_look_and_tell(settings, content, finding))


async def _look_and_tell(
    settings: Settings, content: Content, finding: Future[DockerServer]
) -> dict[str, str]:
    try:
        server = await asyncio.wrap_future(finding)
    except SeedError as error:
        found = docker.inspect_container(settings.container)
        if found is None:
            return {SILENT: "no container"}
        if found.is_running:
            # Silent, or not this stack's: `up` waits for the one and refuses the other.
            pulumi.info(str(error))
            return {SILENT: "silent"}
        pulumi.info(f"container {found.name} is {found.state}: `pulumi up` starts it")
        return {SILENT: found.state}
    from components.server_preview import look_and_tell

    return await look_and_tell(server, settings, content)


def container_mark(settings: Settings) -> str:
    """Return the mark of the stack's container, a new one where there is no container.

    Plain `up` does not look at the world. As an input that changes when the container is gone, the
    mark has Pulumi make it anew.
    """
    container = docker.inspect_container(settings.container)
    return container.labels.get(MARK_LABEL, "") if container else secrets.token_hex(4)


def refuse_taken_port(settings: Settings) -> None:
    """Refuse a port that another program has, before any resource is touched.

    Docker would say so too, but only once the stack's old container is gone.
    """
    container = docker.inspect_container(settings.container)
    if (
        container
        and container.is_running
        and container.ports.get(CONTAINER_PORT, ("", 0))[1] == settings.port
    ):
        return
    from toolchain.stacks import with_port
    from vpdb.doctor.ports import look_at_port

    port = look_at_port(settings.port, settings.address, settings.container)
    if port.holder and not port.ours:
        raise SeedError(
            f"failed to publish port {settings.port}: it is taken by {port.holder}. Stop that, or"
            f" take the next free one: {with_port(settings.stack, port.next_free)}"
        )
