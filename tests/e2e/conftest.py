"""Working copies for the end-to-end tests: real CLI, real engine, real containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.project import Project, new_project


@pytest.fixture(scope="module")
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Give a module's tests one working copy with a stack of its own; remove both afterwards."""
    name = request.module.__name__.rsplit("test_", 1)[-1].replace("_", "-")[:20]
    made = new_project(tmp_path_factory.mktemp(name), name)
    try:
        yield made
    finally:
        made.remove()
