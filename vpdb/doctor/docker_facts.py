"""What Docker says: engine, container, volume, disk."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from pgseed.errors import SeedError
from vpdb import docker, image
from vpdb.config import Settings
from vpdb.doctor.facts import Box, Disk, Engine
from vpdb.errors import GuardRefused

_CLUSTER_DIRECTORY = "/var/lib/postgresql/data"
# Words by which a line of PostgreSQL's or the image's log names a cause.
_CAUSES = ("panic:", "fatal:", "no space left", "initdb: error", "error: database is")
_NOT_A_CAUSE = ("the database system is", "terminating connection due to administrator")


def look_at_engine() -> Engine:
    """Ask the docker CLI for itself and its engine."""
    if not docker.is_installed():
        return Engine(installed=False)
    try:
        address = docker.active_endpoint()
    except GuardRefused:
        host = os.environ.get("DOCKER_HOST", "of the active context")
        return Engine(installed=True, address=host, local=False)
    except SeedError as error:
        return Engine(installed=True, error=_reason(error))
    try:
        answer = docker.run("version", "--format", "{{json .}}", timeout_s=10)
    except SeedError as error:
        return Engine(installed=True, error=_reason(error), address=address)
    versions: dict[str, Any] = json.loads(answer)
    return Engine(
        installed=True,
        client=versions["Client"]["Version"],
        server=versions["Server"]["Version"],
        address=address,
    )


def look_at_container(settings: Settings) -> Box:
    """Inspect the stack's container; raises SeedError where Docker gives no answer."""
    name = settings.container
    try:
        document = json.loads(docker.run("container", "inspect", name, timeout_s=15))[0]
    except docker.DockerFailed as error:
        if "no such container" in error.stderr.lower():
            return Box(exists=False)
        raise
    state = document["State"]
    container = docker.Container.from_inspect(document)
    mounts = [m for m in document.get("Mounts") or [] if m["Destination"] == _CLUSTER_DIRECTORY]
    ports = list(container.ports.values())
    health = (state.get("Health") or {}).get("Status", "")
    troubled = state["Status"] != "running" or health == "unhealthy"
    return Box(
        exists=True,
        status=state["Status"],
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=document.get("RestartCount", 0),
        health=health,
        image_current=_image_current(settings, document["Image"]),
        published_port=ports[0][1] if ports else 0,
        last_words=last_words(docker.logs(name, lines=40)) if troubled else "",
        volume=mounts[0].get("Name", "") if mounts else "",
    )


def volume_exists(name: str) -> bool:
    """Whether Docker has a volume of this name."""
    try:
        docker.run("volume", "inspect", name, timeout_s=15)
    except docker.DockerFailed as error:
        if "no such volume" in error.stderr.lower():
            return False
        raise
    return True


def look_at_disk(settings: Settings, *, running: bool) -> Disk:
    """Ask for the room left, in the container's data directory and in backups/."""
    data: tuple[int, int] | tuple[None, None] = (None, None)
    if running:
        try:
            answer = docker.execute(
                settings.container, ["df", "-B1", "--output=avail,size", _CLUSTER_DIRECTORY]
            )
            free, total = answer.split()[-2:]
            data = int(free), int(total)
        except (SeedError, ValueError):
            data = (None, None)
    folder = settings.backup.parent
    usage = shutil.disk_usage(folder if folder.is_dir() else settings.project_dir)
    return Disk(data[0], data[1], usage.free, usage.total)


def last_words(log: str) -> str:
    """Find the line of a log that says why a server ended; "" when none does."""
    for line in reversed(log.splitlines()):
        low = line.lower()
        if any(c in low for c in _CAUSES) and not any(words in low for words in _NOT_A_CAUSE):
            start = min(low.find(c) for c in _CAUSES if c in low)
            return " ".join(line[start:].split())[:160]
    return ""


def _image_current(settings: Settings, image_id: str) -> bool | None:
    context = settings.project_dir / "postgres"
    if not Path(context / "Dockerfile").is_file():
        return None
    tag = image.content_tag(context, base_image=settings.base_image)
    try:
        current = docker.run("image", "inspect", "--format", "{{.Id}}", tag, timeout_s=15)
    except SeedError:
        return False
    return current.decode().strip() == image_id


def _reason(error: SeedError) -> str:
    """The cause alone of `failed to <do>: <cause>. <what to do>`."""
    text = str(error).partition(": ")[2] or str(error)
    return text.rpartition(". ")[0] or text
