"""A real server for tests: a container of this project's image, with the mark, on a free port."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pgseed.errors import ServerUnreachable
from tests.support import memory
from vpdb import docker, image
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.settings import Settings, load_settings

CHECKOUT = Path(__file__).resolve().parents[2]
REAL_BACKUP = CHECKOUT / "backups" / "production_backup_data_only.sql"
PASSWORD = 'a-test\'s "password"'


def image_tag() -> str:
    """Give the image to test: VELPHARMA_TEST_IMAGE, or this checkout's own, built if need be."""
    given = os.environ.get("VELPHARMA_TEST_IMAGE")
    if given:
        return given
    base = load_settings(CHECKOUT, "dev").base_image
    tag = image.content_tag(CHECKOUT / "postgres", base_image=base)
    image.ensure_built(tag, CHECKOUT / "postgres", base_image=base)
    return tag


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_server(
    *,
    prefix: str = "vpdb-test",
    environment: Mapping[str, str] | None = None,
    volume: str | None = None,
) -> Iterator[DockerServer]:
    """Run a container of the image, and remove it afterwards, exactly by name.

    So is its volume, in memory where there is plenty, unless the caller brings one of its own.
    """
    stack = f"t{secrets.token_hex(4)}"
    name = f"{prefix}-{stack}"
    variables = {
        "VELPHARMA_STACK": stack,
        "POSTGRES_PASSWORD": PASSWORD,
        **(environment or {}),
    }
    flags = [part for k, v in variables.items() for part in ("--env", f"{k}={v}")]
    data = volume or f"{name}-data"
    try:
        if volume is None:
            memory.make_volume(data, image_tag())
        docker.run(
            "run",
            "--detach",
            *("--name", name),
            *("--publish", f"127.0.0.1:{free_port()}:5432"),
            *("--volume", f"{data}:{memory.DATA}"),
            *flags,
            image_tag(),
        )
        yield find_server(name, stack, timeout_s=60)
    finally:
        docker.run("rm", "--force", name)
        if volume is None:
            memory.remove_volume(data)


def wait_for(server: DockerServer, deadline_s: float = 60) -> None:
    """Return once a server takes connections; ServerUnreachable after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            server.connect("postgres", timeout_s=2).close()
        except ServerUnreachable:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def settings_for(server: DockerServer, project_dir: Path, **changes: object) -> Settings:
    """Give a stack's settings for a server of tests, with single values changed."""
    values: dict[str, object] = {"port": server.port, **changes}
    defaults = _defaults(project_dir)
    return Settings.from_values(
        project_dir, server.container.rpartition("-")[0], server.stack, values, defaults
    )


def _defaults(project_dir: Path) -> dict[str, object]:
    from vpdb.settings import project_defaults

    return project_defaults(project_dir)[1]
