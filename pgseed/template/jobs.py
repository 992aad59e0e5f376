"""Jobs that wait for each other, done over several sessions at once."""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Job(Generic[S]):
    """One piece of work on one session, done after the jobs named in `after`.

    Two jobs that share one of their `locks` are never done at once: the second would only keep a
    session waiting in PostgreSQL.
    """

    name: str
    work: Callable[[S], None]
    after: frozenset[str] = frozenset()
    locks: frozenset[int] = frozenset()


class Crew(Generic[S]):
    """Does jobs on a few threads, each with a session of its own; stops all at the first error."""

    def __init__(self, sessions: Sequence[S], cancel: Callable[[S], None]) -> None:
        self._sessions, self._cancel = sessions, cancel
        self._changed = threading.Condition()
        self._jobs: Sequence[Job[S]] = ()
        self._order: TopologicalSorter[str] = TopologicalSorter()
        self._places: dict[str, int] = {}
        self._ready: list[int] = []
        self._locked: set[int] = set()
        self._stopped = False

    def run(self, jobs: Sequence[Job[S]], tick: Callable[[], None]) -> None:
        """Do all jobs, the first that can be done first, then return.

        `tick` is called from this thread, ten times a second. Raises the first error of a job,
        after the other sessions' statements were cancelled.
        """
        self._jobs = jobs
        self._places = {job.name: place for place, job in enumerate(jobs)}
        self._order = TopologicalSorter({job.name: job.after for job in jobs})
        self._order.prepare()
        with ThreadPoolExecutor(len(self._sessions)) as pool:
            running = {pool.submit(self._loop, session) for session in self._sessions}
            try:
                while running:
                    ended, running = wait(running, timeout=0.1, return_when=FIRST_EXCEPTION)
                    for future in ended:
                        future.result()
                    tick()
            finally:
                # Also after an interrupt: the threads end before their sessions are closed.
                self._stop(bool(running))

    def _loop(self, session: S) -> None:
        while (job := self._take()) is not None:
            job.work(session)
            with self._changed:
                self._order.done(job.name)
                self._locked -= job.locks
                self._changed.notify_all()

    def _take(self) -> Job[S] | None:
        with self._changed:
            while self._order.is_active() and not self._stopped:
                for name in self._order.get_ready():
                    insort(self._ready, self._places[name])
                for place in self._ready:
                    job = self._jobs[place]
                    if self._locked.isdisjoint(job.locks):
                        self._ready.remove(place)
                        self._locked |= job.locks
                        return job
                self._changed.wait()
            return None

    def _stop(self, cancel: bool) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if cancel:
            for session in self._sessions:
                self._cancel(session)
