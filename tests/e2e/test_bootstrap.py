"""`bootstrap.py` on a real stack: killed, refused, stopped, two stacks apart, one destroyed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.project import Project, docker, free_port

pytestmark = pytest.mark.xdist_group("e2e-shell")

COUNTS = (2281, 29222)


def up(project: Project, *, check: bool = True) -> str:
    return project.bootstrap("up", "--stack", project.stack, check=check)


def exists(kind: str, name: str) -> bool:
    return name in docker(kind, "ls", *(["-a"] if kind == "container" else [])).split()


def wipe(project: Project) -> None:
    """Take container and volume away by hand, so that the next `up` has everything to do."""
    docker("rm", "--force", project.container, check=False)
    docker("volume", "rm", "--force", project.volume, check=False)


def git_status(project: Project) -> str:
    return project.run("git", "status", "--porcelain")


@pytest.fixture(scope="module", autouse=True)
def _nothing_there(project: Project) -> None:
    wipe(project)


def test_a_taken_port_is_reported_before_anything_is_made(project: Project) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", project.port))
        holder.listen(1)
        output = up(project, check=False)
    (line,) = [line for line in output.splitlines() if line.startswith("failed to ")]
    assert f"port {project.port}" in line
    assert f"process {os.getpid()} (" in line
    assert f"python3 bootstrap.py stack {project.stack} --port " in line
    assert project.leftovers() == []


@pytest.mark.parametrize(
    "seconds", [4.5, *(pytest.param(s, marks=pytest.mark.faults) for s in (1.5, 3, 6, 8))]
)
def test_up_from_nothing_killed_in_the_middle_finishes_the_next_time(
    project: Project, seconds: float
) -> None:
    """Bootstrap, pulumi, its plugins and the seed all get SIGKILL at the same moment."""
    wipe(project)
    victim = subprocess.Popen(
        [sys.executable, "bootstrap.py", "up", "--stack", project.stack],
        cwd=project.folder,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    output = up(project)
    assert f"Database velpdevdb answers on 127.0.0.1:{project.port}" in output
    assert project.counts() == COUNTS
    assert project.plan().operations == {}
    assert git_status(project) == ""


def test_down_stops_and_two_ups_at_once_wait_for_one_another_and_start_it_with_the_data(
    project: Project,
) -> None:
    project.query("CREATE TABLE IF NOT EXISTS public.mine AS SELECT 1 AS x")
    project.bootstrap("down", "--stack", project.stack)
    assert docker("inspect", "-f", "{{.State.Status}}", project.container) == "exited"
    assert "is not running" in project.bootstrap("down", "--stack", project.stack)
    identity = docker("inspect", "-f", "{{.Id}}", project.container)
    runs = [
        subprocess.Popen(
            [sys.executable, "bootstrap.py", "up", "--stack", project.stack],
            cwd=project.folder,
            env=project.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(outputs)
    assert sum("==> waiting for another run" in output for output in outputs) == 1
    for output in outputs:
        assert "unchanged" in output
        assert "created" not in output
    assert docker("inspect", "-f", "{{.Id}}", project.container) == identity
    assert project.query("SELECT x FROM public.mine") == [(1,)]
    project.query("DROP TABLE public.mine")


def test_another_checkouts_container_is_left_alone(project: Project) -> None:
    stack = f"{project.stack}-b"
    name = f"velpharma-{stack}"
    image = docker("inspect", "-f", "{{.Image}}", project.container)
    label = f"velpharma.stack={stack}"
    flags = ("--label", label, "--volume", "/tmp:/data:ro", "--entrypoint", "sleep")
    docker("create", "--name", name, *flags, image, "600")
    try:
        project.bootstrap("stack", stack, "--port", str(free_port()))
        identity = docker("inspect", "-f", "{{.Id}}", name)
        output = project.bootstrap("up", "--stack", stack, check=False)
        assert f"failed to start stack {stack}" in output
        assert "Traceback" not in output
        docker("start", name)
        output = project.bootstrap("down", "--stack", stack, check=False)
        assert f"failed to stop container {name}" in output
        project.bootstrap("destroy", "--yes", "--stack", stack)
        assert docker("inspect", "-f", "{{.Id}} {{.State.Running}}", name) == f"{identity} true"
        assert not exists("volume", f"{name}-data")
    finally:
        docker("rm", "--force", "--volumes", name)
        project.pulumi("stack", "select", project.stack)


def test_a_second_stack_is_personal_and_destroying_it_leaves_nothing_but_the_first(
    project: Project,
) -> None:
    second = project.second_stack(f"{project.stack}-c")
    try:
        said = project.bootstrap("stack", second.stack, "--port", str(second.port))
        assert f"stack {second.stack} is selected, port {second.port}" in said
        assert git_status(project) == ""
        up(second)
        second.query("DELETE FROM vpv4.adverse_drug_reactions")
        assert project.counts() == COUNTS
        refused = project.bootstrap("destroy", "--stack", second.stack, check=False)
        assert "Add --yes" in refused
        assert second.counts() == (2281, 0)
        project.bootstrap("destroy", "--yes", "--stack", second.stack)
        assert second.leftovers() == []
        assert not second.settings_file.exists()
        assert git_status(project) == ""
        again = project.bootstrap("destroy", "--yes", "--stack", second.stack)
        assert f"stack {second.stack} is gone" in again
        assert project.counts() == COUNTS
    finally:
        second.remove()
        project.pulumi("stack", "select", project.stack)


def test_the_prepared_shell_runs_plain_pulumi(project: Project) -> None:
    script = 'eval "$(python3 bootstrap.py env)"; pulumi stack --show-name; command -v python'
    home, path = os.environ["HOME"], os.environ["PATH"]
    keep = {"HOME": home, "PATH": path} | {
        key: value for key, value in os.environ.items() if key.startswith("VELPHARMA")
    }
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=project.folder,
        env=keep,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    name, python = done.stdout.split()
    assert name == project.stack
    assert Path(python).parent == project.folder / ".venv" / "bin"
