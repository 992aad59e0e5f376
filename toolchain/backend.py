"""Where Pulumi's file backend keeps a stack on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

_URL = re.compile(r"^backend:\n\s+url: *[\"']?([^\s\"']+)", re.MULTILINE)


def find(project: Path, env: Mapping[str, str]) -> Path | None:
    """Find the folder of a file:// backend, the environment's or else Pulumi.yaml's.

    None for every other kind. Read without YAML, which only the project's environment has.
    """
    url = env.get("PULUMI_BACKEND_URL", "")
    if not url:
        declared = _URL.search((project / "Pulumi.yaml").read_text("utf-8"))
        url = declared[1] if declared else ""
    if not url.startswith("file://"):
        return None
    # A relative one (file://./x) is relative to the project; URL parsers take the dot for a host.
    place = unquote(url.removeprefix("file://").split("?")[0])
    return project / Path(place).expanduser()


def state_file(backend: Path, project_name: str, stack: str) -> Path:
    """Return the file that a stack's state is in."""
    return backend / ".pulumi" / "stacks" / project_name / f"{stack}.json"


def locks(backend: Path, project_name: str, stack: str) -> Path:
    """Return the folder of a stack's locks."""
    return backend / ".pulumi" / "locks" / "organization" / project_name / stack
