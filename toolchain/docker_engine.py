"""A Docker engine on this machine: found, started, or installed where bootstrap may do that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from toolchain import apt
from toolchain.console import SetupFailed, answer, last_line, say

_START_SECONDS = 60
_DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
# What an engine's address begins with when the engine runs on this machine.
_LOCAL_SCHEMES = ("unix://", "npipe://", "fd://")


def ensure(logs: Path) -> None:
    """See that a local engine answers. Raises SetupFailed with what to do."""
    if not shutil.which("docker"):
        if not apt.can_install():
            raise SetupFailed(f"failed to find Docker: no docker command on PATH. {_how_to_get()}")
        _install(logs)
    refuse_remote()
    trouble = _trouble()
    if not trouble:
        return
    if "permission denied" in trouble.lower():
        raise SetupFailed(
            "failed to reach the Docker engine: this user may not use its socket."
            " Run `sudo usermod -aG docker $USER`, then log in anew"
        )
    if _is_ours_to_start() and not shutil.which("dockerd") and apt.can_install():
        _install(logs)  # the docker command is there alone, a client without an engine
    if not _is_ours_to_start() or not shutil.which("dockerd"):
        raise SetupFailed(
            f"failed to reach the Docker engine: {trouble}. Start it"
            " (Docker Desktop, `colima start` or `sudo systemctl start docker`)"
        )
    _start(logs)


def _install(logs: Path) -> None:
    # iptables: dockerd needs it for published ports, and Debian only recommends it.
    apt.install(["docker.io", "iptables"], why="a Docker engine", logs=logs)


def refuse_remote() -> None:
    """Refuse an engine on another machine: the database would be published there."""
    address = _endpoint()
    if address and not is_local(address):
        raise SetupFailed(
            f"failed to use the Docker engine at {address}: it is on another machine, and only a"
            " local one is supported. Run `docker context use default` and unset DOCKER_HOST"
        )


def _endpoint() -> str:
    """Return the address of the engine that the active context means, "" where it is not told."""
    asked = answer(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return asked.stdout.strip() if asked.returncode == 0 else ""


def is_local(address: str) -> bool:
    """Return whether an engine's address is a socket of this machine."""
    return address.startswith(_LOCAL_SCHEMES)


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Look at a container, volume or image; None when the engine has none of that name."""
    asked = answer(["docker", kind, "inspect", name])
    if asked.returncode == 0:
        found: dict[str, Any] = json.loads(asked.stdout)[0]
        return found
    if "no such" in asked.stderr.lower():
        return None
    raise SetupFailed(
        f"failed to look at {kind} {name}: {last_line(asked.stderr)}. See `docker info`"
    )


def _trouble() -> str:
    """Return what is wrong with the engine, empty when it answers."""
    asked = answer(["docker", "version", "--format", "{{.Server.Version}}"], timeout_s=20)
    question = "Is the docker daemon running?"
    return "" if asked.returncode == 0 else last_line(asked.stderr.replace(question, ""))


def _is_ours_to_start() -> bool:
    """Return whether the silent engine is the system's own, and we are root."""
    is_default = not os.environ.get("DOCKER_HOST") and _endpoint() in ("", _DEFAULT_ENDPOINT)
    return sys.platform == "linux" and is_default and os.geteuid() == 0


def has_systemd() -> bool:
    """Return whether systemd runs this machine's services."""
    return Path("/run/systemd/system").is_dir()


def _start(logs: Path) -> None:
    log = logs / "dockerd.log"
    say("starting the Docker engine (usually 5 s)")
    if has_systemd():
        answer(["systemctl", "start", "docker"], timeout_s=_START_SECONDS)
    else:
        start_by_hand(log)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not _trouble():
            return
        time.sleep(0.3)
    said = last_line(log.read_text(errors="replace")) if log.exists() else _trouble()
    raise SetupFailed(
        f"failed to start the Docker engine: {said}. Start it yourself; its log is {log}"
    )


def start_by_hand(log: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start dockerd so that it outlives this process and its terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            ["dockerd", *flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _how_to_get() -> str:
    if sys.platform == "darwin":
        return "Install Docker Desktop, or colima and docker with Homebrew"
    if apt.is_debian():
        return "Install it: sudo apt-get install docker.io"
    return "Install Docker (https://docs.docker.com/engine/install)"
