"""The docker provider, pointed at the engine that the docker CLI talks to."""

from __future__ import annotations

import pulumi_docker as docker

from vpdb.docker import active_endpoint


def local_engine() -> docker.Provider:
    """Give the provider the active docker context's host.

    The provider itself ignores contexts (colima, Docker Desktop). Raises GuardRefused for a remote
    one: the database would be published on another machine.
    """
    return docker.Provider("docker", host=active_endpoint())
