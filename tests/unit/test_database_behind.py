"""What a command leaves behind: begun before the program ends, and closed whatever happens."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable

import pytest

from pgseed.databases import after_exit as behind


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What would be called when the program ends."""
    registered: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    return registered


def test_a_program_ends_no_sooner_than_a_slow_thread_has_begun_its_step(
    at_exit: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(threading.Thread):
        def run(self) -> None:
            time.sleep(10 * behind._SEND_S)
            super().run()

    monkeypatch.setattr(threading, "Thread", Late)
    begun, ended = threading.Event(), threading.Event()
    behind.leave_behind(begun.set, ended.set)
    at_exit[0]()
    assert begun.is_set()
    assert ended.wait(5)


def test_a_program_does_not_wait_for_a_step_that_takes_long(
    at_exit: list[Callable[[], object]],
) -> None:
    may_end, ended = threading.Event(), threading.Event()
    behind.leave_behind(may_end.wait, ended.set)
    at_exit[0]()
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_session_is_closed_behind_a_step_that_fails(
    at_exit: list[Callable[[], object]],
) -> None:
    ended = threading.Event()

    def fail() -> None:
        raise ValueError("on purpose")

    behind.leave_behind(fail, ended.set)
    assert ended.wait(5)
    at_exit[0]()
