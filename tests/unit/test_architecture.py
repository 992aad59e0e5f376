"""ARCHITECTURE.md names files that are there; modules and parameter lists stay short."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "master_data", "pgseed", "sample_data", "toolchain", "vpdb")
MODULES = [
    path.relative_to(PROJECT)
    for package in PACKAGES
    for path in sorted((PROJECT / package).rglob("*.py"))
]


def test_every_file_that_the_page_names_is_there() -> None:
    text = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"\b[a-z_]+/[a-z_/]*[a-z_]+(?:\.py|\.md)|\b[a-z_]+\.(?:py|toml)\b", text)
    )
    assert len(named) > 20
    assert [name for name in sorted(named) if not (PROJECT / name).is_file()] == []


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_are_short_and_functions_take_few_parameters(module: Path) -> None:
    text = (PROJECT / module).read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    most = 5 if module.parts[0] == "pgseed" else 6
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            own = [name for name in names if name not in ("self", "cls")]
            assert len(own) <= most, f"{node.name} takes {', '.join(own)}"
