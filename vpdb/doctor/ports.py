"""Who listens on a port of this machine."""

from __future__ import annotations

import socket

from toolchain.ports import holder
from vpdb import docker
from vpdb.doctor.facts import Port
from vpdb.errors import VpdbError

_NEXT_PORTS = 200


def look_at_port(number: int, address: str, container: str) -> Port:
    """Find out whether a port is free, the stack's own, or somebody else's."""
    if is_free(number, address):
        return Port(number, address)
    names = _publishing(number)
    if container in names:
        return Port(number, address, f"container {container}", ours=True)
    return Port(number, address, holder(number), next_free=next_free(number + 1, address))


def is_free(number: int, address: str) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port whose last connections are only closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
        except OSError:
            return False
        return True


def next_free(start: int, address: str) -> int:
    """The first free port from `start` on; 0 when there is none near."""
    last = min(start + _NEXT_PORTS, 65536)
    return next((number for number in range(start, last) if is_free(number, address)), 0)


def _publishing(number: int) -> list[str]:
    try:
        answer = docker.run("ps", "--filter", f"publish={number}", "--format", "{{.Names}}")
    except VpdbError:
        return []
    return answer.decode(errors="replace").split()
