"""One working copy and stack for all end-to-end tests of a process: a new one takes 20 s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.project import Project, new_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Give a working copy with a stack of its own, not started yet; destroy it at the end.

    Files that share it begin with `Project.rest()`.
    """
    made = new_project(tmp_path_factory.mktemp("project"))
    left = ["whatever there is"]
    try:
        yield made
    finally:
        left = made.remove()
    assert left == [], "`pulumi destroy` must leave nothing"
