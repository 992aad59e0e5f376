"""Statements that a command sends and does not wait for, each from a thread of its own."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

BEHIND_THREAD = "left behind"
# Nobody is kept from leaving for longer by a statement that is being sent; in seconds.
_SEND_S = 0.02
# What comes before the last statement may need as long as its disk for all that waits there.
_LONGEST_S = 60.0


def leave_behind(steps: Sequence[Callable[[], object]], end: Callable[[], object]) -> None:
    """Do the steps behind the caller's back, then `end`, whatever becomes of them.

    The program ends no sooner than the last step has begun. A statement that has reached the server
    by then is carried out (a session with the settings UNATTENDED).
    """
    if not steps:
        end()
        return
    last_begins = threading.Event()
    began_at = 0.0

    def work() -> None:
        nonlocal began_at
        with ExitStack() as ending:
            ending.callback(end)
            ending.callback(last_begins.set)
            for step in steps[:-1]:
                step()
            began_at = time.monotonic()
            last_begins.set()
            steps[-1]()

    # A daemon, so that nothing waits for its end; until the last statement is sent something does.
    thread = threading.Thread(target=work, name=BEHIND_THREAD, daemon=True)

    def see_it_sent() -> None:
        last_begins.wait(_LONGEST_S)
        thread.join(max(0.0, began_at + _SEND_S - time.monotonic()))

    atexit.register(see_it_sent)
    thread.start()
