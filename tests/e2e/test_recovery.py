"""What was killed or removed by hand comes back, by `bootstrap.py up` and by a refresh alike."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project, docker

pytestmark = pytest.mark.xdist_group("e2e-pulumi")

COUNTS = (2281, 29222)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.rest()
    project.query("CREATE TABLE vpv4.note AS SELECT 1 AS mine")


def remove_image(project: Project) -> None:
    """Remove the image by all its tags; other containers of it keep running on its layers."""
    image = docker("inspect", "--format", "{{.Config.Image}}", project.container)
    docker("rm", "--force", project.container)
    docker("rmi", "--force", image)


def test_a_killed_container_comes_back_with_its_data(project: Project) -> None:
    docker("kill", "--signal", "KILL", project.container)
    project.up("--refresh")
    assert project.counts() == COUNTS
    assert project.query("SELECT mine FROM vpv4.note") == [(1,)]


def test_a_removed_container_and_image_come_back_with_the_data(project: Project) -> None:
    remove_image(project)
    project.bootstrap("up", "--stack", project.stack)
    assert project.counts() == COUNTS
    assert project.query("SELECT mine FROM vpv4.note") == [(1,)]


def test_a_removed_volume_is_filled_again(project: Project) -> None:
    docker("rm", "--force", project.container)
    docker("volume", "rm", project.volume)
    project.bootstrap("up", "--stack", project.stack)
    assert project.counts() == COUNTS
    assert project.query("SELECT to_regclass('vpv4.note')") == [(None,)]


def test_container_volume_and_image_removed_come_back(project: Project) -> None:
    remove_image(project)
    docker("volume", "rm", project.volume)
    project.up("--refresh")
    assert project.counts() == COUNTS
    assert project.plan().operations == {}
