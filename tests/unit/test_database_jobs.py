"""The order of a load's work, and the threads that do it."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgseed.errors import ServerUnreachable
from pgseed.template.build import share_out
from pgseed.template.jobs import Crew, Job, Kind, next_job, plan_jobs
from pgseed.template.rows import load_sessions


def plan() -> list[Job]:
    return plan_jobs(
        tables={"big": 900, "small": 10},
        indexes={"big_pkey": "big", "small_pkey": "small"},
        foreign_keys={"big.to_small": {"big", "small"}, "nowhere": set()},
    )


def test_the_biggest_tables_rows_come_first() -> None:
    assert [job.subject for job in plan()[:2]] == ["big", "small"]


def test_the_biggest_tables_statistics_do_not_wait_for_the_small_tables_work() -> None:
    order = [job.key for job in plan()]
    assert order.index(("analyze", "big")) < order.index(("index", "small_pkey"))


def test_an_index_waits_for_its_rows_and_statistics_for_the_indexes() -> None:
    waits = {job.key: job.after for job in plan()}
    assert waits["index", "big_pkey"] == {("rows", "big")}
    assert waits["foreign key", "big.to_small"] == {("rows", "big"), ("rows", "small")}
    assert waits["foreign key", "nowhere"] == frozenset()
    assert waits["analyze", "big"] == {("rows", "big"), ("index", "big_pkey")}
    assert waits["count", "big"] == waits["analyze", "big"]


def test_a_look_at_the_catalog_waits_for_all_that_switches_indexes_and_triggers() -> None:
    waits = {job.key: job.after for job in plan()}
    assert waits["catalog", ""] == {key for key in waits if key[0] in ("rows", "index")}


@given(st.randoms())
def test_every_job_is_done_once_and_never_before_what_it_waits_for(random: object) -> None:
    waiting, done = plan(), list[tuple[Kind, str]]()
    while waiting:
        job = next_job(waiting, done)
        assert job is not None
        assert job.after <= set(done)
        waiting.remove(job)
        done.append(job.key)
    assert len(done) == len(set(done)) == 11


def test_a_crew_does_all_jobs_on_its_own_threads_and_reports_on_the_callers() -> None:
    seen: list[tuple[str, int]] = []
    ticks: list[int] = []
    crew = Crew(
        ["first", "second"],
        lambda session, job: seen.append((job.subject, threading.get_ident())),
        lambda session: None,
    )
    crew.run(plan(), lambda: ticks.append(threading.get_ident()))
    assert sorted(name for name, _ in seen) == sorted(job.subject for job in plan())
    assert threading.get_ident() not in {thread for _, thread in seen}
    assert set(ticks) == {threading.get_ident()}


def test_the_first_error_cancels_the_others_and_is_raised() -> None:
    cancelled = threading.Event()
    began = threading.Event()

    def work(session: str, job: Job) -> None:
        if job.subject == "big":
            began.set()
            assert cancelled.wait(10)  # as a statement that ends when it is cancelled
            raise RuntimeError("cancelled")
        assert began.wait(10)
        raise ValueError("the cause")

    crew = Crew(["first", "second"], work, lambda session: cancelled.set())
    with pytest.raises(ValueError, match="the cause"):
        crew.run(plan(), lambda: None)


def test_an_interrupt_ends_the_threads_before_it_goes_on() -> None:
    stop = threading.Event()
    running: list[bool] = []

    def work(session: str, job: Job) -> None:
        running.append(True)
        stop.wait(10)
        time.sleep(0.05)
        running.append(False)

    def interrupt() -> None:
        raise KeyboardInterrupt

    crew = Crew(["only"], work, lambda session: stop.set())
    with pytest.raises(KeyboardInterrupt):
        crew.run(plan(), interrupt)
    assert running == [True, False]


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
