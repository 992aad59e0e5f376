"""What is in the live database decides, and nothing that somebody wrote goes without a word."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import psycopg2
import pytest
from psycopg2 import sql

from pgseed.errors import BackupRefused
from pgseed.live.status import IN_STEP, LOCALLY_CHANGED, STALE
from tests.integration.conftest import Stack
from tests.support.contents import ask, rows_of
from tests.support.server import PASSWORD
from vpdb.server.orphans import orphaned_directories
from vpdb.server.password import set_password

CHANGE = "UPDATE vpv4.products SET name = 'mine' WHERE product_id = 1"


def kept_names(stack: Stack) -> list[str]:
    return [name for name in stack.databases() if name.startswith(f"{stack.live}_kept_")]


def test_what_undo_brought_back_is_held_until_the_files_want_something_new(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    stack.load(source="empty")
    live = stack.engine()
    wanted = stack.content(source="empty").seed
    live.undo(wanted.id)
    held = live.status(wanted)
    assert (held.is_held, held.is_stale) == (True, False)
    assert held.live is not None
    assert held.live.content_id != wanted.id
    assert live.status(stack.content().seed).is_held is False, "the files changed meanwhile"
    # Going back ends it.
    live.undo(wanted.id)
    assert not live.status(wanted).is_held
    assert live.status(wanted).exit_code == IN_STEP


def test_a_reset_of_what_is_held_holds_nothing(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    stack.load(source="empty")
    wanted = stack.content(source="empty").seed
    stack.engine().undo(wanted.id)
    stack.reset()
    assert stack.engine().status(wanted).exit_code == STALE


def test_a_column_dropped_and_added_again_with_a_default_is_a_change(stack: Stack) -> None:
    """PostgreSQL writes no row for it: the values stand in pg_attribute.attmissingval."""
    stack.use_schema("CREATE SCHEMA vpv4; CREATE TABLE vpv4.t (a int PRIMARY KEY, b int);")
    stack.backup.write_text(
        "COPY vpv4.t (a, b) FROM stdin;\n1\t1\n2\t2\n\\.\n\n-- PostgreSQL database dump complete\n"
    )
    stack.load()
    stack.ask("ALTER TABLE vpv4.t DROP COLUMN b, ADD COLUMN b int DEFAULT 7")
    stack.ask("ALTER TABLE vpv4.t ALTER COLUMN b DROP DEFAULT")
    assert stack.status().exit_code == LOCALLY_CHANGED
    stack.reset()
    (kept,) = kept_names(stack)
    assert ask(stack.server, kept, "SELECT b FROM vpv4.t ORDER BY a") == [(7,), (7,)]


def test_a_column_name_with_a_percent_sign_is_compared(stack: Stack) -> None:
    stack.use_schema(
        'CREATE SCHEMA vpv4; CREATE TABLE vpv4.t ("100 %" int PRIMARY KEY, "%s" int);'
        " INSERT INTO vpv4.t VALUES (1, 1), (2, 2)"
    )
    stack.load(source="empty")
    stack.ask(
        'UPDATE vpv4.t SET "%s" = 9 WHERE "100 %" = 1',
    )
    assert stack.changes().describe() == "vpv4.t (1 changed)"


def test_a_database_that_cannot_be_compared_is_kept(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.load()

    def fail(*_: object) -> None:
        raise KeyError("whatever")

    monkeypatch.setattr("pgseed.live.replace.find_changes", fail)
    result = stack.load(source="empty")
    assert result.kept is not None
    monkeypatch.undo()
    assert stack.status(source="empty").exit_code == IN_STEP


def test_the_application_role_gets_into_no_template(stack: Stack) -> None:
    stack.load()
    stack.reset()
    set_password(stack.server, "velpharma", PASSWORD)
    names = [n for n in stack.databases() if "_template_" in n or "_schema_" in n]
    assert len(names) == 2
    for name in names:
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(
                host=stack.server.host,
                port=stack.server.port,
                dbname=name,
                user="velpharma",
                password=PASSWORD,
            )


def test_the_shells_libpq_variables_reach_no_connection(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOSTADDR": "127.0.0.9",
        "PGSERVICE": "nowhere",
        "PGTZ": "Asia/Tokyo",
        "PGDATESTYLE": "German",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGTARGETSESSIONATTRS": "standby",
    }.items():
        monkeypatch.setenv(name, value)
    with stack.server.session("postgres") as session, session.cursor() as cursor:
        cursor.execute("SELECT current_setting('timezone'), current_setting('datestyle')")
        ((zone, style),) = cursor.fetchall()
        assert (zone, style[:3]) == ("UTC", "ISO")
    assert os.environ["PGTZ"] == "Asia/Tokyo", "they are the shell's, and only kept from libpq"


def test_kept_databases_count_on_when_the_clock_is_set_back(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents: tuple[dict[str, object], ...] = ({}, {"source": "empty"})
    stack.load()
    for number in range(3):
        moment = f"2026-11-0{9 - number}T12:00:00+00:00"
        monkeypatch.setattr("pgseed.live.replace.now", lambda moment=moment: moment)
        stack.ask(f"CREATE TABLE public.mine_{number} AS SELECT {number} AS a")
        stack.load_this(stack.content(**contents[(number + 1) % 2]))
    monkeypatch.undo()
    stack.undo()
    assert stack.ask("SELECT a FROM public.mine_2") == [(2,)], "the newest, not the latest dated"


def test_what_was_just_kept_stays_where_there_is_no_room(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    result = stack.load(source="empty", cacheLimitGb=0)
    assert result.kept in stack.databases()


def test_a_lock_leaves_the_rest_of_the_status(stack: Stack) -> None:
    stack.load()
    with stack.server.session(stack.live, autocommit=False, purpose="holds it") as session:
        with session.cursor() as cursor:
            cursor.execute("LOCK TABLE vpv4.products IN ACCESS EXCLUSIVE MODE")
        status = stack.status()
        assert "holds it" in status.changes_unknown
        assert status.live is not None
        assert status.exit_code == LOCALLY_CHANGED
        assert status.to_dict()["local_changes"]["unknown_because"]


def test_a_file_overwritten_while_it_is_copied_in_is_refused(stack: Stack) -> None:
    stack.load()
    stack.backup.write_bytes(stack.dump("--data-only", "--schema=vpv4"))
    content = stack.content()
    before = rows_of(stack.server, stack.live)
    text = stack.backup.read_bytes()

    def overwrite(phase: str, _done: int, _total: int) -> None:
        if phase.startswith("load rows"):
            with stack.backup.open("r+b") as file:
                file.write(text.replace(b"Aspirin", b"Nothing", 1))

    stack.ask(CHANGE)
    with suppress(BackupRefused):
        stack.load_this(content, progress=overwrite)
        assert rows_of(stack.server, stack.live) == before, "all had been read before"
    assert stack.engine().status().live is not None


def test_a_database_being_made_by_a_long_statement_is_no_orphan(stack: Stack) -> None:
    """pg_stat_activity cuts a statement's text; the lock on the database copied is exact."""
    stack.load()
    name = f"{stack.live}_slow"
    comment = "/* " + "x" * 3000 + " */"
    statement = sql.SQL(comment + " CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
        sql.Identifier(name), sql.Identifier(stack.live)
    )
    done = threading.Event()

    def make() -> None:
        try:
            with stack.server.session("postgres") as session, session.cursor() as cursor:
                cursor.execute(statement)
        finally:
            done.set()

    thread = threading.Thread(target=make)
    thread.start()
    try:
        seen = []
        with stack.server.session("postgres") as admin:
            while not done.is_set():
                seen += orphaned_directories(admin)
    finally:
        thread.join()
        ask(stack.server, "postgres", f"DROP DATABASE IF EXISTS {name}")
    assert seen == []
