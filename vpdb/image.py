"""The PostgreSQL image: its content-hash tag, and its build by the docker CLI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from vpdb import docker

REPOSITORY = "velpharma-postgres"


def content_tag(context: Path, *, base_image: str) -> str:
    """Name the image that `docker build` of a context on a base image gives.

    The tag is a hash over every file's relative path, executable bit and content, line endings
    apart, and over the base image's name: the same checkout gives the same tag on every machine.
    Files of postgres/.dockerignore's folders never reach the build, so they do not count.
    """
    digest = hashlib.sha256()
    for field in ("velpharma-postgres image 1", base_image):
        digest.update(f"{len(field)}:{field}".encode())
    for path in sorted(_context_files(context)):
        name = path.relative_to(context).as_posix()
        body = path.read_bytes().replace(b"\r\n", b"\n")
        for part in (name.encode(), body):
            digest.update(b"%d:" % len(part) + part)
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def exists(tag: str) -> bool:
    """Tell whether the engine has the image; ServerUnreachable when the engine is silent."""
    return docker.image_exists(tag)


def ensure_built(tag: str, context: Path, *, base_image: str) -> None:
    """Build the image unless the engine has it; SeedError with the build's last lines."""
    if not exists(tag):
        print(f"building {tag} on {base_image}", flush=True)
        docker.build(tag, context, build_args={"BASE_IMAGE": base_image})


def _context_files(context: Path) -> Iterable[Path]:
    ignore = context / ".dockerignore"
    lines = ignore.read_text().split() if ignore.is_file() else []
    skipped = {line.strip("/") for line in lines if not line.startswith("#")}
    for path in context.rglob("*"):
        parts = path.relative_to(context).parts
        if path.is_file() and parts[0] not in skipped and "__pycache__" not in parts:
            yield path
