"""The virtual environment with what requirements.txt asks for."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from toolchain import apt
from toolchain.console import SetupFailed, answer, run_long, say

FOLDER = ".venv"
_PACKAGES = ("components", "master_data", "pgseed", "sample_data", "vpdb")
# Written last: an environment without it, or with another hash in it, is not finished.
_MARK = "velpharma-requirements"


def ensure(project: Path, logs: Path) -> Path:
    """Make or update the project's environment; give its python. Raises SetupFailed."""
    folder, requirements = project / FOLDER, project / "requirements.txt"
    python = folder / "bin" / "python"
    if is_ready(project):
        return python

    say("setting up the Python environment in .venv (usually 1 min)")
    if not _works(python):
        _need_venv_module(logs)
        run_long(
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            title="make the virtual environment .venv",
            log=logs / "venv.log",
        )
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    run_long(
        [*pip, "--requirement", str(requirements)],
        title="install requirements.txt",
        log=logs / "pip.log",
        remedy="Check that PyPI, or the index that pip is set to, can be reached",
    )
    part = folder / f"{_MARK}.part"
    part.write_text(_wanted(requirements), encoding="utf-8")
    part.replace(folder / _MARK)
    return python


def compile_modules(project: Path) -> None:
    """Keep the bytecode of the project's modules, for shells in which Python itself must not.

    What is compiled is skipped; a module that cannot be is left to whoever imports it.
    """
    python = project / FOLDER / "bin" / "python"
    folders = [str(project / name) for name in _PACKAGES]
    answer([str(python), "-m", "compileall", "-qq", *folders])


def is_ready(project: Path) -> bool:
    """Return whether the environment is finished for this requirements.txt."""
    folder = project / FOLDER
    try:
        mark = (folder / _MARK).read_text(encoding="utf-8")
    except OSError:
        return False
    python = folder / "bin" / "python"
    return mark == _wanted(project / "requirements.txt") and python.exists()


def _wanted(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def _works(python: Path) -> bool:
    """Return whether an environment is whole: its Python recent enough, its pip loadable."""
    script = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and answer([str(python), "-c", script]).returncode == 0


def _need_venv_module(logs: Path) -> None:
    """Debian keeps the venv module's better half, ensurepip, in a package of its own."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if not apt.can_install():
        raise SetupFailed(
            "failed to make the virtual environment: this Python has no venv module."
            f" Install it: sudo apt-get install {package}"
        )
    apt.install([package], why="the virtual environment", logs=logs)
