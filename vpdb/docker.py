"""The Docker engine: the few things this project asks of it, with failures in one line.

What is only looked at is asked over the engine's socket where that can be; everything else, and
every failure, is the docker command's.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pgseed.errors import SeedError, ServerUnreachable
from vpdb import docker_socket
from vpdb.errors import GuardRefused

# What an engine's address begins with when the engine runs on this machine.
_LOCAL_SCHEMES = ("unix://", "npipe://", "fd://")


class DockerFailed(SeedError):
    """The docker command ran and failed; `stderr` and `stdout` hold what it said."""

    def __init__(self, message: str, stderr: str, stdout: str = "") -> None:
        super().__init__(message)
        self.stderr, self.stdout = stderr, stdout


@dataclass(frozen=True, slots=True)
class Container:
    """What `docker inspect` says of a container; `ports` maps its TCP ports to host addresses."""

    name: str
    status: str
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    ports: Mapping[int, tuple[str, int]]

    @property
    def is_running(self) -> bool:
        return self.status == "running"

    @property
    def state(self) -> str:
        """The status as people call it: Docker's "exited" says nothing of who ended it."""
        return "stopped" if self.status == "exited" else self.status

    @classmethod
    def from_inspect(cls, document: Mapping[str, Any]) -> Container:
        """Read one element of `docker container inspect`'s answer."""
        network = document.get("NetworkSettings") or {}
        ports = {
            int(key.removesuffix("/tcp")): (bindings[0]["HostIp"], int(bindings[0]["HostPort"]))
            for key, bindings in (network.get("Ports") or {}).items()
            if key.endswith("/tcp") and bindings
        }
        variables = [v.partition("=") for v in document["Config"].get("Env") or ()]
        return cls(
            name=document["Name"].lstrip("/"),
            status=document["State"]["Status"],
            labels=document["Config"].get("Labels") or {},
            environment={name: value for name, _, value in variables},
            ports=ports,
        )


def run(*arguments: str, stdin: bytes = b"", timeout_s: float = 60) -> bytes:
    """Run `docker …` and give its standard output.

    Raises ServerUnreachable when docker or its engine is not there, DockerFailed when the command
    itself fails. Nothing secret belongs into `arguments`: a failure names them.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise ServerUnreachable(
            "failed to run docker: no such command on PATH. Install a Docker engine and its CLI"
        ) from None
    except subprocess.TimeoutExpired:
        raise ServerUnreachable(
            f"failed to run docker {arguments[0]}: no answer within {timeout_s:.0f} s."
            " See whether the Docker engine is busy: docker info"
        ) from None
    if done.returncode:
        stderr, stdout = (text.decode(errors="replace") for text in (done.stderr, done.stdout))
        raise _failure(arguments, stderr.strip(), stdout)
    return done.stdout


def active_endpoint() -> str:
    """Return the address of the engine that the active context, or DOCKER_HOST, means.

    GuardRefused when it runs on another machine: the database would be published there.
    """
    address = docker_socket.endpoint()
    if address is None:
        answer = run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", timeout_s=10)
        address = answer.decode().strip()
    if not address.startswith(_LOCAL_SCHEMES):
        raise GuardRefused(
            f"failed to use the Docker engine at {address}: it is on another machine, and only a"
            " local one is supported. Run `docker context use default` and unset DOCKER_HOST"
        )
    return address


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Look at a container, image or volume; None when the engine holds none of that name."""
    suffix = "" if kind == "volume" else "/json"
    asked = docker_socket.ask(f"/{kind}s/{quote(name)}{suffix}")
    if asked is not None:
        found: dict[str, Any] | None = json.loads(asked.body) if asked.found else None
        return found
    try:
        found = json.loads(run(kind, "inspect", name, timeout_s=15))[0]
    except DockerFailed as error:
        if f"no such {kind}" in error.stderr.lower():
            return None
        raise
    return found


def inspect_container(name: str) -> Container | None:
    found = inspect("container", name)
    return Container.from_inspect(found) if found else None


def volume_exists(name: str) -> bool:
    return inspect("volume", name) is not None


def execute(
    container: str, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60
) -> bytes:
    """Run a command inside a running container, fed from `stdin`; give its standard output."""
    return run("exec", "-i", container, *command, stdin=stdin, timeout_s=timeout_s)


def read_file(container: str, path: str) -> bytes | None:
    """Read a file in a container, running or not; None when there is no such file."""
    if (archive := _archive(container, path)) is None:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        member = next((m for m in tar if m.isfile()), None)
        content = tar.extractfile(member) if member else None
        return content.read() if content else None


def _archive(container: str, path: str) -> bytes | None:
    asked = docker_socket.ask(f"/containers/{quote(container)}/archive?path={quote(path)}")
    if asked is not None and asked.found:
        return asked.body
    if asked is not None and _tells_of_no_file(asked.body.decode(errors="replace")):
        return None
    try:
        return run("cp", "--follow-link", f"{container}:{path}", "-", timeout_s=15)
    except DockerFailed as error:
        if _tells_of_no_file(error.stderr):
            return None
        raise


def logs(container: str, *, lines: int = 20) -> str:
    """Return the last lines of a container's log, both streams."""
    done = subprocess.run(
        ["docker", "logs", "--tail", str(lines), container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def _failure(arguments: Sequence[str], stderr: str, stdout: str) -> SeedError:
    low = stderr.lower()
    if "cannot connect to the docker daemon" in low or "permission denied while trying" in low:
        denied = "permission denied" in low
        remedy = "Add yourself to the docker group" if denied else "Start the Docker engine"
        return ServerUnreachable(f"failed to reach the Docker engine: {_last(stderr, 1)}. {remedy}")
    shown = " ".join(arguments[:3])
    return DockerFailed(f"failed to run docker {shown}: {_last(stderr, 5)}", stderr, stdout)


def _tells_of_no_file(text: str) -> bool:
    return "could not find the file" in text.lower() or "no such file" in text.lower()


def _last(text: str, lines: int) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return " / ".join(kept).rstrip(".") or "no reason given"
