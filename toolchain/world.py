"""What Pulumi believes to be there, compared with what the Docker engine has.

Plain `pulumi up` does not look at the world. What was removed by hand comes back with `--refresh`;
a container that was only stopped is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.stacks import StackSettings

Inspect = Callable[[str, str], "dict[str, Any] | None"]

# Resource type -> the kind docker inspects it as, and where its name on the engine stands.
_KINDS = {
    "docker:index/container:Container": ("container", "id"),
    "docker:index/volume:Volume": ("volume", "id"),
    "docker:index/network:Network": ("network", "id"),
    "docker:index/remoteImage:RemoteImage": ("image", "name"),
}


@dataclass(frozen=True)
class World:
    """What differs; names as the engine knows them."""

    missing: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    container_ids: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    interrupted: bool = False


def compare(deployment: Mapping[str, Any], inspect: Inspect) -> World:
    """Look for every Docker resource of a deployment (`pulumi stack export`) on the engine."""
    missing, stopped, container_ids = [], [], []
    resources = list(deployment.get("resources") or ())
    pending = list(deployment.get("pending_operations") or ())
    for resource in resources:
        if resource["type"] not in _KINDS or not resource.get("id"):
            continue
        kind, key = _KINDS[resource["type"]]
        name = str(resource["id"] if key == "id" else (resource.get("inputs") or {}).get(key))
        found = inspect(kind, name)
        if found is None:
            missing.append(f"{kind} {_label(resource, name)}")
        elif kind == "container":
            container_ids.append(name)
            if found["State"]["Status"] != "running":
                stopped.append(found["Name"].lstrip("/"))
    return World(
        tuple(missing),
        tuple(stopped),
        tuple(container_ids),
        _volumes([*resources, *(operation["resource"] for operation in pending)]),
        bool(pending),
    )


def _volumes(resources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the volumes that Pulumi made, or was making when it was cut short."""
    return tuple(
        sorted(
            {
                str((resource.get("inputs") or {}).get("name"))
                for resource in resources
                if resource["type"] == "docker:index/volume:Volume"
            }
        )
    )


def _label(resource: Mapping[str, Any], name: str) -> str:
    return str((resource.get("outputs") or {}).get("name") or name)


def is_from_checkout(container: Mapping[str, Any], settings: StackSettings, project: Path) -> bool:
    """Return whether this checkout made a container: its stack's label, our data folder in it.

    On macOS the engine runs in a virtual machine and puts a prefix before the folder.
    """
    labels = (container.get("Config") or {}).get("Labels") or {}
    sources = _sources(container.get("Mounts") or ())
    return labels.get("velpharma.stack") == settings.stack and any(
        source.endswith(str(project / "data")) for source in sources
    )


def origin(container: Mapping[str, Any]) -> str:
    """Say where a container comes from, by the data folder that is mounted in it."""
    sources = [s for s in _sources(container.get("Mounts") or ()) if s.endswith("/data")]
    return f"it belongs to {sources[0].removesuffix('/data')}" if sources else "made by hand"


def publishes(container: Mapping[str, Any], port: int) -> bool:
    """Return whether a running container answers on this port of the machine."""
    ports = ((container.get("NetworkSettings") or {}).get("Ports") or {}).values()
    return any(binding["HostPort"] == str(port) for bound in ports for binding in bound or ())


def _sources(mounts: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(m.get("Source", "")) for m in mounts if m.get("Destination") == "/data"]
