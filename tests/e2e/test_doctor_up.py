"""A half-finished `pulumi up`, made by killing a real one, and what the doctor says of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.xdist_group("e2e-pulumi")


def locks(project: Project) -> list[Path]:
    folder = project.folder / ".state/.pulumi/locks/organization/velpharma" / project.stack
    return sorted(folder.glob("*.json"))


def test_a_killed_up_is_named_its_lock_cleared_and_up_goes_on(project: Project) -> None:
    run = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", project.stack],
        cwd=project.folder,
        env=project.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A group of its own, so that plugins and language host die with it.
        start_new_session=True,
    )
    end = time.monotonic() + 120
    while not locks(project):
        assert run.poll() is None, "up ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)

    # Stopped where it is, so that it cannot finish meanwhile; alive all the same.
    os.killpg(run.pid, signal.SIGSTOP)
    held = project.vpdb("doctor", check=False)
    assert "a pulumi command is at work" in held
    project.vpdb("doctor", "--fix", check=False)
    assert locks(project), "a living command's lock was taken away"

    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    text = project.vpdb("doctor", check=False)
    assert "`pulumi up` was killed and left its lock" in text
    assert f"process {run.pid} of " in text
    assert "bootstrap.py up" in text

    fixed = project.vpdb("doctor", "--fix", check=False)
    assert f"removed the lock of the killed `pulumi` (process {run.pid})" in fixed
    assert not locks(project)
    project.up("--refresh")
    assert "finished, no lock left" in project.vpdb("doctor", check=False)
