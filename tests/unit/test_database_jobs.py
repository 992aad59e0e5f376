"""The order of a load's work, and the threads that do it."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgseed.backup.model import RowBlock
from pgseed.databases.catalog import Table
from pgseed.errors import ServerUnreachable
from pgseed.template.build import share_out
from pgseed.template.jobs import Crew, Job
from pgseed.template.partition_groups import LARGE_TABLE_BYTES, RowGroup, batch_groups
from pgseed.template.rows import load_sessions


def run(jobs: list[Job[str]], sessions: int = 2) -> None:
    Crew([f"session {n}" for n in range(sessions)], lambda session: None).run(jobs, lambda: None)


@given(
    waits=st.lists(st.sets(st.integers(0, 30), max_size=3), max_size=12),
    locks=st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=12, max_size=12),
    sessions=st.integers(1, 3),
)
def test_every_job_is_done_once_after_what_it_waits_for_and_never_beside_its_locks(
    waits: list[set[int]], locks: list[set[int]], sessions: int
) -> None:
    done: list[str] = []
    held: list[int] = []
    guard = threading.Lock()

    def job(number: int) -> Job[str]:
        after = frozenset(str(n) for n in waits[number] if n < number)
        own = frozenset(locks[number])

        def work(session: str) -> None:
            with guard:
                assert after <= set(done)
                assert own.isdisjoint(held)
                held.extend(own)
            with guard:
                for lock in own:
                    held.remove(lock)
                done.append(str(number))

        return Job(str(number), work, after, own)

    run([job(number) for number in range(len(waits))], sessions)
    assert sorted(done, key=int) == [str(number) for number in range(len(waits))]


def test_of_jobs_that_can_be_done_the_first_comes_first() -> None:
    done: list[str] = []

    def job(name: str, *after: str) -> Job[str]:
        return Job(name, lambda session: done.append(name), frozenset(after))

    run([job("behind", "a"), job("a"), job("b"), job("last", "b")], sessions=1)
    assert done == ["a", "behind", "b", "last"]


def test_a_crew_works_on_its_own_threads_and_reports_on_the_callers() -> None:
    workers: set[int] = set()
    ticks: set[int] = set()
    jobs: list[Job[str]] = [
        Job(str(n), lambda session: workers.add(threading.get_ident())) for n in range(5)
    ]
    Crew(["first", "second"], lambda session: None).run(
        jobs, lambda: ticks.add(threading.get_ident())
    )
    assert threading.get_ident() not in workers
    assert ticks == {threading.get_ident()}


def test_the_first_error_cancels_the_others_and_is_raised() -> None:
    cancelled = threading.Event()
    began = threading.Event()

    def long(session: str) -> None:
        began.set()
        assert cancelled.wait(10)  # as a statement that ends when it is cancelled
        raise RuntimeError("cancelled")

    def failing(session: str) -> None:
        assert began.wait(10)
        raise ValueError("the cause")

    crew = Crew(["first", "second"], lambda session: cancelled.set())
    with pytest.raises(ValueError, match="the cause"):
        crew.run([Job("long", long), Job("failing", failing)], lambda: None)


def test_an_interrupt_ends_the_threads_before_it_goes_on() -> None:
    stop = threading.Event()
    running: list[bool] = []

    def work(session: str) -> None:
        running.append(True)
        stop.wait(10)
        time.sleep(0.05)
        running.append(False)

    def interrupt() -> None:
        raise KeyboardInterrupt

    crew = Crew(["only"], lambda session: stop.set())
    with pytest.raises(KeyboardInterrupt):
        crew.run([Job("job", work), Job("never", work)], interrupt)
    assert running == [True, False]


def group(name: str, size: int) -> RowGroup:
    block = RowBlock("copy", "app", name, None, line=1, start=0, end=size, rows=1)
    return RowGroup(name, (block,), (Table(1, "app", name, "r", 1, ()),))


def test_a_large_table_has_a_transaction_of_its_own_and_the_largest_comes_first() -> None:
    groups = [group("small", 9), group("large", LARGE_TABLE_BYTES), group("larger", 10**9)]
    batches = batch_groups([*groups, group("little", 8)])
    assert [[g.name for g in batch] for batch in batches] == [
        ["larger"],
        ["large"],
        ["small", "little"],
    ]


@given(st.lists(st.integers(0, 2 * LARGE_TABLE_BYTES)))
def test_small_tables_share_transactions_that_stay_small(sizes: list[int]) -> None:
    groups = [group(str(number), size) for number, size in enumerate(sizes)]
    batches = batch_groups(groups)
    assert sorted(g.name for batch in batches for g in batch) == sorted(g.name for g in groups)
    for batch in batches:
        assert len(batch) <= 50
        assert len(batch) == 1 or sum(g.weight for g in batch) <= LARGE_TABLE_BYTES
        assert len(batch) == 1 or not any(g.is_large for g in batch)


@pytest.mark.parametrize(
    ("cores", "shares"), [(1, (2, 0)), (2, (2, 0)), (4, (4, 0)), (8, (4, 1)), (16, (4, 3))]
)
def test_cores_are_shared_out_among_sessions_before_helpers(
    cores: int, shares: tuple[int, int]
) -> None:
    assert share_out(cores) == shares


class LastIsRefused:
    """A server that has no room for the last of the sessions asked for."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0

    def connect(self, _database: str, *, purpose: str, settings: object) -> LastIsRefused:
        if purpose == "load 3":
            raise ServerUnreachable("failed to connect: too many clients already")
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1


def test_a_session_that_cannot_be_opened_closes_those_that_were() -> None:
    server = LastIsRefused()
    with (
        pytest.raises(ServerUnreachable, match="too many clients"),
        load_sessions(server, "velpdevdb_build", 3, 0),  # type: ignore[arg-type]
    ):
        pass
    assert server.opened == server.closed == 2
