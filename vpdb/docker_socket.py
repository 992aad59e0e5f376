"""Questions to the Docker engine over its socket, which answers faster than docker starts.

The Engine API (https://docs.docker.com/reference/api/engine/): without a version in the path the
engine answers in its own newest one. Nothing here fails: whoever gets no answer asks the docker
command, which also says what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any, NamedTuple

_DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
_TIMEOUT_S = 15.0
_PIECE = 256 * 1024


class Answer(NamedTuple):
    """What the engine said; without `found` it holds no such thing."""

    found: bool
    body: bytes


def endpoint() -> str | None:
    """Return the engine's address where it is certain without asking the docker command.

    DOCKER_HOST counts before the context that config.json names
    (https://docs.docker.com/engine/manage-resources/contexts/). A context's description stands
    under the SHA-256 of its name (docker/cli: cli/context/store/metadatastore.go).
    """
    host, context = os.environ.get("DOCKER_HOST"), os.environ.get("DOCKER_CONTEXT", "")
    if host:
        return None if context else host
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        context = context or str(_read(folder / "config.json").get("currentContext", ""))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, AttributeError):
        return None
    if context in ("", "default"):
        return _DEFAULT_ENDPOINT
    described = folder / "contexts/meta" / hashlib.sha256(context.encode()).hexdigest()
    try:
        address = _read(described / "meta.json")["Endpoints"]["docker"]["Host"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if isinstance(address, str) else None


def ask(path: str) -> Answer | None:
    """Ask for a resource of the Engine API; None where the socket gives no plain answer."""
    address = endpoint() or ""
    if not address.startswith("unix://"):
        return None
    # HTTP/1.0: the engine ends the connection behind its answer, which then is not in chunks.
    request = f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n"
    try:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.settimeout(_TIMEOUT_S)
            engine.connect(address.removeprefix("unix://"))
            engine.sendall(request.encode("ascii"))
            answer = b"".join(iter(lambda: engine.recv(_PIECE), b""))
    except OSError:
        return None
    return read_answer(answer)


def read_answer(answer: bytes) -> Answer | None:
    """Take an HTTP answer apart; None unless it is whole and says 200 (found) or 404."""
    head, end, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    words = status.split(b" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines)
    }
    size = headers.get(b"content-length")
    is_cut = not end or (size is not None and size != b"%d" % len(body))
    if is_cut or b"transfer-encoding" in headers or words[1:2] not in ([b"200"], [b"404"]):
        return None
    return Answer(words[1] == b"200", body)


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())
