"""A stack's server: found through Docker, proved by its mark."""

from __future__ import annotations

import json
import socket
import sys
import time
from dataclasses import replace

import psycopg2

from vpdb import docker
from vpdb.database.server import (
    ADMIN_ROLE,
    MAINTENANCE_DATABASE,
    PORT,
    Server,
    first_line,
)
from vpdb.database.sighting import Sighting, read_mark_file, sight
from vpdb.errors import GuardRefused, ServerUnreachable


def find_server(
    container: str, stack: str, *, timeout_s: float = 30, seen: Sighting | None = None
) -> Server:
    """Wait until a stack's server answers, and prove by its mark that the stack created it.

    `seen` is what somebody has just looked at.

    Raises ServerUnreachable when it stays silent for `timeout_s`, GuardRefused when the cluster
    has no mark or another stack's.
    """
    end = time.monotonic() + timeout_s
    silence = "no answer"
    while True:
        seen = seen or sight(container)
        found = seen.container
        if found is None:
            raise ServerUnreachable(
                f"failed to find container {container}: there is none. Run `pulumi up --refresh`"
            )
        if found.is_running and PORT in found.ports:
            server = _server_of(found, seen.mark, stack)
            if server is not None:
                near = _past_the_proxy(server, found.network_address)
                if near is not None:
                    return near
                try:
                    server.connect(MAINTENANCE_DATABASE, timeout_s=2).close()
                except ServerUnreachable as error:
                    silence = first_line(error.__cause__ or error)
                else:
                    return server
        elif found.status in ("exited", "dead", "paused"):
            raise ServerUnreachable(
                f"failed to reach container {container}: it is {found.state}."
                f" Run `docker {'unpause' if found.status == 'paused' else 'start'} {container}`"
            )
        if time.monotonic() > end:
            raise ServerUnreachable(
                f"failed to reach PostgreSQL in container {container}: {silence} for"
                f" {timeout_s:.0f} s. Look at its log: docker logs {container}"
            )
        time.sleep(0.05)
        seen = None


def _server_of(found: docker.Container, text: str, stack: str) -> Server | None:
    """Read a container's mark; None while its first start has not written one."""
    address, port = found.ports[PORT]
    host = address if address not in ("", "0.0.0.0", "::") else "127.0.0.1"
    # While the image's first start writes the mark, the server answers on its socket only.
    if not text and _takes_connections(host, port):
        text = read_mark_file(found)
        if not text:
            raise GuardRefused(
                f"failed to use the server in container {found.name}: it has no mark, so no stack"
                " created it. Name another stack, or move that container and its volume away"
            )
    if not text:
        return None
    mark = read_mark(text, found.name, stack)
    return Server(
        container=found.name,
        stack=stack,
        host=host,
        port=port,
        server_id=mark["server_id"],
        admin_password=mark["admin_password"],
    )


def _takes_connections(host: str, port: int) -> bool:
    """Tell whether a PostgreSQL server listens, whoever may log in to it."""
    try:
        psycopg2.connect(
            host=host, port=port, dbname=MAINTENANCE_DATABASE, user=ADMIN_ROLE, connect_timeout=2
        ).close()
    except psycopg2.OperationalError as error:
        # The published port of a container whose server does not listen takes and ends them.
        return "FATAL" in str(error) or "password" in str(error)
    return True


def _past_the_proxy(server: Server, address: str) -> Server | None:
    """Go to the container itself where that works: with an engine on Linux itself, not in a VM."""
    if not address or not sys.platform.startswith("linux"):
        return None
    near = replace(server, host=address, port=PORT)
    try:
        with socket.socket() as knock:
            knock.settimeout(0.1)
            knock.connect((address, PORT))
        # Behind another engine's equal address there is another server; it knows no such password.
        near.connect(MAINTENANCE_DATABASE, timeout_s=1).close()
    except (OSError, ServerUnreachable):
        return None
    return replace(server, direct=(address, PORT))


def read_mark(text: str, container: str, stack: str) -> dict[str, str]:
    """Judge a mark (JSON); GuardRefused unless it is this stack's."""
    mark: dict[str, str] = json.loads(text)
    if mark["stack"] != stack:
        raise GuardRefused(
            f"failed to use the server in container {container}: stack {mark['stack']} created"
            f" it, not {stack}. Run the command with `--stack {mark['stack']}`"
        )
    return mark
