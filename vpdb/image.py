"""The PostgreSQL image: its content-hash tag, and its build by the docker CLI."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from pgseed.errors import SeedError
from vpdb import docker

REPOSITORY = "velpharma-postgres"
_BUILD_S = 1800
_STEP_LINES = 4


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
    return docker.inspect("image", tag) is not None


def ensure_built(tag: str, context: Path, *, base_image: str) -> None:
    """Build the image unless the engine has it; SeedError with what the failing step said."""
    if exists(tag):
        return
    print(f"building {tag} on {base_image}", flush=True)
    base = ["--build-arg", f"BASE_IMAGE={base_image}"]
    try:
        docker.run("build", "--tag", tag, *base, str(context), timeout_s=_BUILD_S)
    except docker.DockerFailed as error:
        raise SeedError(
            f"failed to build image {tag}: {failing_step(error.stdout, error.stderr)}."
            f" See all of it: docker build {' '.join(base)} {context}"
        ) from None


def failing_step(stdout: str, stderr: str) -> str:
    """Return the last lines that a failed build's step wrote, and the builder's own reason.

    BuildKit writes everything to stderr: `#7 0.41 TEXT` for a line of step 7, `#7 ERROR: …` when
    it failed, then excerpts of the step and the Dockerfile, last `ERROR: failed to build: …`. The
    classic builder writes its steps to stdout, each behind `Step 2/5 : …`, and the reason to
    stderr.
    """
    reason = next((line for line in reversed(stderr.splitlines()) if line.strip()), "")
    failed = re.search(r"^#(\d+) ERROR: ", stderr, re.MULTILINE)
    if failed:
        said = re.findall(rf"^#{failed[1]} \d+\.\d+ (.*)$", stderr, re.MULTILINE)
    else:
        step = re.split(r"^Step \d+/\d+ : ", stdout, flags=re.MULTILINE)[-1]
        said = [line for line in step.splitlines()[1:] if not line.startswith(" ---> ")]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in said]
    lines = [*[line for line in plain if line][-_STEP_LINES:], reason.removeprefix("ERROR: ")]
    return " / ".join(filter(None, lines)).rstrip(".") or "no reason given"


def _context_files(context: Path) -> Iterable[Path]:
    ignore = context / ".dockerignore"
    lines = ignore.read_text().split() if ignore.is_file() else []
    skipped = {line.strip("/") for line in lines if not line.startswith("#")}
    for path in context.rglob("*"):
        parts = path.relative_to(context).parts
        if path.is_file() and parts[0] not in skipped and "__pycache__" not in parts:
            yield path
