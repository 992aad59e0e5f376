"""The command plugin in use, official or built here, keeps what its documentation promises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.project import CHECKOUT, tool_environment

PROGRAM = """
import pulumi
from pulumi_command import local

config = pulumi.Config()
command = local.Command(
    "command",
    create="echo create $SECRET >> log; echo made $NAME",
    delete="echo delete [$PULUMI_COMMAND_STDOUT] >> log",
    environment={
        "SECRET": pulumi.Output.secret("hush-hush"),
        "NAME": config.get("name") or "first",
    },
    triggers=[config.get("trigger") or 0],
    interpreter=["/bin/sh", "-c"],
)
pulumi.export("stdout", command.stdout)
"""

PROJECT = """\
name: velpharma-plugin-test
runtime:
  name: python
  options:
    virtualenv: .venv
backend:
  url: file://./.state
"""


class CommandProject:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**tool_environment(), "PULUMI_CONFIG_PASSPHRASE": ""}
        (folder / "Pulumi.yaml").write_text(PROJECT)
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / ".state").mkdir()
        (folder / ".venv").symlink_to(CHECKOUT / ".venv")
        self.pulumi("stack", "init", "plugin")

    def pulumi(self, *arguments: str) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, **config: str) -> dict[str, int]:
        """Set config, run `pulumi up`, give its count of changes by kind."""
        for key, value in config.items():
            self.pulumi("config", "set", key, value)
        self.pulumi("up", "--yes", "--skip-preview")
        history = json.loads(self.pulumi("stack", "history", "--json", "--page-size", "1"))
        changes: dict[str, int] = history[0]["resourceChanges"]
        return changes

    def log(self) -> list[str]:
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandProject]:
    made = CommandProject(tmp_path_factory.mktemp("plugin"))
    try:
        yield made
    finally:
        made.pulumi("destroy", "--yes", "--skip-preview")
        made.pulumi("stack", "rm", "--yes", "plugin")
        assert not list(Path(made.folder / ".state").rglob("plugin.json"))


def test_a_commands_life(project: CommandProject) -> None:
    assert project.up() == {"create": 2}
    assert project.log() == ["create hush-hush"]

    # Nothing changed: neither an up nor a refresh sees or does anything.
    project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.up() == {"same": 2}
    assert project.log() == []

    # The secret is nowhere in clear text; the output is what the command wrote.
    state = project.pulumi("stack", "export")
    assert "hush-hush" not in state
    assert '"ciphertext"' in state
    assert '"stdout": "made first"' in state
    for path in (project.folder / ".state").rglob("*"):
        assert not path.is_file() or b"hush-hush" not in path.read_bytes(), path

    # Another input and no `update`: create runs again, in place.
    assert project.up(name="second") == {"same": 1, "update": 1}
    assert project.log() == ["create hush-hush"]
    assert project.pulumi("stack", "output", "stdout").strip() == "made second"

    # Another trigger: replaced, so delete runs too, and sees what the old one had written.
    assert project.up(trigger="1") == {"same": 1, "replace": 1}
    assert project.log() == ["create hush-hush", "delete [made second]"]

    project.pulumi("destroy", "--yes", "--skip-preview")
    assert project.log() == ["delete [made second]"]


def test_the_failing_command_is_shown_with_its_output(project: CommandProject) -> None:
    program = project.folder / "__main__.py"
    before = program.read_text()
    program.write_text(before.replace("echo made $NAME", "echo no room >&2; exit 9"))
    try:
        done = subprocess.run(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color=never"],
            cwd=project.folder,
            env=project.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        program.write_text(before)
    assert done.returncode != 0
    assert "exit status 9" in done.stdout
    assert "no room" in done.stdout
    assert "hush-hush" not in done.stdout + done.stderr
