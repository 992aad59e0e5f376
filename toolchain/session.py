"""One run of bootstrap: the checkout, its work folder, and the set-up steps in their order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import base_image, docker_engine, stacks, tools, venv
from toolchain.console import SetupFailed


@dataclass
class Session:
    """What a run knows; `env` grows as the steps find things out."""

    project: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    cli: Path = Path("pulumi")

    @property
    def work(self) -> Path:
        """The folder in the checkout, ignored by git, for logs, locks and choices."""
        folder = self.project / ".velpharma"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def logs(self) -> Path:
        return self.work / "logs"

    @property
    def python(self) -> Path:
        return self.project / venv.FOLDER / "bin" / "python"

    @property
    def pulumi(self) -> stacks.Pulumi:
        return stacks.Pulumi(self.cli, self.project, self.env)

    def set_up_tools(self) -> None:
        """Make sure of Python packages, the Pulumi command line and its plugins."""
        venv.ensure(self.project, self.logs)
        # Container images set it to stay small. Here each command would compile 20,000 lines anew.
        if self.env.pop("PYTHONDONTWRITEBYTECODE", ""):
            venv.compile_modules(self.project)
        self._use(tools.ensure(self.project, self.env, self.logs))

    def set_up_engine(self, stack: str) -> stacks.StackSettings:
        """Make sure of a Docker engine and the base image; give the stack's settings."""
        docker_engine.ensure(self.logs)
        settings = stacks.read_settings(self.project, stack, self.env)
        shared = tools.toolchain_folder(self.env)
        base_image.ensure(self.project, settings.base_image, self.work, shared, self.env)
        self._use_base()
        return settings

    def use_what_is_there(self) -> Mapping[str, str]:
        """Return the variables of a finished set-up; nothing is changed. SetupFailed if none is."""
        found = tools.find(self.project, self.env)
        if not found or not venv.is_ready(self.project):
            raise SetupFailed(
                "failed to prepare the shell: this checkout is not set up, or no longer."
                " Run `python3 bootstrap.py up`"
            )
        return {**self._use(found), **self._use_base()}

    def _use(self, found: tools.Tools) -> Mapping[str, str]:
        self.cli = found.cli
        changes = found.environment(self.project, self.env)
        self.env.update(changes)
        return changes

    def _use_base(self) -> Mapping[str, str]:
        offline = base_image.chosen(self.work)
        if not offline or base_image.named_by_user(self.env):
            return {}
        self.env[base_image.VARIABLE] = offline
        return {base_image.VARIABLE: offline}
