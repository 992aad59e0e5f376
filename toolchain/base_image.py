"""The image that postgres/Dockerfile builds on: there, pulled, or made from Debian packages.

The choice is kept in the checkout: were it made anew each time, an image that turns up later would
change the base, and with it replace the container.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from toolchain import apt, network
from toolchain.console import SetupFailed, answer, run_long, say
from toolchain.docker_engine import inspect
from toolchain.lock import only_one

VARIABLE = "VELPHARMA_BASE_IMAGE"
REPOSITORY = "velpharma-offline-base"
_ROOTFS = "velpharma-offline-rootfs"
_CHOICE = "base-image"
_FILES = ("Dockerfile", "build-rootfs.sh", "docker-entrypoint.sh")
_STANDS_IN_FOR = re.compile(r"(docker\.io/(library/)?)?postgres:17(\.\d+)?(-trixie)?")


def ensure(
    project: Path, configured: str, work: Path, shared: Path, env: Mapping[str, str]
) -> None:
    """See that the base image is there; keep the offline one as this checkout's choice if it is.

    `configured` is the stack's setting, `shared` the folder that all checkouts have in common. A
    base named by the environment or a setting of one's own is only pulled. Raises SetupFailed.
    """
    named = named_by_user(env)
    wanted = named or configured
    offline = offline_tag(project)
    if not named and chosen(work) and chosen(work) != offline:
        (work / _CHOICE).unlink()  # made from older files than this checkout's
    if not chosen(work) and (_there(wanted) or _pull(wanted, work / "logs")):
        return
    if named or not stands_in_for(wanted):
        raise SetupFailed(
            f"failed to pull base image {wanted}: its registry does not answer or does not have it."
            " Correct the setting baseImage, or pull or load the image yourself"
        )
    if not _there(offline):
        # One lock for all checkouts: they share the engine, and the image with it.
        with only_one(shared / "base-image.lock", "build the base image"):
            _build(project, offline, work)
    part = work / f"{_CHOICE}.part"
    part.write_text(offline, encoding="utf-8")
    part.replace(work / _CHOICE)


def stands_in_for(image: str) -> bool:
    """Return whether the offline image can take this one's place: same server, same C library."""
    return _STANDS_IN_FOR.fullmatch(image) is not None


def named_by_user(env: Mapping[str, str]) -> str:
    """Return the base image that the user's environment names, unless it is an offline one."""
    value = env.get(VARIABLE, "")
    return "" if value.startswith(f"{REPOSITORY}:") else value


def chosen(work: Path) -> str:
    """Return the offline image that this checkout builds on; empty for the configured image."""
    try:
        return (work / _CHOICE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def offline_tag(project: Path) -> str:
    """Name the offline image after the files that make it."""
    folder = project / "postgres" / "offline-base"
    digest = hashlib.sha256()
    for name in _FILES:
        body = (folder / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}:{len(body)}:".encode() + body)
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def debian_mirrors(sources: Path = Path("/etc/apt")) -> tuple[str, str]:
    """Return the mirrors that this machine takes Debian and its security updates from.

    In a closed network they are the ones that work; without any, Debian's own.
    """
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    text = "\n".join(file.read_text(errors="replace") for file in files if file.is_file())
    active = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    urls = re.findall(r"https?://[^\s\]]+", active)
    main = [url.rstrip("/") for url in urls if re.search(r"/debian/?$", url)]
    security = [url.rstrip("/") for url in urls if re.search(r"debian-security/?$", url)]
    return (
        next(iter(main), "http://deb.debian.org/debian"),
        next(iter(security), "http://deb.debian.org/debian-security"),
    )


def _there(image: str) -> bool:
    return inspect("image", image) is not None


def _pull(image: str, logs: Path) -> bool:
    """Pull an image; false when its registry cannot be reached or does not have it.

    Only Docker's own registry is asked first: without an answer the engine would try for minutes.
    A mirror that the engine is set up with makes the question pointless.
    """
    first = image.split("/")[0] if "/" in image else ""
    own_registry = "." in first and first != "docker.io"
    mirrors = answer(["docker", "info", "--format", "{{.RegistryConfig.Mirrors}}"]).stdout.strip()
    asked = not own_registry and mirrors in ("", "[]", "<no value>")
    if asked and not network.reachable(network.DOCKER_REGISTRY):
        return False
    say(f"pulling {image} (usually 1 min)")
    try:
        run_long(["docker", "pull", image], title=f"pull {image}", log=logs / "pull.log")
    except SetupFailed as error:
        say(str(error))
        return False
    return True


def _build(project: Path, tag: str, work: Path) -> None:
    """Build the offline image; the big half of it, the file system, has a tag of its own."""
    folder, logs = project / "postgres" / "offline-base", work / "logs"
    script = (folder / "build-rootfs.sh").read_bytes()
    rootfs = f"{_ROOTFS}:{hashlib.sha256(script).hexdigest()[:12]}"
    for left in work.glob("rootfs.*.tar"):
        left.unlink()  # of a run that was killed: the lock is ours
    if not _there(rootfs):
        _need_mmdebstrap(logs)
        say("no image registry answers: building PostgreSQL 17 from Debian packages (40 s)")
        tar = work / f"rootfs.{os.getpid()}.tar"
        try:
            _make_rootfs(folder, tar, logs)
            run_long(
                ["docker", "import", str(tar), rootfs],
                title="import the base image's file system",
                log=logs / "import.log",
            )
        finally:
            tar.unlink(missing_ok=True)
    if not _there(tag):
        run_long(
            ["docker", "build", "--build-arg", f"ROOTFS={rootfs}", "--tag", tag, str(folder)],
            title="build the base image",
            log=logs / "base-image.log",
        )


def _make_rootfs(folder: Path, tar: Path, logs: Path) -> None:
    main, security = debian_mirrors()
    run_long(
        ["sh", str(folder / "build-rootfs.sh")],
        title="build the base image's file system",
        log=logs / "rootfs.log",
        stdout=tar,
        env={"DEBIAN_MIRROR": main, "DEBIAN_SECURITY_MIRROR": security, **os.environ},
        remedy="Check that the Debian mirror in /etc/apt can be reached",
    )


def _need_mmdebstrap(logs: Path) -> None:
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if shutil.which("mmdebstrap") and keyring.exists():
        return
    packages = ["mmdebstrap", "debian-archive-keyring"]
    if not apt.can_install():
        raise SetupFailed(
            "failed to get a base image: no image registry answers, and building one takes"
            f" {' and '.join(packages)}. Install them (as root on Debian or Ubuntu this happens"
            " by itself), or pull postgres:17-trixie where there is a network"
        )
    apt.install(packages, why="the base image", logs=logs)
