"""`up` compares what the files want with what the server holds; Pulumi's state decides nothing."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project, docker

CHANGE = "UPDATE vpv4.products SET name = 'mine' WHERE product_id = 1"
MINE = "SELECT count(*) FROM vpv4.products WHERE name = 'mine'"


@pytest.fixture(autouse=True, scope="module")
def rested(project: Project) -> None:
    project.rest()


def test_ordinary_sequences_end_in_step(project: Project) -> None:
    """One stack, several ways in which files, state and server come apart."""
    first = project.container_id()
    assert "unchanged" in project.up()
    assert project.container_id() == first, "what is there is left alone"

    # A dump adopted, then the file taken back: the changed row belongs to nobody's backup.
    project.query(CHANGE)
    project.vpdb("dump")
    assert "in step" in project.vpdb("status")
    project.run("git", "checkout", "--", "backups")
    assert "stale" in project.vpdb("status", check=False)
    assert "stale: run `pulumi up`" in project.diff()
    project.up()
    assert "in step" in project.vpdb("status")
    assert project.query(MINE) == [(0,)]

    # Stopped, paused, gone: plain `up` brings it back, with what was changed in it.
    project.query(CHANGE)
    docker("stop", project.container)
    assert "is stopped" in project.diff()
    project.up()
    assert project.query(MINE) == [(1,)]
    docker("pause", project.container)
    project.up()
    assert project.query(MINE) == [(1,)]
    docker("rm", "--force", project.container)
    project.up()
    assert project.query(MINE) == [(1,)]
    assert "unchanged" in project.up()
    project.vpdb("reset", "--yes")

    # The application role may drop the database that it owns.
    as_owner = ("psql", "-U", "postgres", "-c", "SET ROLE velpharma")
    docker("exec", project.container, *as_owner, "-c", "DROP DATABASE velpdevdb WITH (FORCE)")
    project.up()
    assert "in step" in project.vpdb("status")


def test_what_undo_brings_back_is_held_until_the_files_change(project: Project) -> None:
    project.query(CHANGE)
    project.edit_backup("VP-100001\t", "VP-900001\t")
    assert "local changes will be kept" in project.diff()
    project.up()
    assert project.query(MINE) == [(0,)]
    project.vpdb("undo", "--yes")
    assert project.query(MINE) == [(1,)]
    assert "held" in project.diff()
    assert "unchanged" in project.up()
    assert project.query(MINE) == [(1,)]
    project.edit_backup("VP-900001\t", "VP-900002\t")
    assert "replace" in project.plan().operations["seed/pulumi-python:dynamic/velpharma:Seed"]
    project.up()
    assert project.query(MINE) == [(0,)]
    assert len(project.kept()) >= 1


def test_a_newer_file_is_not_dumped_over(project: Project) -> None:
    project.rest()
    project.edit_backup("VP-100001\t", "VP-900003\t")
    text = project.backup.read_bytes()
    refused = project.vpdb("dump", check=False)
    assert "--over-newer" in refused
    assert project.backup.read_bytes() == text
    project.up()
    project.query(CHANGE)
    assert "failed" not in project.vpdb("dump")
