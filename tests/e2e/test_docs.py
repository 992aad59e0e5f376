"""Every command in the documents runs, in their order, in a fresh copy with a stack of its own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import CHECKOUT, Project, free_port

pytestmark = pytest.mark.xdist_group("e2e-shell")

DOCUMENTS = ("README.md", "DATABASE_WORKFLOW.md", "backups/README.md", "data/README.md")

# Why a command of the documents is not run here.
NOT_RUN = {
    "python3 bootstrap.py test": "it is what runs these tests",
    "python3 bootstrap.py bench": "timings decide no test",
    "python3 bootstrap.py faults": "the long run; its quick share is in the tests",
    "python3 -m vpdb azure-backup": "it reads production; tests/integration/test_azure.py",
    "python -m vpdb azure-backup": "it reads production; tests/integration/test_azure.py",
    "python -m benchmarks": "timings decide no test",
    "git pull": "the copy has no remote",
    "git push": "the copy has no remote",
    "git lfs": "Git LFS is an extension that the project does not need",
    "gh ": "needs an account",
}
# Commands that ask; nobody can be asked here.
ASKING = re.compile(r"^python -m vpdb (reset|undo|restore|snapshot|snapshots|prune)\b")


def sections(document: str) -> list[tuple[str, list[str]]]:
    """Give a document's headings with the command lines of the bash blocks below each."""
    found: list[tuple[str, list[str]]] = [("", [])]
    in_block = False
    for line in (CHECKOUT / document).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            in_block = line == "```bash" if not in_block else False
        elif in_block:
            command = line.partition("  #")[0].strip()
            if command and not command.startswith("#"):
                found[-1][1].append(command)
        elif line.startswith("## "):
            found.append((line[3:], []))
    return [(heading, commands) for heading, commands in found if commands]


def cases() -> Iterator[Any]:
    """Give every section with its commands; what the manual has shown is not run again later."""
    shown: list[str] = []
    for document in DOCUMENTS:
        for heading, commands in sections(document):
            new = [command for command in commands if command not in shown]
            yield pytest.param(new, id=f"{document}: {heading}")
            if document == "DATABASE_WORKFLOW.md":
                shown += commands


CASES = list(cases())


@pytest.fixture(scope="module")
def shell(project: Project) -> Iterator[Project]:
    """Give the copy with its stack selected, as the documents' reader has it."""
    project.tidy()
    project.pulumi("stack", "select", project.stack)
    options = {
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "PULUMI_OPTION_NON_INTERACTIVE": "true",
        "VELPHARMA_STACK": "",
    }
    yield replace(project, env={**project.env, **options})
    for name in leftover_stacks(project):
        Project(project.folder, name, 0, project.env).remove()


def leftover_stacks(project: Project) -> list[str]:
    return [
        path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        for path in project.folder.glob("Pulumi.docs*.yaml")
    ]


@pytest.mark.parametrize("commands", CASES)
def test_the_commands_of_a_section_run(shell: Project, commands: list[str]) -> None:
    second = f"docs-{shell.stack[-6:]}"
    for command in commands:
        reason = next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)
        if reason:
            warnings.warn(f"not run: {command} ({reason})", stacklevel=1)
            continue
        # The documents' stack of one's own gets a name and a port that nobody else has.
        own = re.sub(r"\bdev2\b", second, command).replace("--port 5440", f"--port {free_port()}")
        if ASKING.match(own) and "--yes" not in own:
            own += " --yes"
        shell.run("bash", "-c", f"set -e -o pipefail; {own}")
        if own.startswith("python3 bootstrap.py destroy"):
            shell.pulumi("stack", "select", shell.stack)


def test_every_document_has_commands_to_run() -> None:
    assert len(CASES) >= 8


def test_every_path_and_document_that_the_documents_link_to_exists() -> None:
    missing = [
        f"{document}: {target}"
        for document in DOCUMENTS
        for target in re.findall(
            r"\]\(([^)#]+)\)", (CHECKOUT / document).read_text(encoding="utf-8")
        )
        if "://" not in target and not (CHECKOUT / Path(document).parent / target).exists()
    ]
    assert missing == []
