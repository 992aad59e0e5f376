"""What `pulumi preview` says in words beside the diff: the source, and what becomes of local data.

Pulumi shows these lines under Diagnostics, in preview as well as in `up`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pulumi

from components.server import CONTAINER_PORT
from pgseed.errors import SeedError, ServerUnreachable
from vpdb import docker
from vpdb.config import Settings
from vpdb.server.server_probe import sight

if TYPE_CHECKING:
    from vpdb.content import Content
    from vpdb.server.docker_server import DockerServer

# A server that does not answer at once is not waited for; in seconds.
TIMEOUT_S = 1.0


def begin_to_find(settings: Settings) -> Future[DockerServer]:
    """Look for the stack's server while the backup is read."""
    pool = ThreadPoolExecutor(1, "find server")
    return pool.submit(_find, settings)


def _find(settings: Settings) -> DockerServer:
    docker.active_endpoint()  # nothing on another machine is even looked at
    seen = sight(settings.container)
    if seen.container is None:
        raise ServerUnreachable(f"failed to find container {settings.container}: there is none")
    # It brings what talks to PostgreSQL, which takes as long to import as a plugin to start.
    from vpdb.server.find import find_server

    return find_server(settings.container, settings.stack, timeout_s=TIMEOUT_S, seen=seen)


def describe_reload(
    settings: Settings, content: Content, finding: Future[DockerServer]
) -> pulumi.Output[str]:
    """Say what `up` loads and why, and warn of what it puts aside; a silent server says nothing.

    Gives the killed release whose bulk mode `up` has to end, "" for none. The server is looked at
    while the engine starts its plugins; whatever waits for the value leaves it alone until then.
    """
    pulumi.info(f"data: {content.label} ({content.reason})")
    for notice in content.backup.notices if content.backup else ():
        pulumi.info(notice)
    return pulumi.Output.from_input(_look_and_tell(settings, content, finding))


async def _look_and_tell(
    settings: Settings, content: Content, finding: Future[DockerServer]
) -> str:
    try:
        server = await asyncio.wrap_future(finding)
    except SeedError:
        return ""
    from components import server_preview as survey

    return await survey.look_and_tell(server, settings, content)


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
    from vpdb.doctor.ports import another_port, look_at_port

    port = look_at_port(settings.port, settings.address, settings.container)
    if port.holder and not port.ours:
        raise SeedError(
            f"failed to publish port {settings.port}: it is taken by {port.holder}. Stop that, or"
            f" take the next free one: {another_port(port, settings.stack)}"
        )
