"""The smallest Pulumi program that is alike: minimal_program.py in a folder of its own."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.shell import CHECKOUT, docker, free_port, remove, timed
from benchmarks.stack import Stack

_PROGRAM = CHECKOUT / "benchmarks" / "rivals" / "minimal_program.py"
_PROJECT = """\
name: minimal
runtime:
  name: python
  options:
    virtualenv: .venv
backend:
  url: file://./.state
"""


@contextmanager
def minimal_program(stack: Stack) -> Iterator[Callable[[], float]]:
    """Bring it up on a stack's image; yield a function that runs `up` and returns the seconds."""
    folder = Path(tempfile.mkdtemp(prefix="velpharma-bench-"))
    name = f"velpharma-bench-minimal-{secrets.token_hex(3)}"

    def pulumi(*arguments: str) -> float:
        command = ("pulumi", *arguments, "--stack", "minimal", "--non-interactive", "--color=never")
        return timed(*command, cwd=folder, env=stack.env)

    def up() -> float:
        return pulumi("up", "--yes", "--skip-preview")

    try:
        (folder / ".state").mkdir()
        (folder / ".venv").symlink_to(CHECKOUT / ".venv")
        (folder / "Pulumi.yaml").write_text(_PROJECT)
        shutil.copyfile(_PROGRAM, folder / "__main__.py")
        pulumi("stack", "init")
        image = docker("inspect", "--format", "{{.Image}}", stack.container)
        for key, value in (("name", name), ("image", image), ("port", str(free_port()))):
            pulumi("config", "set", key, value)
        up()
        yield up
    finally:
        for kind in ("container", "volume"):
            remove(kind, name)
        shutil.rmtree(folder, ignore_errors=True)
