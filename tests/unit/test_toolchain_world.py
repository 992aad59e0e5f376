"""Pulumi's state compared with what the engine has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolchain.stacks import StackSettings
from toolchain.world import World, compare, is_from_checkout, origin, publishes

SETTINGS = StackSettings(
    project="velpharma",
    stack="dev2",
    address="127.0.0.1",
    port=5440,
    database="velpdevdb",
    user="velpharma",
    base_image="postgres:17-trixie",
    container="velpharma-dev2",
    volume="velpharma-dev2-data",
)

DEPLOYMENT = {
    "resources": [
        {"type": "pulumi:pulumi:Stack"},
        {"type": "docker:index/container:Container", "id": "c0ffee", "outputs": {"name": "box"}},
        {
            "type": "docker:index/volume:Volume",
            "id": "box-data",
            "inputs": {"name": "box-data"},
            "outputs": {"name": "box-data"},
        },
        {
            "type": "docker:index/remoteImage:RemoteImage",
            "id": "sha256:1box:1",
            "inputs": {"name": "box:1"},
        },
        {"type": "pulumi-python:dynamic/velpharma:Seed", "id": "seed"},
    ]
}


def engine(**there: str) -> Any:
    """Give an inspect that knows the named things; the value is a container's status."""

    def inspect(_kind: str, name: str) -> dict[str, Any] | None:
        for key, status in there.items():
            if key == name.replace("-", "_").replace(":", "_"):
                return {"Name": f"/{name}", "State": {"Status": status}}
        return None

    return inspect


def test_all_there_and_running_needs_nothing() -> None:
    seen = compare(DEPLOYMENT, engine(c0ffee="running", box_data="", box_1=""))
    assert seen == World(container_ids=("c0ffee",), volumes=("box-data",))


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ({"box_data": "", "box_1": ""}, ("container box",)),
        ({"c0ffee": "running", "box_1": ""}, ("volume box-data",)),
        ({"c0ffee": "running", "box_data": ""}, ("image box:1",)),
        ({}, ("container box", "volume box-data", "image box:1")),
    ],
)
def test_what_was_removed_by_hand_is_named(there: dict[str, str], missing: tuple[str, ...]) -> None:
    assert compare(DEPLOYMENT, engine(**there)).missing == missing


@pytest.mark.parametrize("status", ["exited", "created", "paused", "dead"])
def test_a_container_that_does_not_run_is_named(status: str) -> None:
    seen = compare(DEPLOYMENT, engine(c0ffee=status, box_data="", box_1=""))
    assert seen.stopped == ("c0ffee",)
    assert seen.missing == ()


def test_a_cut_run_is_noticed() -> None:
    volume = {"type": "docker:index/volume:Volume", "inputs": {"name": "half"}}
    pending = {"resources": [], "pending_operations": [{"type": "creating", "resource": volume}]}
    seen = compare(pending, engine())
    assert seen.interrupted is True
    assert seen.volumes == ("half",), "a volume that a cut run was making is not known"
    assert compare({"resources": None}, engine()).interrupted is False


def container(source: str, stack: str = "dev2", port: str = "5440") -> dict[str, Any]:
    return {
        "Config": {"Labels": {"velpharma.stack": stack}},
        "Mounts": [
            {"Destination": "/var/lib/postgresql/data", "Source": "/var/lib/docker/volumes/x"},
            {"Destination": "/data", "Source": source},
        ],
        "NetworkSettings": {"Ports": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}},
    }


@pytest.mark.parametrize(
    ("source", "stack", "ours"),
    [
        ("/home/a/velpharma/data", "dev2", True),
        ("/host_mnt/home/a/velpharma/data", "dev2", True),
        ("/home/b/velpharma/data", "dev2", False),
        ("/home/a/velpharma/data", "dev", False),
    ],
)
def test_a_container_is_ours_by_stack_and_checkout(source: str, stack: str, ours: bool) -> None:
    found = container(source, stack)
    assert is_from_checkout(found, SETTINGS, Path("/home/a/velpharma")) is ours


def test_a_container_made_by_hand_is_not_ours() -> None:
    bare: dict[str, Any] = {"Config": {"Labels": None}, "Mounts": None}
    assert is_from_checkout(bare, SETTINGS, Path("/home/a/velpharma")) is False
    assert origin(bare) == "made by hand"


def test_another_checkout_is_named() -> None:
    assert origin(container("/home/b/velpharma/data")) == "it belongs to /home/b/velpharma"


def test_the_published_port_is_recognised() -> None:
    assert publishes(container("/x/data", port="5440"), 5440) is True
    assert publishes(container("/x/data", port="5441"), 5440) is False
    stopped = {"NetworkSettings": {"Ports": {"5432/tcp": None}}}
    assert publishes(stopped, 5440) is False
    assert publishes({}, 5440) is False
