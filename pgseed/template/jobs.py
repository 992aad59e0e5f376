"""The work of a load as jobs with an order, and the threads that do it over several sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

S = TypeVar("S")

# In the order of one table's work. Statistics need the indexes, and take longest of what then is
# left to do; all that stands behind them may go on meanwhile.
Kind = Literal["rows", "index", "analyze", "foreign key", "count", "catalog"]
_RANK: dict[Kind, int] = {kind: rank for rank, kind in enumerate(get_args(Kind))}
_OF_A_WHOLE_TABLE: tuple[Kind, ...] = ("analyze", "count")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work; it waits for `after`.

    `subject` is a table's, index's or key's name, if it has one, `weight` the size of the table in
    bytes of the backup. Of jobs that could begin, rows go first, for all else waits for them; then
    all that is to do for the heaviest table, so that its statistics do not keep one session busy
    at the end while the others rest.
    """

    kind: Kind
    subject: str
    table: str
    weight: int
    after: frozenset[tuple[Kind, str]] = frozenset()

    @property
    def key(self) -> tuple[Kind, str]:
        return (self.kind, self.subject)


def plan_jobs(
    *,
    tables: Mapping[str, int],
    indexes: Mapping[str, str],
    foreign_keys: Mapping[str, Collection[str]],
) -> list[Job]:
    """Order the work: rows of a table, then its indexes, its statistics, foreign keys and count.

    `tables`: name -> bytes; `indexes`: index -> table, those that take longest first;
    `foreign_keys`: key -> the tables of both its ends, whose rows it waits for. ANALYZE and an
    index build of the same table shut each other out in PostgreSQL, so statistics wait for the
    indexes; so does the count, which is read from one. A look at the catalog waits for all of
    them.
    """
    jobs = [Job("rows", name, name, weight) for name, weight in tables.items()]
    jobs += [
        Job("index", index, table, tables[table], frozenset({("rows", table)}))
        for index, table in indexes.items()
    ]
    whole = frozenset(job.key for job in jobs)
    for table, weight in tables.items():
        waits = frozenset(job.key for job in jobs if job.table == table)
        jobs += [Job(kind, table, table, weight, waits) for kind in _OF_A_WHOLE_TABLE]
    for name, ends in foreign_keys.items():
        rows: set[tuple[Kind, str]] = {("rows", table) for table in ends if table in tables}
        weight = max((tables.get(table, 0) for table in ends), default=0)
        jobs.append(Job("foreign key", name, "", weight, frozenset(rows)))
    jobs.append(Job("catalog", "", "", 0, whole))
    return sorted(jobs, key=lambda job: (job.kind != "rows", -job.weight, _RANK[job.kind]))


def next_job(waiting: Iterable[Job], done: Collection[tuple[Kind, str]]) -> Job | None:
    """Choose the first job, in planned order, that waits for nothing any more."""
    return next((job for job in waiting if job.after <= set(done)), None)


class Crew(Generic[S]):
    """Does jobs on a few threads, each with a session of its own; stops all at the first error."""

    def __init__(
        self,
        sessions: Sequence[S],
        work: Callable[[S, Job], None],
        cancel: Callable[[S], None],
    ) -> None:
        self._sessions, self._work, self._cancel = sessions, work, cancel
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._done: set[tuple[Kind, str]] = set()
        self._stopped = False

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> None:
        """Do all jobs, then return; `tick` is called from this thread, ten times a second.

        Raises the first error of a job, after the other sessions' statements were cancelled.
        """
        self._waiting = list(jobs)
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
            self._work(session, job)
            with self._changed:
                self._done.add(job.key)
                self._changed.notify_all()

    def _take(self) -> Job | None:
        with self._changed:
            while self._waiting and not self._stopped:
                job = next_job(self._waiting, self._done)
                if job is not None:
                    self._waiting.remove(job)
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
