"""Data volumes in memory, for tests that make and drop databases by the hundred.

Each database is some 300 files; on a disk that discards what is deleted, making and dropping them
is most of such a test's time. What only a disk shows (a full one, a volume that is removed) is
tested on volumes of its own.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from vpdb import docker

DATA = "/var/lib/postgresql/data"
# The image lets 2 GB of write-ahead log gather.
_SIZE = "size=3g"
# A smaller engine needs its memory for itself; in bytes.
_LEAST_MEMORY = 7 * 10**9


def make_volume(name: str, image: str, *, size: str = _SIZE, always: bool = False) -> None:
    """Make a volume in memory where the engine has plenty, else leave it to the engine's own.

    A second container, of the same name, keeps it mounted while the server's own is stopped, and
    gives it the owner that the image wants.
    """
    if not always and _engine_memory() < _LEAST_MEMORY:
        return
    options = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", f"o={size}")
    docker.run("volume", "create", *options, name)
    docker.run(
        *("run", "--detach", "--name", name, "--volume", f"{name}:{DATA}"),
        *("--entrypoint", "sleep", image, "infinity"),
    )


def remove_volume(name: str) -> None:
    """Take away a volume, and the container that keeps it mounted if it has one."""
    with suppress(docker.DockerFailed):  # some engines take it for a failure that there is none
        docker.run("rm", "--force", name)
    docker.run("volume", "rm", "--force", name)


@cache
def _engine_memory() -> int:
    return int(docker.run("info", "--format", "{{.MemTotal}}"))
