"""Who listens on the stack's port."""

from __future__ import annotations

from collections.abc import Collection

from toolchain.ports import holder, is_free, next_free, publishers
from vpdb.doctor.facts import Port


def look_at_port(number: int, address: str, container: str, promised: Collection[int] = ()) -> Port:
    """Find out whether a port is free, the stack's own, or somebody else's.

    `promised` are ports that other stacks have put down for themselves: none to take instead.
    """
    if is_free(number, address):
        return Port(number, address)
    if container in publishers(number):
        return Port(number, address, f"container {container}", ours=True)
    other = next_free(number + 1, promised, address)
    return Port(number, address, holder(number), next_free=other)
