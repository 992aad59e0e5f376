"""Progress of long work: one callback for all of it, and its wording for people.

A phase is a text; what stands behind a colon may change while the phase goes on
("load rows: 12,000 of 90,000 rows"). Done and total are bytes; total 0 means "not known".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from pgseed.units import duration, size

Progress = Callable[[str, int, int], None]


def quiet(_phase: str, _done: int, _total: int) -> None:
    """Report nothing."""


@dataclass
class Meter:
    """Turns progress reports into lines, at most one every `every_s` seconds a phase.

    The first report of a phase gives a line at once, so that it is clear what is going on; a phase
    that takes less than `every_s` says no more.
    """

    every_s: float = 2.0
    clock: Callable[[], float] = time.monotonic
    _phase: str = ""
    _began: float = 0.0
    _said: float = 0.0

    def line(self, phase: str, done: int, total: int) -> str | None:
        """Give the line to show now, or None."""
        now = self.clock()
        name = phase.partition(":")[0]
        if name != self._phase:
            self._phase, self._began, self._said = name, now, now
            return describe(name, 0, total, 0.0)
        if now - self._said < self.every_s:
            return None
        self._said = now
        return describe(phase, done, total, now - self._began)


def describe(phase: str, done: int, total: int, seconds: float) -> str:
    """Word one report: what, how much of how much, how fast, how long still."""
    if not total:
        return phase
    if not done or seconds <= 0:
        return f"{phase}, {size(total)}"
    rate = done / seconds
    left = max(0, total - done) / rate
    return (
        f"{phase}, {size(done)} of {size(total)} ({100 * done // total} %),"
        f" {size(rate)}/s, {duration(left)} left"
    )


def print_lines(stream: TextIO | None = None) -> Progress:
    """Give a progress that prints lines: for `pulumi up`, logs, and terminals without a cursor."""
    meter = Meter()

    def report(phase: str, done: int, total: int) -> None:
        text = meter.line(phase, done, total)
        if text is not None:
            print(text, file=stream or sys.stdout, flush=True)

    return report


def while_heard(progress: Progress) -> Progress:
    """Give a progress whose reader may be gone: work that has to be finished goes on without."""

    def report(phase: str, done: int, total: int) -> None:
        with suppress(OSError):
            progress(phase, done, total)

    return report
