"""What was killed or removed by hand comes back; what is destroyed leaves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.project import Project, docker

COUNTS = (2281, 29222)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.up()


def bootstrap_up(project: Project) -> None:
    project.bootstrap("up", "--stack", project.stack)


def refresh_up(project: Project) -> None:
    project.up("--refresh")


BRINGS_BACK = pytest.mark.parametrize("bring_back", [bootstrap_up, refresh_up])


@BRINGS_BACK
def test_a_killed_container_comes_back_with_its_data(
    project: Project, bring_back: Callable[[Project], None]
) -> None:
    project.query("CREATE TABLE IF NOT EXISTS vpv4.note AS SELECT 1 AS mine")
    docker("kill", "--signal", "KILL", project.container)
    bring_back(project)
    assert project.counts() == COUNTS
    assert project.query("SELECT mine FROM vpv4.note") == [(1,)]
    project.query("DROP TABLE vpv4.note")


@BRINGS_BACK
def test_a_removed_container_comes_back_with_its_data(
    project: Project, bring_back: Callable[[Project], None]
) -> None:
    project.query("CREATE TABLE IF NOT EXISTS vpv4.note AS SELECT 1 AS mine")
    docker("rm", "--force", project.container)
    bring_back(project)
    assert project.counts() == COUNTS
    assert project.query("SELECT mine FROM vpv4.note") == [(1,)]
    project.query("DROP TABLE vpv4.note")


@BRINGS_BACK
def test_a_removed_volume_is_filled_again(
    project: Project, bring_back: Callable[[Project], None]
) -> None:
    docker("rm", "--force", project.container)
    docker("volume", "rm", project.volume)
    bring_back(project)
    assert project.counts() == COUNTS
    assert project.planned() == {}


@BRINGS_BACK
def test_a_removed_image_is_built_again_and_not_pulled(
    project: Project, bring_back: Callable[[Project], None]
) -> None:
    image = docker("inspect", "--format", "{{.Config.Image}}", project.container)
    docker("rm", "--force", project.container)
    remove_image(image)
    bring_back(project)
    assert project.counts() == COUNTS
    assert project.planned() == {}


@BRINGS_BACK
def test_all_three_removed_come_back(
    project: Project, bring_back: Callable[[Project], None]
) -> None:
    image = docker("inspect", "--format", "{{.Config.Image}}", project.container)
    docker("rm", "--force", project.container)
    docker("volume", "rm", project.volume)
    remove_image(image)
    bring_back(project)
    assert project.counts() == COUNTS
    assert project.planned() == {}


def remove_image(image_id: str) -> None:
    """Remove an image by all its tags; other containers of it keep running on its layers."""
    docker("rmi", "--force", image_id)


def test_two_stacks_live_side_by_side_and_die_alone(project: Project) -> None:
    second = project.second_stack(project.stack + "-b")
    try:
        second.pulumi("stack", "init", second.stack)
        second.config("port", str(second.port))
        second.up()
        second.query("DELETE FROM vpv4.adverse_drug_reactions")
        assert project.counts() == COUNTS
        assert second.counts() == (2281, 0)
        second.pulumi("destroy", "--yes", "--skip-preview", "--stack", second.stack)
        assert project.counts() == COUNTS
        assert docker("ps", "--all", "--quiet", "--filter", f"name=^{second.container}$") == ""
        assert docker("volume", "ls", "--quiet", "--filter", f"name=^{second.volume}$") == ""
    finally:
        second.remove()


def test_destroy_leaves_nothing_behind_and_git_clean(project: Project) -> None:
    project.pulumi("destroy", "--yes", "--skip-preview", "--stack", project.stack)
    for listing in (
        docker("ps", "--all", "--quiet", "--filter", f"name=^{project.container}$"),
        docker("volume", "ls", "--quiet", "--filter", f"name=^{project.volume}$"),
        docker("network", "ls", "--quiet", "--filter", f"name={project.stack}"),
        project.run("git", "status", "--porcelain"),
    ):
        assert listing == ""
