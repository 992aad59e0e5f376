"""What `pulumi preview` says in words beside the diff: the source, and what becomes of local data.

Pulumi shows these lines under Diagnostics, in preview as well as in `up`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

import pulumi

from components import head_start
from vpdb import bulk, docker
from vpdb.config import Settings
from vpdb.content import Content
from vpdb.database.find import find_server
from vpdb.database.server import PORT, Server
from vpdb.database.status import Status, read_status
from vpdb.doctor.ports import look_at_port
from vpdb.errors import VpdbError

# A server that does not answer at once is not waited for; in seconds.
TIMEOUT_S = 1.0


def begin_to_find(settings: Settings) -> Future[Server]:
    """Look for the stack's server while the backup is read."""
    pool = ThreadPoolExecutor(1, "find server")
    return pool.submit(_find, settings)


def _find(settings: Settings) -> Server:
    docker.active_endpoint()  # nothing on another machine is even looked at
    return find_server(settings.container, settings.stack, timeout_s=TIMEOUT_S)


def describe_reload(
    settings: Settings, content: Content, finding: Future[Server]
) -> pulumi.Output[str]:
    """Say what `up` loads and why, and warn of what it puts aside; a silent server says nothing.

    Gives the killed release whose bulk mode `up` has to end, "" for none. The server is looked at
    while the engine starts its plugins; whatever waits for the value leaves it alone until then.
    """
    pulumi.info(f"data: {content.label} ({content.reason})")
    for notice in content.backup.notices if content.backup else ():
        pulumi.info(notice)
    return pulumi.Output.from_input(_look_and_tell(settings, content, finding))


async def _look_and_tell(settings: Settings, content: Content, finding: Future[Server]) -> str:
    try:
        server = await asyncio.wrap_future(finding)
        head_start.begin(server, settings, content)
        status = await asyncio.to_thread(read_status, server, settings, content)
    except VpdbError:
        return ""
    if warning := describe_bulk_mode(status.bulk_mode, settings):
        pulumi.warn(warning)
    for line in warnings(status, settings):
        pulumi.warn(line)
    for line in remarks(status):
        pulumi.info(line)
    return bulk.interrupted(status.bulk_mode, settings)


def refuse_taken_port(settings: Settings) -> None:
    """Refuse a port that another program has, before any resource is touched.

    Docker would say so too, but only once the stack's old container is gone.
    """
    container = docker.inspect_container(settings.container)
    if (
        container
        and container.is_running
        and container.ports.get(PORT, ("", 0))[1] == settings.port
    ):
        return
    port = look_at_port(settings.port, settings.address, settings.container)
    if port.holder and not port.ours:
        from toolchain.stacks import with_port  # for this answer alone

        raise VpdbError(
            f"failed to publish port {settings.port}: it is taken by {port.holder}. Stop that, or"
            f" take the next free one: {with_port(settings.stack, port.next_free)}"
        )


def describe_bulk_mode(mode: bulk.BulkMode | None, settings: Settings) -> str:
    """Word what is wrong with bulk mode, if anything: left on by a killed release, or for long."""
    if name := bulk.interrupted(mode, settings):
        return f"release {name} was interrupted and left bulk mode on: `pulumi up` switches it off"
    return bulk.overdue(mode, settings)


def warnings(status: Status, settings: Settings) -> list[str]:
    """Word what a reload would put aside or, with no room for kept databases, lose."""
    changed = status.changes
    # The empty database of the image's first start was made by no load, and holds nothing to keep.
    is_untouched = not changed or (changed.unknown and not changed.tables)
    if not status.is_stale or is_untouched:
        return []
    changes = changed.describe()
    if not settings.kept_databases:
        return [
            f"local changes will be LOST, for keptDatabases is 0: {changes}."
            " `pulumi config set keptDatabases 3` keeps them"
        ]
    return [
        f"local changes will be kept as {settings.database}_kept_<date>, and"
        f" `python -m vpdb undo` swaps them back: {changes}"
    ]


def remarks(status: Status) -> list[str]:
    """Name what only lives on the volume, and so ends with it."""
    names = [database.name for database in (*status.kept, *status.snapshots)]
    if not names:
        return []
    return [f"kept on the volume, and lost if it is replaced: {', '.join(names)}"]
