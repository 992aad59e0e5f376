"""Looking again and again in the background, so that keys answer while a server does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg2

from pgseed.errors import SeedError
from vpdb.monitor.model import Sample


class Watcher:
    """Calls `look` every `interval_s`; keeps the newest sample and the newest trouble.

    Only the looking happens in the thread: who reads `news` works on finished values.
    """

    def __init__(self, look: Callable[[], Sample], interval_s: float) -> None:
        self.interval_s = interval_s
        self.paused = False
        self._look = look
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._sample: Sample | None = None
        self._trouble = ""
        self._answered = time.monotonic()

    def __enter__(self) -> Watcher:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def news(self) -> tuple[Sample | None, str]:
        """Take the sample that came since the last call, and what is wrong right now ("" if not).

        A look under way for long is trouble of its own: a paused container accepts connections
        and never answers.
        """
        with self._lock:
            sample, self._sample = self._sample, None
            silent_s = time.monotonic() - self._answered
            trouble = self._trouble
            if not trouble and not self.paused and silent_s > max(5.0, 2.5 * self.interval_s):
                trouble = f"no answer for {silent_s:.0f} s"
            return sample, trouble

    def _run(self) -> None:
        while not self._ended.is_set():
            started = time.monotonic()
            if not self.paused:
                self._once()
            # A pace changed meanwhile counts from now.
            while not self._ended.wait(0.05):
                if not self.paused and time.monotonic() - started >= self.interval_s:
                    break

    def _once(self) -> None:
        sample, trouble = None, ""
        try:
            sample = self._look()
        except (SeedError, psycopg2.Error) as error:
            trouble = " ".join(str(error).split())
        with self._lock:
            self._sample, self._trouble = sample or self._sample, trouble
            self._answered = time.monotonic()
