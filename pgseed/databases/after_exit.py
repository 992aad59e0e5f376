"""Statements that a command sends and does not wait for, each from a thread of its own."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

BEHIND_THREAD = "left behind"
# Nobody is kept from leaving for longer by a statement that is being sent; in seconds.
_SEND_S = 0.02


def leave_behind(step: Callable[[], object], end: Callable[[], object]) -> None:
    """Do a step behind the caller's back, then `end`, whatever becomes of it.

    The program ends no sooner than the step has begun. A statement that has reached the server by
    then is carried out (a session with the settings UNATTENDED).
    """
    began: SimpleQueue[float] = SimpleQueue()

    def work() -> None:
        began.put(time.monotonic())
        try:
            step()
        finally:
            end()

    # A daemon, so that nothing waits for its end; until the statement is sent something does.
    thread = threading.Thread(target=work, name=BEHIND_THREAD, daemon=True)

    def see_it_sent() -> None:
        thread.join(max(0.0, began.get() + _SEND_S - time.monotonic()))

    atexit.register(see_it_sent)
    thread.start()
