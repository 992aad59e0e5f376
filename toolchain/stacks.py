"""Pulumi stacks: their names, their settings, and the questions bootstrap asks Pulumi."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain import backend
from toolchain.console import SetupFailed, answer, last_line

# The committed one; every other stack file belongs to one developer.
TEAM_STACK = "dev"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")

# Runs in the project's environment: what a setting means is decided in one place.
_READ_SETTINGS = """
import json, sys
from pathlib import Path
from vpdb.settings import load_settings
from pgseed.errors import SeedError
try:
    s = load_settings(Path(sys.argv[1]), sys.argv[2] or None)
except SeedError as error:
    sys.exit(str(error))
print(json.dumps({
    "project": s.project, "stack": s.stack, "address": s.address, "port": s.port,
    "database": s.database, "user": s.user, "base_image": s.base_image,
    "container": s.container, "volume": s.volume,
}))
"""


@dataclass(frozen=True)
class StackSettings:
    """What bootstrap needs of a stack's settings."""

    project: str
    stack: str
    address: str
    port: int
    database: str
    user: str
    base_image: str
    container: str
    volume: str


def checked_name(name: str) -> str:
    """Return a stack's name that can be part of a container's. Raises SetupFailed."""
    if not _NAME.fullmatch(name):
        raise SetupFailed(
            f"failed to read stack name {name!r}: it must be 1 to 40 letters, digits, dots, dashes"
            " or underscores and begin with a letter or digit. For example: dev2"
        )
    return name


def checked_port(text: str) -> int:
    """Read a port number. Raises SetupFailed with the rule and an example."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise SetupFailed(
            f"failed to read port {text!r}: it must be a whole number from 1024 to 65535."
            " For example: --port 5440"
        )
    return int(text)


def read_settings(project: Path, stack: str, env: Mapping[str, str]) -> StackSettings:
    """Read a stack's settings; an empty name means the one that is selected. SetupFailed if bad."""
    # The setting itself is asked for, not what an earlier choice of base image made of it.
    plain = {key: value for key, value in env.items() if key != "VELPHARMA_BASE_IMAGE"}
    python = str(project / ".venv" / "bin" / "python")
    asked = answer([python, "-c", _READ_SETTINGS, str(project), stack], cwd=project, env=plain)
    if asked.returncode:
        raise SetupFailed(last_line(asked.stderr))
    return StackSettings(**json.loads(asked.stdout))


def ports_put_down(project: Path) -> set[int]:
    """Return the ports that the stack files in this checkout and Pulumi.yaml's default name."""
    ports = set()
    for path in project.glob("Pulumi.*.yaml"):
        ports |= {int(p) for p in re.findall(r":port: *[\"']?(\d+)", path.read_text("utf-8"))}
    text = (project / "Pulumi.yaml").read_text("utf-8")
    default = re.search(r"^  port:\n(?:    .*\n)*?    default: *(\d+)", text, re.MULTILINE)
    return ports | ({int(default[1])} if default else set())


def with_port(stack: str, port: int) -> str:
    """Word the command that takes another port; the team's stack keeps its own, so not for that."""
    name = "NAME" if stack == TEAM_STACK else stack
    return f"`python3 bootstrap.py stack {name} --port {port}`"


@dataclass(frozen=True)
class Pulumi:
    """The Pulumi command line in a project."""

    cli: Path
    project: Path
    env: Mapping[str, str]

    def ask(self, *arguments: str, verb: str, remedy: str) -> str:
        """Run a quick pulumi command; give its output, or SetupFailed with its last line."""
        asked = self._run(*arguments)
        if asked[0]:
            raise SetupFailed(f"failed to {verb}: {asked[2]}. {remedy}")
        return asked[1]

    def state(self, stack: str) -> dict[str, Any] | None:
        """Return the stack's deployment as Pulumi exports it; None when there is no such stack."""
        code, output, trouble = self._run("stack", "export", "--stack", stack)
        if code == 0:
            deployment: dict[str, Any] = json.loads(output).get("deployment") or {}
            return deployment
        if "no stack named" in trouble or "not found" in trouble:
            return None
        raise SetupFailed(f"failed to open stack {stack}: {trouble}. {_remedy(trouble)}")

    def create(self, stack: str) -> None:
        """Make a stack and select it."""
        code, _, trouble = self._run("stack", "init", stack)
        if code:
            raise SetupFailed(f"failed to create stack {stack}: {trouble}. {_remedy(trouble)}")

    def select(self, stack: str) -> None:
        self.ask("stack", "select", stack, verb=f"select stack {stack}", remedy="Run it again")

    def has_selection(self) -> bool:
        return self._run("stack", "--show-name")[0] == 0

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        done = answer(
            [str(self.cli), *arguments, "--non-interactive", "--color=never"],
            cwd=self.project,
            env=self.env,
            timeout_s=120,
        )
        trouble = last_line(done.stderr).removeprefix("error: ")
        return done.returncode, done.stdout, trouble

    def locks(self, stack: str, project_name: str) -> Path | None:
        """Return the folder of the stack's locks in a file backend; None for another backend."""
        folder = backend.find(self.project, self.env)
        return backend.locks(folder, project_name, stack) if folder else None


def _remedy(trouble: str) -> str:
    if "passphrase" in trouble:
        return "Set PULUMI_CONFIG_PASSPHRASE to what it was when the stack was made"
    return "See `pulumi stack ls` and `pulumi whoami --verbose`"
