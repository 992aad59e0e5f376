"""Where a stack's state and locks are, for every way to name a backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import backend

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("", ".state"),
        ("file://./other", "other"),
        ("file:///abs/olute", "/abs/olute"),
        ("file://./with%20blank?no_tmp_dir=true", "with blank"),
        ("https://api.pulumi.com", None),
        ("s3://bucket", None),
    ],
)
def test_the_backend_of_the_environment_wins(url: str, folder: str | None) -> None:
    found = backend.find(PROJECT, {"PULUMI_BACKEND_URL": url})
    assert found == (None if folder is None else PROJECT / folder)


@pytest.mark.parametrize("url", ["file://./mine", '"file://./mine"', "'file://./mine'"])
def test_the_projects_own_is_read_as_yaml_means_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: x\nbackend:\n  url: {url}\nconfig: {{}}\n")
    assert backend.find(tmp_path, {}) == tmp_path / "mine"


def test_a_project_that_names_none_has_no_folder(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    assert backend.find(tmp_path, {}) is None


def test_state_and_locks_lie_where_pulumi_puts_them() -> None:
    folder = Path("/b")
    assert backend.state_file(folder, "p", "dev") == Path("/b/.pulumi/stacks/p/dev.json")
    assert backend.locks(folder, "p", "dev") == Path("/b/.pulumi/locks/organization/p/dev")
