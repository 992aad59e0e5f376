"""Living and ended processes, real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from toolchain.processes import is_alive, process_start


def test_this_process_started_a_while_ago() -> None:
    started = process_start(os.getpid())
    assert started is not None
    assert time.time() - 3600 < started <= time.time() + 1 or started == 0.0


def test_a_process_that_ended_has_no_start() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert process_start(child.pid) is None


def test_the_living_the_collected_and_the_zombie() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1), "another user's process lives, too"
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # its end: it is over, or about to be
    end = time.monotonic() + 30
    while is_alive(child.pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(child.pid), "a zombie counts as ended"
    child.wait()
    assert not is_alive(child.pid)
