"""The docker provider, pointed at the engine that the docker CLI talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpdb.docker import active_endpoint

if TYPE_CHECKING:
    import pulumi_docker as docker


def local_engine() -> docker.Provider:
    """Give the provider the active docker context's host.

    The provider itself ignores contexts (colima, Docker Desktop). Raises GuardRefused for a remote
    one: the database would be published on another machine.
    """
    # Takes 0.2 s, in which the server, if it runs, has already been found: see head_start.
    import pulumi_docker as docker

    return docker.Provider("docker", host=active_endpoint())
