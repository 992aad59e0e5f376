"""A stack's server: found through Docker, proved by its mark."""

from __future__ import annotations

import json
import socket
import struct
import time

from pgseed.errors import ServerUnreachable
from pgseed.server import MAINTENANCE_DATABASE, first_line
from vpdb import docker
from vpdb.errors import GuardRefused
from vpdb.server.docker_server import PORT, DockerServer
from vpdb.server.server_probe import Sighting, read_mark_file

# An address of this machine takes a connection at once, or there is nobody; a busy server needs a
# moment for a word. In seconds.
_CONNECT_S = 0.1
_ANSWER_S = 1.0


def find_server(
    container: str, stack: str, *, timeout_s: float = 30, seen: Sighting | None = None
) -> DockerServer:
    """Wait until a stack's server answers, and prove by its mark that the stack created it.

    `seen` is what somebody has just looked at. Raises ServerUnreachable when it stays silent for
    `timeout_s`, GuardRefused when the cluster has no mark or another stack's.
    """
    end = time.monotonic() + timeout_s
    silence = "no answer"
    while True:
        seen = seen or _looked(container)
        found = seen.container
        if found is None:
            raise ServerUnreachable(
                f"failed to find container {container}: there is none. Run `pulumi up --refresh`"
            )
        if found.is_running and PORT in found.ports:
            server = _server_of(found, seen.mark, stack)
            if server is not None:
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


def _server_of(found: docker.Container, text: str, stack: str) -> DockerServer | None:
    """Judge a container's mark; None while its first start has not written one."""
    # While the image's first start writes the mark, the server answers on its socket only.
    if not text and _listens(found):
        text = read_mark_file(found)
        if not text:
            raise GuardRefused(
                f"failed to use the server in container {found.name}: it has no mark, so no stack"
                " created it. Name another stack, or move that container and its volume away"
            )
    if not text:
        return None
    mark = read_mark(text, found.name, stack)
    host, port = _published(found)
    return DockerServer(found.name, stack, host, port, mark["admin_password"])


def _looked(container: str) -> Sighting:
    """Look at a container, at its mark only where the server listens.

    Before, nobody could connect, and reading a file costs the engine as much as a process: many
    times a second it would slow the first start down that is waited for.
    """
    found = docker.inspect_container(container)
    listens = found is not None and found.is_running and PORT in found.ports and _listens(found)
    return Sighting(found, read_mark_file(found) if found and listens else "")


def _listens(found: docker.Container) -> bool:
    """Tell whether PostgreSQL answers in a container, whoever may log in to it."""
    host, port = _published(found)
    # The published port of a container whose server does not listen takes and ends connections, so
    # it is asked for what only PostgreSQL answers: "SSLRequest" (protocol, section 53.7).
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as knock:
            knock.settimeout(_CONNECT_S)
            knock.connect((host, port))
            knock.settimeout(_ANSWER_S)
            knock.sendall(struct.pack("!ii", 8, 80877103))
            return knock.recv(1) in (b"S", b"N")
    except OSError:
        return False


def _published(found: docker.Container) -> tuple[str, int]:
    address, port = found.ports[PORT]
    return address if address not in ("", "0.0.0.0", "::") else "127.0.0.1", port


def read_mark(text: str, container: str, stack: str) -> dict[str, str]:
    """Judge a mark (JSON); GuardRefused unless it is this stack's."""
    mark: dict[str, str] = json.loads(text)
    if mark["stack"] != stack:
        raise GuardRefused(
            f"failed to use the server in container {container}: stack {mark['stack']} created"
            f" it, not {stack}. Run the command with `--stack {mark['stack']}`"
        )
    return mark
