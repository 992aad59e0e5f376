"""Everything that `bootstrap.py test` runs, in the order of how soon it can fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.console import run_in_front, say
from toolchain.go_build import go_environment
from toolchain.session import Session
from toolchain.tools import toolchain_folder

# Tests wait for containers more than they compute; a file's tests share what it set up, the e2e
# files even their stacks (tests/conftest.py). The files stay in their order, e2e in front: begun
# last, one of those would run on alone at the end.
_ALL_TESTS = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")


def run(session: Session, rest: Sequence[str]) -> int:
    """Run the checks and all tests, or pytest alone with the given arguments.

    A failing check does not keep the tests from running; the exit code tells of both.
    """
    python = str(session.python)
    failed = [] if rest else _static(session, python)
    say("pytest")
    code = run_in_front(
        [python, "-m", "pytest", *(rest or _ALL_TESTS)],
        cwd=session.project,
        env=session.env,
    )
    if failed:
        say(f"failed besides: {', '.join(failed)} (see above)")
    return code or (1 if failed else 0)


def _static(session: Session, python: str) -> list[str]:
    failed = []
    lint_imports = str(session.python.parent / "lint-imports")
    for name, command, folder, env in (
        ("ruff check", [python, "-m", "ruff", "check"], session.project, session.env),
        ("ruff format", [python, "-m", "ruff", "format", "--check"], session.project, session.env),
        ("mypy", [python, "-m", "mypy"], session.project, session.env),
        (
            "import-linter",
            [lint_imports],
            session.project,
            session.env,
        ),
        *_go_checks(session),
    ):
        say(name)
        if run_in_front(command, cwd=folder, env=env):
            failed.append(name)
    return failed


def _go_checks(
    session: Session,
) -> list[tuple[str, list[str], Path, Mapping[str, str]]]:
    """Check the command plugin's source where it was built; elsewhere Go is no part of the set-up.

    The docker plugin's is a list of names, and vetting it means vetting 1,600 packages it imports.
    """
    go = shutil.which("go")
    if not go or toolchain_folder(os.environ) not in session.cli.parents:
        return []
    module, environment = session.project / "toolchain" / "go" / "command", go_environment()
    return [
        ("go vet", [go, "vet", "./..."], module, environment),
        ("go test", [go, "test", "./..."], module, environment),
    ]
