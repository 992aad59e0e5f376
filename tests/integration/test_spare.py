"""Copies that stand ready: what they save, and that nothing depends on them."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from pgseed.databases.work import Busy
from pgseed.errors import BackupRefused
from tests.integration.conftest import Stack
from tests.support.contents import ask, databases_of, rows_of

CHANGE = "UPDATE vpv4.products SET name = 'mine' WHERE product_id = 1"
MINE = "SELECT count(*) FROM vpv4.products WHERE name = 'mine'"


def spare_names(stack: Stack) -> list[str]:
    names = databases_of(stack.server, stack.live, spares=True)
    return [name for name in names if name.startswith(f"{stack.live}_spare_")]


def oids(stack: Stack) -> dict[str, int]:
    rows = ask(stack.server, "postgres", "SELECT datname, oid::int8 FROM pg_database")
    return {str(name): oid for name, oid in rows if isinstance(oid, int)}


def test_a_load_leaves_no_spare(stack: Stack) -> None:
    stack.load()
    stack.load(source="empty")
    assert stack.spares() == []


def test_a_reset_swaps_the_spare_in_and_leaves_another(stack: Stack) -> None:
    stack.load()
    stack.reset()
    loaded = rows_of(stack.server, stack.live)
    (spare,) = spare_names(stack)
    oid = oids(stack)[spare]
    stack.ask(CHANGE)
    stack.reset()
    assert oids(stack)[stack.live] == oid
    assert rows_of(stack.server, stack.live) == loaded
    assert stack.spares() == ["template"]
    stack.reset()
    assert rows_of(stack.server, stack.live) == loaded


def test_what_was_swapped_in_takes_connections_grants_and_settings(stack: Stack) -> None:
    stack.load()
    stack.reset()
    for statement in (
        f"ALTER DATABASE {stack.live} SET work_mem = '5MB'",
        f"REVOKE CONNECT ON DATABASE {stack.live} FROM PUBLIC",
    ):
        ask(stack.server, "postgres", statement)
    stack.reset()
    facts = ask(
        stack.server,
        "postgres",
        "SELECT datallowconn, datacl::text LIKE '%%=c/%%', datacl IS NULL,"
        " (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0)"
        " FROM pg_database AS d WHERE datname = %s",
        stack.live,
    )
    assert facts == [(True, False, False, ["work_mem=5MB"])]


def test_nobody_gets_into_a_spare(stack: Stack) -> None:
    stack.load()
    stack.reset()
    assert stack.spares() == ["template"]
    for name in spare_names(stack):
        with pytest.raises(psycopg2.OperationalError, match="not currently accepting"):
            psycopg2.connect(
                host=stack.server.host,
                port=stack.server.port,
                dbname=name,
                user="vpdb",
                password=stack.server.admin_password,
            )


def test_without_its_spare_a_reset_copies_the_template(stack: Stack) -> None:
    stack.load()
    stack.reset()
    loaded = rows_of(stack.server, stack.live)
    for name in spare_names(stack):
        ask(stack.server, "postgres", f"DROP DATABASE {name}")
    stack.ask(CHANGE)
    stack.reset()
    assert rows_of(stack.server, stack.live) == loaded


def test_a_spare_that_somebody_holds_is_not_waited_for_in_vain(stack: Stack) -> None:
    stack.load()
    stack.reset()
    loaded = rows_of(stack.server, stack.live)
    for name in spare_names(stack):
        ask(stack.server, "postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    with stack.server.session(spare_names(stack)[0]):
        stack.reset()
    assert rows_of(stack.server, stack.live) == loaded


def test_a_content_that_is_no_longer_live_keeps_no_spare(stack: Stack) -> None:
    stack.load()
    stack.reset()
    assert stack.spares() == ["template"]
    stack.load(source="empty")
    assert stack.spares() == []


@pytest.mark.parametrize("settings", [{"templates": 0}, {"cacheLimitGb": 0}], ids=str)
def test_where_no_template_may_stay_there_is_no_spare(
    stack: Stack, settings: dict[str, Any]
) -> None:
    stack.load(**settings)
    stack.reset(stack.content, **settings)
    assert stack.spares() == []


def test_a_large_template_has_none(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgseed.databases.copies.LARGE_BYTES", 1_000_000)
    stack.load()
    stack.reset()
    assert stack.spares() == []


def test_a_spare_whose_template_is_gone_goes_with_the_next_command(stack: Stack) -> None:
    stack.load()
    ask(stack.server, "postgres", f"CREATE DATABASE {stack.live}_spare_1")
    assert f"{stack.live}_spare_1" in spare_names(stack)
    stack.prune()
    assert f"{stack.live}_spare_1" not in spare_names(stack)


class TestPreparedLoads:
    """What `up` does while the engine starts: all of a load but the swap."""

    def test_the_live_database_is_not_touched(self, stack: Stack) -> None:
        stack.load()
        stack.ask(CHANGE)
        before, live = rows_of(stack.server, stack.live), oids(stack)[stack.live]
        stack.prepare(source="empty")
        assert rows_of(stack.server, stack.live) == before
        assert oids(stack)[stack.live] == live
        assert stack.kinds() == ["schema", "template", "template"]

    def test_the_load_then_swaps_in_what_was_prepared(self, stack: Stack) -> None:
        stack.load()
        stack.prepare(source="empty")
        ready = {oids(stack)[name] for name in spare_names(stack)}
        assert stack.load(source="empty").action == "cloned"
        assert oids(stack)[stack.live] in ready
        assert stack.ask("SELECT count(*) FROM vpv4.products") == [(0,)]

    def test_it_works_where_there_is_no_database_yet(self, stack: Stack) -> None:
        stack.prepare()
        assert stack.kinds() == ["schema", "template"]
        assert stack.load().action == "cloned"

    def test_a_content_that_is_live_needs_nothing(self, stack: Stack) -> None:
        stack.load(templates=0)
        assert stack.kinds() == []
        stack.prepare()
        assert stack.kinds() == []

    def test_whoever_is_at_work_is_not_waited_for(self, stack: Stack) -> None:
        stack.load()
        with stack.engine().turn("reset"), pytest.raises(Busy):
            stack.prepare(source="empty")

    def test_rows_that_are_refused_leave_nothing(self, stack: Stack) -> None:
        stack.load()
        names = stack.databases()
        sql = stack.init / "_05-seed-base.sql.disabled"
        sql.write_text(
            sql.read_text()
            + "INSERT INTO vpv4.products (product_number, name, manufacturer_id, dosage_form,"
            " pack_size, pack_unit, authorised_on)"
            " VALUES ('VP-999999', 'x', 99999, 'x', 1, 'ml', '2020-01-01');\n"
        )
        with pytest.raises(BackupRefused):
            stack.prepare()
        assert stack.databases() == names
