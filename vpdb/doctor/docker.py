"""Docker: the engine, and the stack's port, container, volume and disk."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from typing import Any

from pgseed import units
from pgseed.errors import SeedError
from toolchain.stacks import with_port
from vpdb import docker, image
from vpdb.doctor.facts import ContainerState, Disk, Engine, Facts
from vpdb.doctor.finding import UP, Finding, note, ok, skipped, trouble, unreachable, warning
from vpdb.errors import GuardRefused
from vpdb.settings import Settings

_CLUSTER_DIRECTORY = "/var/lib/postgresql/data"
# Words by which a line of PostgreSQL's or the image's log names a cause.
_CAUSES = ("panic:", "fatal:", "no space left", "initdb: error", "error: database is")
_NOT_A_CAUSE = ("the database system is", "terminating connection due to administrator")
# Below these the next reload is in danger; a reload needs the data once more beside itself.
_SCARCE_BYTES, _SCARCE_SHARE = 1 << 30, 0.10
# Below these PostgreSQL itself is: a segment of its log takes 16 MB.
_NONE_BYTES, _NONE_SHARE = 64 << 20, 0.01


def look_at_engine() -> Engine:
    if not shutil.which("docker"):
        return Engine(installed=False)
    address = ""
    try:
        address = docker.active_endpoint()
        answer = docker.run("version", "--format", "{{json .}}", timeout_s=10)
    except GuardRefused:
        host = os.environ.get("DOCKER_HOST", "of the active context")
        return Engine(installed=True, address=host, local=False)
    except SeedError as error:
        return Engine(installed=True, error=_reason(error), address=address)
    versions: dict[str, Any] = json.loads(answer)
    return Engine(
        installed=True,
        client=versions["Client"]["Version"],
        server=versions["Server"]["Version"],
        address=address,
    )


def look_at_container(settings: Settings) -> ContainerState:
    """Inspect the stack's container; raises SeedError where Docker gives no answer."""
    found = docker.inspect("container", settings.container)
    if found is None:
        return ContainerState(exists=False)
    state = found["State"]
    volumes = [m for m in found.get("Mounts") or [] if m["Destination"] == _CLUSTER_DIRECTORY]
    ports = docker.Container.from_inspect(found).ports.values()
    health = (state.get("Health") or {}).get("Status", "")
    troubled = state["Status"] != "running" or health == "unhealthy"
    return ContainerState(
        exists=True,
        status=state["Status"],
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
        health=health,
        image_current=_image_current(settings, found["Image"]),
        published_port=next((port for _, port in ports), 0),
        last_words=last_words(docker.logs(settings.container, lines=40)) if troubled else "",
        volume=volumes[0].get("Name", "") if volumes else "",
    )


def look_at_disk(settings: Settings, *, running: bool) -> Disk:
    """Ask for the room left, in the container's data directory and in backups/."""
    data_free = data_total = None
    if running:
        command = ["df", "-B1", "--output=avail,size", _CLUSTER_DIRECTORY]
        with suppress(SeedError, ValueError):
            data_free, data_total = map(
                int, docker.execute(settings.container, command).split()[-2:]
            )
    folder = settings.backup.parent
    usage = shutil.disk_usage(folder if folder.is_dir() else settings.project_dir)
    return Disk(data_free, data_total, usage.free, usage.total)


def last_words(log: str) -> str:
    """Find the line of a log that says why a server ended; "" when none does."""
    for line in reversed(log.splitlines()):
        low = line.lower()
        if any(c in low for c in _CAUSES) and not any(words in low for words in _NOT_A_CAUSE):
            start = min(low.find(c) for c in _CAUSES if c in low)
            return " ".join(line[start:].split())[:160]
    return ""


def check_engine(facts: Facts) -> Finding:
    """Is there a Docker engine, on this machine, and does it answer?"""
    engine = facts.engine
    if not engine.installed:
        return unreachable(
            "there is no docker command on PATH", "Install Docker Engine, Docker Desktop or colima"
        )
    if engine.error:
        start = "Start it: `sudo systemctl start docker`, Docker Desktop, or `colima start`"
        if "permission denied" in engine.error:
            start = "Join its group: `sudo usermod -aG docker $USER`, and log in anew"
        return unreachable(f"Docker does not answer: {engine.error}", start)
    if not engine.local:
        return trouble(
            f"the engine at {engine.address} is on another machine",
            "Run `docker context use default` and unset DOCKER_HOST",
        )
    return ok(f"engine {engine.server}, client {engine.client}, at {engine.address}")


def check_port(facts: Facts) -> Finding:
    """Is the stack's port its own, or free?"""
    found = facts.port
    if found is None:
        return _skipped(facts)
    where = f"{found.address}:{found.number}"
    if found.holder and not found.ours:
        return trouble(
            f"{where} is taken by {found.holder}",
            f"Stop it, or take another port: {with_port(facts.settings.stack, found.next_free)}",
        )
    container = facts.container
    published = container.published_port if container and container.status == "running" else 0
    if published not in (0, found.number):
        return warning(
            f"the container answers on {published}, the settings say {found.number}",
            "Run `pulumi up`",
        )
    return ok(where if found.ours else f"{where} is free")


def check_container(facts: Facts) -> Finding:
    """Is the container there, running, healthy, of the current image?"""
    container = facts.container
    name = facts.settings.container
    if container is None:
        return _skipped(facts)
    if not container.exists:
        if facts.never_up:
            return unreachable(f"{name} was never created", UP)
        kept = "; its data is still in the volume" if facts.volume_exists else ""
        return unreachable(f"{name} is gone{kept}", f"{UP}, or `pulumi up --refresh`")
    if container.status != "running":
        return _stopped(container, name)
    if container.health == "unhealthy":
        return warning(
            f"{name} runs but does not feel well{_words(container)}",
            "Run `python -m vpdb logs -n 50`",
        )
    if container.image_current is False:
        return note(f"{name} runs on an older image than postgres/ gives", "Run `pulumi up`")
    return ok(f"{name} runs")


def _stopped(container: ContainerState, name: str) -> Finding:
    if container.status == "paused":
        return unreachable(f"{name} is paused", f"Run `docker unpause {name}`", "start_container")
    reasons = {0: "stopped", 137: "out of memory" if container.out_of_memory else "killed"}
    reason = reasons.get(container.exit_code, f"exit code {container.exit_code}")
    return unreachable(
        f"{name} does not run ({reason}){_words(container)}",
        f"{UP} (the data is kept)",
        "start_container",
    )


def check_volume(facts: Facts) -> Finding:
    name = facts.settings.volume
    if facts.volume_exists is None:
        return _skipped(facts)
    if facts.volume_exists:
        return ok(name)
    if facts.container and facts.container.exists and facts.container.volume not in ("", name):
        return warning(
            f"the container's data is in {facts.container.volume}, not {name}",
            "Run `pulumi up --refresh`",
        )
    if facts.never_up:
        return note(f"{name} was never created", UP)
    return trouble(
        f"{name} is gone, and the data in it",
        f"{UP}, or `pulumi up --refresh`: both make a new one and load the backup",
    )


def check_disk(facts: Facts) -> Finding:
    """Is there room for the server to go on, and for a reload beside the live database?"""
    room = facts.disk
    places = [
        ("the data volume", room.data_free, room.data_total),
        ("backups/", room.backups_free, room.backups_total),
    ]
    spots = [(place, free, total) for place, free, total in places if free is not None and total]
    full_words = "no space left" in (facts.container.last_words.lower() if facts.container else "")
    if not spots and not full_words:
        return _skipped(facts)
    free_space = "Run `python -m vpdb prune`, or free space: `docker system df` says where it went"
    for place, free, total in spots:
        if free < _NONE_BYTES or free < _NONE_SHARE * total:
            return trouble(f"the disk of {place} is full: {units.size(free)} free", free_space)
    if full_words and facts.container and facts.container.status != "running":
        return trouble("the server stopped because the disk was full", free_space)
    for place, free, total in spots:
        if free < _SCARCE_BYTES or free < _SCARCE_SHARE * total:
            return warning(
                f"{units.size(free)} of {units.size(total)} free for {place}", free_space
            )
    return ok(", ".join(f"{units.size(free)} free for {p}" for p, free, _ in spots))


def _skipped(facts: Facts) -> Finding:
    silent = facts.engine.error or not facts.engine.installed
    return skipped("Docker does not answer" if silent else "the container does not run")


def _words(container: ContainerState) -> str:
    return f", its last words: {container.last_words}" if container.last_words else ""


def _image_current(settings: Settings, image_id: str) -> bool | None:
    context = settings.project_dir / "postgres"
    if not (context / "Dockerfile").is_file():
        return None
    found = docker.inspect("image", image.content_tag(context, base_image=settings.base_image))
    return found is not None and found["Id"] == image_id


def _reason(error: SeedError) -> str:
    """Take the cause out of `failed to <do>: <cause>. <what to do>`."""
    text = str(error).partition(": ")[2] or str(error)
    return text.rpartition(". ")[0] or text
