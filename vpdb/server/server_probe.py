"""What Docker says of a stack's server before anybody connects to it, its mark among it.

The mark is a file in the cluster's data directory (postgres/mark-server.sh writes it): the stack
that created the cluster, and the password of its administrator role.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vpdb import docker

# In the data directory, which the image names by this variable.
MARK_FILE = "vpdb-server.json"
_DATA_DIRECTORY = "PGDATA"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A container, None where there is none, and its cluster's mark (JSON), empty without one."""

    container: docker.Container | None
    mark: str = field(default="", repr=False)


def sight(container: str) -> Sighting:
    """Look at a container and, where it runs, at its mark; nobody is waited for.

    Raises GuardRefused where the engine is on another machine: nothing there is even looked at.
    """
    docker.active_endpoint()
    found = docker.inspect_container(container)
    return Sighting(found, read_mark_file(found) if found and found.is_running else "")


def read_mark_file(found: docker.Container) -> str:
    """Give the text of a cluster's mark, empty while there is none."""
    folder = found.environment.get(_DATA_DIRECTORY)
    content = docker.read_file(found.name, f"{folder}/{MARK_FILE}") if folder else None
    return (content or b"").decode()
