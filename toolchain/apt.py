"""Debian packages, where this machine is one that bootstrap may install them on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from toolchain.console import SetupFailed, run_long, say


def can_install(os_release: Path = Path("/etc/os-release")) -> bool:
    """Return whether this is Debian or Ubuntu and we are root."""
    return os.geteuid() == 0 and is_debian(os_release) and shutil.which("apt-get") is not None


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Return whether this is Debian or built on it."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    family = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in family or "ubuntu" in family


def install(packages: list[str], *, why: str, logs: Path) -> None:
    """Install packages, mending an installation that was cut short before. Raises SetupFailed."""
    say(f"installing {' '.join(packages)} for {why} (apt-get, usually 1 min)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt-get may be running: wait for its lock instead of failing.
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600"]
    for command in (
        ["dpkg", "--configure", "-a"],
        [*apt, "update"],
        [*apt, "install", "--no-install-recommends", *packages],
    ):
        run_long(
            command,
            title=f"install {' '.join(packages)}",
            log=logs / "apt.log",
            env=environment,
            remedy="See to the package sources in /etc/apt, then run the same command again",
        )
    missing = [name for name in packages if not installed(name)]
    if missing:
        raise SetupFailed(f"failed to install {' '.join(missing)}: apt-get left it out. Install it")


def installed(package: str) -> bool:
    """Return whether dpkg has unpacked the package on this machine."""
    info = Path("/var/lib/dpkg/info")
    return (info / f"{package}.list").exists() or any(info.glob(f"{package}:*.list"))
