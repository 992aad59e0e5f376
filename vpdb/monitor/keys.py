"""Single key presses from a terminal, and what each does to the view."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from typing import Any

from vpdb.monitor.frame import SESSION_ORDERS, TABLE_ORDERS
from vpdb.monitor.model import View

PACES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Keyboard:
    """The terminal in a mode where a key arrives without Enter and is not echoed.

    Ctrl-C still interrupts. Where stdin is not a terminal there are no keys. Ends as it began,
    whatever happens between.
    """

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno() if sys.stdin and sys.stdin.isatty() else -1
        self._before: list[Any] = []

    def __enter__(self) -> Keyboard:
        if self._fd >= 0:
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def read(self, timeout_s: float) -> str:
        """Wait for keys at most so long; give those pressed by then, "" when none came."""
        if self._fd < 0:
            time.sleep(timeout_s)
            return ""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return ""
        pressed = os.read(self._fd, 32).decode(errors="ignore")
        # Nothing to read although there is something: the terminal is gone.
        if not pressed:
            return "q"
        # An arrow key sends ESC and letters, which nobody meant as such.
        return pressed.partition("\x1b")[0]


def press(view: View, key: str) -> bool:
    """Do what a key means; return False for the keys that quit."""
    if key in ("q", "Q", "\x03", "\x04"):
        return False
    if view.help:
        view.help = False
    elif key in ("p", " "):
        view.paused = not view.paused
    elif key == "s":
        view.session_order = _after(view.session_order, tuple(SESSION_ORDERS))
    elif key == "t":
        view.table_order = _after(view.table_order, tuple(TABLE_ORDERS))
    elif key in ("+", "="):
        view.interval_s = max((p for p in PACES_S if p < view.interval_s), default=PACES_S[0])
    elif key in ("-", "_"):
        view.interval_s = min((p for p in PACES_S if p > view.interval_s), default=PACES_S[-1])
    elif key in ("?", "h"):
        view.help = True
    return True


def _after(value: str, choices: tuple[str, ...]) -> str:
    return choices[(choices.index(value) + 1) % len(choices)]
