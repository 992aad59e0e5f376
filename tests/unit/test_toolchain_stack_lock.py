"""Locks of dead pulumi processes: judged by plain values, then with real files and processes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.pulumi_lock import write_lock
from toolchain.stack_lock import Holder, clear_dead, is_dead, read_holder


@pytest.mark.parametrize(
    ("host", "started", "verdict"),
    [
        ("here", None, True),  # no such process
        ("here", 90.0, False),  # the holder lives: it started before it wrote the lock
        ("here", 101.0, False),  # within what clocks differ by
        ("here", 500.0, True),  # another process has its id now
        ("elsewhere", None, None),
        ("elsewhere", 90.0, None),
    ],
)
def test_a_holder_is_judged_by_host_life_and_age(
    host: str, started: float | None, verdict: bool | None
) -> None:
    holder = Holder(pid=7, host=host, since=100.0)
    assert is_dead(holder, host="here", started_at=lambda _pid: started) is verdict


@pytest.mark.parametrize("at", ["19:00:25.292917407Z", "14:00:25.292917407-05:00"])
def test_a_lock_is_read_as_pulumi_writes_it(at: str) -> None:
    text = f'{{"pid":13239,"username":"root","hostname":"vm","timestamp":"2026-11-22T{at}"}}'
    since = datetime(2026, 11, 22, 19, 0, 25, 292917, tzinfo=UTC).timestamp()
    assert read_holder(text) == Holder(13239, "vm", since, "root")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x"}'])
def test_a_lock_that_is_not_whole_is_left_alone(text: str) -> None:
    assert read_holder(text) is None


def test_a_killed_holders_lock_goes_with_its_attributes(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write_lock(tmp_path, pid=child.pid)
    child.kill()
    child.wait()
    clear_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_locks_of_another_host_and_unreadable_ones_stay(tmp_path: Path) -> None:
    write_lock(tmp_path, pid=1, host="another-host", name="far")
    (tmp_path / "half.json").write_text('{"pid": 1')
    clear_dead(tmp_path)
    assert {path.name for path in tmp_path.glob("*.json")} == {"far.json", "half.json"}


def test_a_living_holder_is_waited_for(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    path = write_lock(tmp_path, pid=child.pid)
    clear_dead(tmp_path, wait_s=0.2)
    assert path.exists(), "a living holder's lock was removed"
    clear_dead(tmp_path, wait_s=10)  # returns when it has ended, though nobody collected it yet
    assert not path.exists()
    child.wait()


def test_no_locks_are_no_trouble(tmp_path: Path) -> None:
    clear_dead(tmp_path / "never-made")
