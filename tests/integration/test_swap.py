"""The reload beside the live database: what clients see, what comes along, what is cached."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from pgseed.databases.sessions import begin_alone, ending_sessions
from pgseed.databases.work import Busy
from pgseed.errors import BackupRefused, SeedError
from pgseed.live.database import LiveDatabase
from tests.integration.cli_stack import wait_until
from tests.integration.conftest import Stack
from tests.support.contents import ask, databases_of, rows_of
from tests.support.server import CHECKOUT
from vpdb.seed_source import Content
from vpdb.server.docker_server import DockerServer
from vpdb.settings import project_defaults


def test_a_first_load_is_built_and_the_second_adopts_it(stack: Stack) -> None:
    first = stack.load()
    assert first.action == "built"
    oid = stack.ask("SELECT oid FROM pg_database WHERE datname = current_database()")
    assert stack.load().action == "adopted"
    assert stack.ask("SELECT oid FROM pg_database WHERE datname = current_database()") == oid
    assert stack.kinds() == ["schema", "template"]


def test_the_stamp_tells_what_was_loaded(stack: Stack) -> None:
    result = stack.load()
    stamp = stack.stamp()
    assert stamp == result.stamp
    content = stack.content()
    assert (stamp.content_id, stamp.source) == (content.content_id, "seed")
    assert stamp.label.endswith("_05-seed-base.sql.disabled")
    assert {name: stamp.rows[name] for name in content.tables} == content.tables
    assert LiveDatabase(stack.server, "no_such_database").stamp() is None


def test_going_back_to_a_content_is_a_clone(stack: Stack) -> None:
    stack.load()
    stack.load(source="empty")
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]
    back = stack.load()
    assert back.action == "cloned"
    assert back.kept is None
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(3,)]
    assert stack.kinds() == ["schema", "template", "template"]


def test_a_planned_content_is_read_only_where_it_has_to_be_built(stack: Stack) -> None:
    stack.load()
    planned = stack.content().content_id
    stack.load(source="empty")

    def changed_since() -> Content:
        raise BackupRefused(stack.backup, "it changed after this run was planned")

    before = rows_of(stack.server, stack.live)
    with pytest.raises(BackupRefused, match="it changed"):
        stack.load_planned("0" * 64, changed_since)
    assert rows_of(stack.server, stack.live) == before
    result = stack.load_planned(planned, changed_since)
    assert (result.action, result.stamp.content_id) == ("cloned", planned)
    assert stack.load_planned(planned, changed_since).action == "adopted"


def test_the_newest_templates_stay(stack: Stack) -> None:
    for version in range(4):
        path = stack.init / "03-create-extensions.sql"
        path.write_text(path.read_text() + f"-- version {version}\n")
        stack.load(templates=2)
    assert stack.kinds() == ["schema", "schema", "template", "template"]
    stack.load(templates=0)
    assert stack.kinds() == []
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(3,)]


def test_settings_grants_owner_and_limit_come_along(stack: Stack) -> None:
    stack.load()
    name = stack.live
    role = f"r_{name}"
    ask(stack.server, "postgres", f'CREATE ROLE "{role}"')
    try:
        for statement in (
            f'ALTER DATABASE {name} SET search_path = vpv4, "odd, name", public',
            f"ALTER DATABASE {name} SET statement_timeout = '7min'",
            f"ALTER ROLE \"{role}\" IN DATABASE {name} SET work_mem = '3MB'",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
            f'GRANT TEMPORARY ON DATABASE {name} TO "{role}" WITH GRANT OPTION',
            f"ALTER DATABASE {name} CONNECTION LIMIT 17",
            f'ALTER DATABASE {name} OWNER TO "{role}"',
        ):
            ask(stack.server, "postgres", statement)

        def belongings() -> list[tuple[object, ...]]:
            return ask(
                stack.server,
                "postgres",
                "SELECT datdba::regrole::text, datconnlimit,"
                " (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),"
                " (SELECT array_agg(setrole::regrole || setconfig::text ORDER BY 1)"
                "    FROM pg_db_role_setting WHERE setdatabase = d.oid)"
                " FROM pg_database d WHERE datname = %s",
                name,
            )

        before = belongings()
        assert stack.load(source="empty").action == "built"
        assert belongings() == before
        assert stack.load().action == "cloned"
        assert belongings() == before
    finally:
        ask(stack.server, "postgres", f"ALTER DATABASE {name} OWNER TO velpharma")
        ask(stack.server, "postgres", f'REVOKE ALL ON DATABASE {name} FROM "{role}"')
        ask(stack.server, "postgres", f'ALTER ROLE "{role}" IN DATABASE {name} RESET ALL')
        for database in databases_of(stack.server, name):
            ask(stack.server, database, f'DROP OWNED BY "{role}"')
        ask(stack.server, "postgres", f'DROP ROLE "{role}"')


class Client(threading.Thread):
    """A program that connects anew for every question, and notes what it got."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.stack, self.stopped = stack, threading.Event()
        self.answers: set[tuple[int, int]] = set()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                rows = self.stack.ask(
                    "SELECT (SELECT count(*) FROM vpv4.products),"
                    " (SELECT count(*) FROM vpv4.reaction_terms)"
                )
                self.answers.update(rows)  # type: ignore[arg-type]
            except (psycopg2.Error, SeedError):
                continue  # the swap has ended the session: it asks again


def test_clients_see_all_old_or_all_new(stack: Stack) -> None:
    stack.load()
    clients = [Client(stack) for _ in range(4)]
    for client in clients:
        client.start()
    for _ in range(3):
        stack.load(source="empty")
        stack.load()
    for client in clients:
        client.stopped.set()
        client.join()
    assert set.union(*(client.answers for client in clients)) == {(3, 3), (0, 0)}


@pytest.fixture
def in_the_middle(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Have something begin in the middle of the next swap, which goes on when that has to wait."""
    threads: list[threading.Thread] = []

    def begin(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)

        @contextmanager
        def ending(helper: Any, databases: Sequence[int]) -> Iterator[None]:
            with ending_sessions(helper, databases):
                if not threads:
                    threads.append(thread)
                    thread.start()
                    wait_until(is_waiting, timeout_s=20, what="somebody's wait for the swap")
                yield

        monkeypatch.setattr("pgseed.databases.swap.ending_sessions", ending)

    with stack.server.session("postgres") as onlooker:

        def is_waiting() -> bool:
            with onlooker.cursor() as cursor:
                cursor.execute(
                    "SELECT FROM pg_locks WHERE NOT granted AND relation = 'pg_database'::regclass"
                )
                return cursor.rowcount > 0

        yield begin
    assert threads


def test_who_comes_in_the_middle_of_a_swap_waits_for_the_new_data(
    stack: Stack, in_the_middle: Callable[[Callable[[], None]], None]
) -> None:
    got: list[object] = []
    came = threading.Event()

    def come() -> None:
        try:
            with stack.server.session(stack.live) as session, session.cursor() as cursor:
                for _ in range(2):
                    cursor.execute("SELECT count(*) FROM vpv4.products")
                    got.append(cursor.fetchall())
        except (psycopg2.Error, SeedError) as error:
            got.append(error)
        came.set()

    stack.load()
    in_the_middle(come)
    stack.load(source="empty")
    assert came.wait(60)
    assert got == [[(0,)], [(0,)]]


def test_who_holds_the_database_and_wants_its_name_is_let_through(
    stack: Stack, in_the_middle: Callable[[Callable[[], None]], None]
) -> None:
    """So does everybody who connects, for a moment: it must not end in a deadlock."""
    got: list[object] = []
    stack.load()
    with stack.server.session("postgres", autocommit=False) as holder, holder.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS 'x'").format(sql.Identifier(stack.live)))

        def look() -> None:
            try:
                cursor.execute("SELECT count(*) FROM pg_database")
                got.append(cursor.fetchall())
                holder.rollback()
            except psycopg2.Error as error:
                got.append(error)

        in_the_middle(look)
        assert stack.load(source="empty").action == "built"
    assert len(got) == 1
    assert not isinstance(got[0], psycopg2.Error)
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]


def test_who_holds_the_database_for_long_makes_only_the_swap_wait(stack: Stack) -> None:
    stack.load()
    swapping = threading.Event()

    def hear(phase: str, _done: int, _total: int) -> None:
        if phase.startswith("swap "):
            swapping.set()

    load = threading.Thread(target=stack.load, kwargs={"progress": hear, "source": "empty"})

    def is_waiting() -> bool:
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND classid = 'pg_database'::regclass"
        return bool(ask(stack.server, "postgres", f"SELECT EXISTS ({waiting})")[0][0])

    with stack.server.session("postgres", autocommit=False) as holder, holder.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS 'x'").format(sql.Identifier(stack.live)))
        load.start()
        assert swapping.wait(60)
        for _ in range(40):
            is_waiting()  # connects
            time.sleep(0.02)
        wait_until(is_waiting, timeout_s=20, what="the swap's wait")
        holder.rollback()
        load.join(60)
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]


def test_a_session_that_reads_the_list_of_databases_does_not_stop_the_swap(stack: Stack) -> None:
    stack.load()
    with (
        stack.server.session("postgres", autocommit=False) as reader,
        reader.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM pg_database")
        assert stack.load(source="empty").action == "built"
        cursor.execute("SELECT 1")
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]


def test_who_reads_that_list_in_the_live_database_is_ended_first(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_alone: list[bool] = []

    def begin(cursor: Any) -> bool:
        was_alone.append(begin_alone(cursor))
        return was_alone[-1]

    monkeypatch.setattr("pgseed.databases.swap.begin_alone", begin)
    stack.load()
    with stack.server.session(stack.live, autocommit=False) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database")
        assert stack.load(source="empty").action == "built"
    assert was_alone[-1]


def test_the_live_database_always_takes_connections(stack: Stack) -> None:
    stack.load()
    stack.load(source="empty")
    shut = ask(
        stack.server,
        "postgres",
        "SELECT datname FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'"
        " AND datname NOT LIKE '%\\_spare\\_%'",
    )
    assert shut == []


def test_a_session_that_will_not_leave_does_not_stop_the_swap(stack: Stack) -> None:
    stack.load()
    with stack.server.session(stack.live, autocommit=False) as stubborn:
        with stubborn.cursor() as cursor:
            cursor.execute("LOCK TABLE vpv4.products")
        stack.load(source="empty")
        with pytest.raises(psycopg2.Error), stubborn.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]


def test_a_template_in_use_is_cloned_all_the_same(stack: Stack) -> None:
    stack.load()
    template = next(name for name in stack.databases() if "_template_" in name)
    stack.load(source="empty")
    with stack.server.session(template):
        assert stack.load().action == "cloned"


def test_a_second_command_waits_and_says_for_whom(stack: Stack) -> None:
    told: list[str] = []
    ready = threading.Event()

    def hear(phase: str, _done: int, _total: int) -> None:
        told.append(phase)
        ready.set()

    with stack.engine().turn("load something"):
        second = threading.Thread(target=stack.load, kwargs={"progress": hear})
        second.start()
        assert ready.wait(10)
        with (
            pytest.raises(Busy, match=r"vpdb load something by .*, process"),
            stack.engine().turn("third", wait_s=0.1),
        ):
            pass
        assert stack.databases() == []
    second.join(60)
    assert told[0].startswith("waiting for vpdb load something by ")
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(3,)]


def test_what_killed_runs_left_is_cleared_away(stack: Stack) -> None:
    stack.load()
    name = stack.live
    for leftover in (
        f"{name}_build_0123456789ab",
        f"{name}_clone_0123456789ab",
        f"{name}_template_0123456789ab",
    ):
        ask(stack.server, "postgres", f"CREATE DATABASE {leftover}")
    ask(stack.server, "postgres", f"CREATE DATABASE {name}_kept_20200101_000000")
    ask(
        stack.server,
        "postgres",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s",
        f"{name}_kept_20200101_000000",
    )
    bystander = f"{name}_kept_yesterday"
    ask(stack.server, "postgres", f"CREATE DATABASE {bystander}")
    stack.load()
    assert stack.kinds() == ["kept", "schema", "template"]
    assert bystander in stack.databases()


def test_a_live_database_that_was_dropped_comes_back(stack: Stack) -> None:
    stack.load()
    before = rows_of(stack.server, stack.live)
    ask(stack.server, "postgres", f"DROP DATABASE {stack.live} WITH (FORCE)")
    assert stack.load().action == "cloned"
    assert rows_of(stack.server, stack.live) == before
    ((owner,),) = stack.ask(
        "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
    )
    assert owner == "velpharma"


def test_the_images_own_empty_database_is_replaced_without_being_kept(server: DockerServer) -> None:
    # The only test that is about the database the image itself made.
    stack = Stack(server, CHECKOUT, project_defaults(CHECKOUT)[1]["database"])
    assert stack.load(source="seed").kept is None
    assert "kept" not in stack.kinds()


def test_steps_of_a_load_are_in_the_servers_log(stack: Stack) -> None:
    from vpdb import docker

    stack.load()
    log = docker.logs(stack.server.container, lines=300)
    assert f"vpdb: swap {stack.live}: content" in log
    assert f"vpdb: built {stack.live}_template_" in log
