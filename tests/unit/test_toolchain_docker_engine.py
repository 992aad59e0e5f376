"""Which engine bootstrap uses, starts or installs; docker and dockerd are scripts on a PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain import apt, docker_engine
from toolchain.console import SetupFailed

# Answers as the client does: with an engine once one has been started.
DOCKER = """#!/bin/sh
case "$1" in
context) echo "${ENDPOINT:-unix:///var/run/docker.sock}" ;;
*)
    [ -e "$(dirname "$0")/running" ] && exit 0
    echo "Cannot connect to the Docker daemon" >&2
    exit 1
    ;;
esac
"""
DOCKERD = """#!/bin/sh
: > "$(dirname "$0")/running"
"""


class Machine:
    """A Debian machine for root whose PATH has only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installed: list[str] = []

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def install(self, packages: list[str], *, why: str, logs: Path) -> None:
        self.installed += packages
        self.put("docker", DOCKER)
        self.put("dockerd", DOCKERD)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("dirname", "sh"):
        (folder / tool).symlink_to(Path("/usr/bin") / tool)
    machine = Machine(folder)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(docker_engine, "has_systemd", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(apt, "can_install", lambda: True)
    monkeypatch.setattr(apt, "install", machine.install)
    return machine


def is_running(machine: Machine) -> bool:
    return (machine.folder / "running").exists()


def test_a_machine_without_docker_gets_client_and_engine(machine: Machine, tmp_path: Path) -> None:
    docker_engine.ensure(tmp_path)
    assert machine.installed == ["docker.io", "iptables"]
    assert is_running(machine)


def test_a_client_without_an_engine_gets_one(machine: Machine, tmp_path: Path) -> None:
    machine.put("docker", DOCKER)
    docker_engine.ensure(tmp_path)
    assert machine.installed == ["docker.io", "iptables"]
    assert is_running(machine)


def test_an_engine_that_is_there_is_started_and_nothing_installed(
    machine: Machine, tmp_path: Path
) -> None:
    machine.put("docker", DOCKER)
    machine.put("dockerd", DOCKERD)
    docker_engine.ensure(tmp_path)
    assert machine.installed == []
    assert is_running(machine)


def test_a_running_engine_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    machine.put("docker", DOCKER)
    machine.put("running", "")
    docker_engine.ensure(tmp_path)
    assert machine.installed == []


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("unix:///home/a/.colima/default/docker.sock", ""),
        ("unix:///home/a/engine.sock", "unix:///home/a/engine.sock"),
    ],
)
def test_another_engines_silence_installs_nothing(
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    host: str,
) -> None:
    machine.put("docker", DOCKER)
    monkeypatch.setenv("ENDPOINT", endpoint)
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(SetupFailed, match=r"failed to reach the Docker engine.*Start it"):
        docker_engine.ensure(tmp_path)
    assert machine.installed == []
    assert not is_running(machine)


def test_without_root_the_engine_is_asked_for(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.put("docker", DOCKER)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(apt, "can_install", lambda: False)
    with pytest.raises(SetupFailed, match=r"failed to reach the Docker engine.*Start it"):
        docker_engine.ensure(tmp_path)
    assert machine.installed == []
