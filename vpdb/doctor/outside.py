"""Judgements on what lies around the database: Docker, Pulumi, port, container, volume, disk."""

from __future__ import annotations

from pgseed import units
from toolchain.stacks import with_port
from vpdb.doctor.facts import Box, Facts, StackLock
from vpdb.doctor.finding import Finding, note, ok, skipped, trouble, unreachable, warning

UP = "Run `python3 bootstrap.py up`"

# Below these the next reload is in danger; a reload needs the data once more beside itself.
_SCARCE_BYTES, _SCARCE_SHARE = 1 << 30, 0.10
# Below these PostgreSQL itself is: a segment of its log takes 16 MB.
_NONE_BYTES, _NONE_SHARE = 64 << 20, 0.01


def engine(facts: Facts) -> Finding:
    """Is there a Docker engine, on this machine, and does it answer?"""
    docker = facts.engine
    if not docker.installed:
        return unreachable(
            "there is no docker command on PATH",
            "Install Docker Engine, Docker Desktop or colima",
        )
    if docker.error:
        start = "Start it: `sudo systemctl start docker`, Docker Desktop, or `colima start`"
        if "permission denied" in docker.error:
            start = "Join its group: `sudo usermod -aG docker $USER`, and log in anew"
        return unreachable(f"Docker does not answer: {docker.error}", start)
    if not docker.local:
        return trouble(
            f"the engine at {docker.address} is on another machine",
            "Run `docker context use default` and unset DOCKER_HOST",
        )
    return ok(
        f"engine {docker.server}, client {docker.client}, at {docker.address}",
    )


def tools(facts: Facts) -> Finding:
    """Are the Pulumi CLI, its plugins and the Python packages the ones this checkout asks for?"""
    found = facts.tools
    troubles = [
        f"{name} {found.packages.get(name) or 'missing'} instead of {version}"
        for name, version in found.packages_wanted.items()
        if found.packages.get(name) != version
    ]
    troubles += [
        f"plugin {name} {', '.join(found.plugins.get(name, ())) or 'missing'} instead of {version}"
        for name, version in found.plugins_wanted.items()
        if version not in found.plugins.get(name, ())
    ]
    if not found.pulumi:
        troubles.insert(0, "there is no pulumi command on PATH")
    if troubles:
        remedy = f"{UP}; `python3 bootstrap.py env` prints what plain `pulumi` needs"
        return warning("; ".join(troubles), remedy)
    plugins = ", ".join(f"{name} {version}" for name, version in found.plugins_wanted.items())
    return ok(f"CLI {found.pulumi}, plugins {plugins}")


def interrupted_up(facts: Facts) -> Finding:
    """Did a killed `pulumi up` leave operations or a lock behind?"""
    state = facts.state
    if state.error:
        return skipped(state.error)
    dead = [lock for lock in state.locks if lock.alive is False]
    if dead:
        return trouble(
            f"`pulumi up` was killed and left its lock ({_locks(dead)})"
            + (f" while {_listed(state.pending)}" if state.pending else ""),
            f"{UP}, or `pulumi cancel` and `pulumi up --refresh`",
            "clear_locks",
        )
    if state.locks:
        return note(f"a pulumi command is at work ({_locks(state.locks)})")
    if state.pending:
        return trouble(
            f"`pulumi up` was interrupted while {_listed(state.pending)}",
            f"{UP}, or `pulumi up --refresh`",
        )
    if not state.exists:
        return note(f"stack {facts.settings.stack} was never brought up here", UP)
    return ok("finished, no lock left")


def port(facts: Facts) -> Finding:
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
    box = facts.box
    if box and box.status == "running" and box.published_port not in (0, found.number):
        return warning(
            f"the container answers on {box.published_port}, the settings say {found.number}",
            "Run `pulumi up`",
        )
    return ok(where if found.ours else f"{where} is free")


def container(facts: Facts) -> Finding:
    """Is the container there, running, healthy, of the current image?"""
    box = facts.box
    name = facts.settings.container
    if box is None:
        return _skipped(facts)
    if not box.exists:
        if not facts.state.exists and not facts.state.error:
            return unreachable(f"{name} was never created", UP)
        kept = "; its data is still in the volume" if facts.volume_exists else ""
        return unreachable(
            f"{name} is gone{kept}",
            f"{UP}, or `pulumi up --refresh`",
        )
    if box.status != "running":
        return _stopped(box, name)
    if box.health == "unhealthy":
        return warning(
            f"{name} runs but does not feel well{_words(box)}",
            "Run `python -m vpdb logs -n 50`",
        )
    if box.image_current is False:
        return note(
            f"{name} runs on an older image than postgres/ gives",
            "Run `pulumi up`",
        )
    return ok(f"{name} runs")


def _stopped(box: Box, name: str) -> Finding:
    if box.status == "paused":
        return unreachable(
            f"{name} is paused",
            f"Run `docker unpause {name}`",
            "start_container",
        )
    reason = "out of memory" if box.out_of_memory else f"exit code {box.exit_code}"
    if box.exit_code == 137 and not box.out_of_memory:
        reason = "killed"
    if box.exit_code == 0:
        reason = "stopped"
    return unreachable(
        f"{name} does not run ({reason}){_words(box)}",
        f"{UP} (the data is kept)",
        "start_container",
    )


def volume(facts: Facts) -> Finding:
    """Is the volume with the data there?"""
    name = facts.settings.volume
    if facts.volume_exists is None:
        return _skipped(facts)
    if facts.volume_exists:
        return ok(name)
    if facts.box and facts.box.exists and facts.box.volume not in ("", name):
        return warning(
            f"the container's data is in {facts.box.volume}, not {name}",
            "Run `pulumi up --refresh`",
        )
    if not facts.state.exists and not facts.state.error:
        return note(f"{name} was never created", UP)
    return trouble(
        f"{name} is gone, and the data in it",
        f"{UP}, or `pulumi up --refresh`: both make a new one and load the backup",
    )


def disk(facts: Facts) -> Finding:
    """Is there room for the server to go on, and for a reload beside the live database?"""
    room = facts.disk
    spots = [
        (place, free, total)
        for place, free, total in (
            ("the data volume", room.data_free, room.data_total),
            ("backups/", room.backups_free, room.backups_total),
        )
        if free is not None and total
    ]
    full_words = "no space left" in (facts.box.last_words.lower() if facts.box else "")
    if not spots and not full_words:
        return _skipped(facts)
    free_space = "Run `python -m vpdb prune`, or free space: `docker system df` says where it went"
    for place, free, total in spots:
        if free < _NONE_BYTES or free < _NONE_SHARE * total:
            return trouble(
                f"the disk of {place} is full: {units.size(free)} free",
                free_space,
            )
    if full_words and facts.box and facts.box.status != "running":
        return trouble("the server stopped because the disk was full", free_space)
    for place, free, total in spots:
        if free < _SCARCE_BYTES or free < _SCARCE_SHARE * total:
            return warning(
                f"{units.size(free)} of {units.size(total)} free for {place}",
                free_space,
            )
    return ok(", ".join(f"{units.size(free)} free for {p}" for p, free, _ in spots))


def _skipped(facts: Facts) -> Finding:
    reason = (
        "Docker does not answer"
        if facts.engine.error or not facts.engine.installed
        else "the container does not run"
    )
    return skipped(reason)


def _words(box: Box) -> str:
    return f", its last words: {box.last_words}" if box.last_words else ""


def _locks(locks: list[StackLock] | tuple[StackLock, ...]) -> str:
    return ", ".join(f"process {lock.pid} of {lock.holder}" for lock in locks)


def _listed(operations: tuple[str, ...]) -> str:
    shown = ", ".join(operations[:3])
    return shown + (f" and {len(operations) - 3} more" if len(operations) > 3 else "")
