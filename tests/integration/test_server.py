"""The guard, the wait and the password, against real containers."""

from __future__ import annotations

import dataclasses
import secrets
import subprocess
import time

import psycopg2
import pytest

from pgseed.errors import SeedError, ServerUnreachable
from tests.support.contents import ask
from tests.support.server import PASSWORD, running_server
from vpdb import docker
from vpdb.errors import GuardRefused
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.server.password import ensure_password, set_password


def login(server: DockerServer, user: str, password: str) -> str:
    connection = psycopg2.connect(
        host=server.host, port=server.port, dbname="postgres", user=user, password=password
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            ((name,),) = cursor.fetchall()
            return str(name)
    finally:
        connection.close()


def test_another_stacks_server_is_refused(server: DockerServer) -> None:
    with pytest.raises(GuardRefused, match=f"stack {server.stack} created it"):
        find_server(server.container, "somebody", timeout_s=10)


def test_a_missing_container_is_told_at_once() -> None:
    begin = time.monotonic()
    with pytest.raises(ServerUnreachable, match="there is none"):
        find_server("vpdb-test-no-such-container", "dev", timeout_s=30)
    assert time.monotonic() - begin < 5


def test_a_server_without_the_mark_is_refused() -> None:
    with (
        pytest.raises(GuardRefused, match="has no mark"),
        running_server(environment={"VELPHARMA_STACK": ""}),
    ):
        pass


def test_a_stopped_or_paused_server_is_told_and_a_killed_one_comes_back() -> None:
    with running_server() as server:
        assert login(server, "velpharma", PASSWORD) == "velpharma", "given at the first start"
        ask(server, "velpdevdb", "CREATE TABLE public.survives AS SELECT 1 AS a")
        docker.run("pause", server.container)
        with pytest.raises(ServerUnreachable, match="docker unpause"):
            find_server(server.container, server.stack, timeout_s=1)
        docker.run("unpause", server.container)
        docker.run("kill", server.container)
        with pytest.raises(ServerUnreachable, match="docker start"):
            find_server(server.container, server.stack, timeout_s=1)
        docker.run("start", server.container)
        again = find_server(server.container, server.stack, timeout_s=60)
        assert ask(again, "velpdevdb", "SELECT a FROM public.survives") == [(1,)]


def test_a_silent_port_is_told_within_the_deadline(server: DockerServer) -> None:
    nobody = dataclasses.replace(server, port=1)
    begin = time.monotonic()
    with pytest.raises(ServerUnreachable, match="failed to connect"):
        nobody.connect("postgres", timeout_s=1)
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    "password",
    [
        "plain",
        'it\'s "quoted" \\ $1 %s {x}',
        "spaces  in\tit",
        "ü€𝄞 Pass",
        "\u00aaI\u00adX",
        "x" * 900,
    ],
)
def test_a_password_is_set_and_lets_the_developer_in(server: DockerServer, password: str) -> None:
    set_password(server, "velpharma", password)
    assert login(server, "velpharma", password) == "velpharma"
    with pytest.raises(psycopg2.OperationalError, match="authentication"):
        login(server, "velpharma", password + "!")


def test_a_password_is_set_only_where_it_is_not_the_one_already(server: DockerServer) -> None:
    def stored() -> object:
        with server.session("postgres") as admin, admin.cursor() as cursor:
            cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'velpharma'")
            return cursor.fetchall()

    set_password(server, "velpharma", "first")
    before = stored()
    ensure_password(server, "velpharma", "first")
    assert stored() == before
    ensure_password(server, "velpharma", "sécond")
    assert stored() != before
    assert login(server, "velpharma", "sécond") == "velpharma"


def test_a_password_is_in_no_log_statistics_or_process_list(server: DockerServer) -> None:
    secret = f"secret-{secrets.token_hex(8)}"
    ask(server, "postgres", "ALTER SYSTEM SET log_statement = 'all'")
    ask(server, "postgres", "SELECT pg_reload_conf()")
    try:
        watcher = subprocess.Popen(
            ["sh", "-c", "for i in $(seq 40); do ps axww -o args; sleep 0.02; done"],
            stdout=subprocess.PIPE,
            text=True,
        )
        set_password(server, "velpharma", secret)
        seen = watcher.communicate()[0]
    finally:
        ask(server, "postgres", "ALTER SYSTEM RESET log_statement")
        ask(server, "postgres", "SELECT pg_reload_conf()")
    assert login(server, "velpharma", secret) == "velpharma"
    assert secret not in seen
    assert secret not in docker.logs(server.container, lines=500)
    statements = ask(server, "velpdevdb", "SELECT query FROM public.pg_stat_statements")
    assert not any(secret in str(text) or "SCRAM" in str(text) for (text,) in statements)


def test_a_role_that_is_not_there_is_told_in_one_line(server: DockerServer) -> None:
    with pytest.raises(SeedError, match='role "no; one" does not exist') as caught:
        set_password(server, "no; one", "secret")
    assert "secret" not in str(caught.value)


def test_our_sessions_ignore_what_a_database_is_set_to(server: DockerServer) -> None:
    name = f"t{secrets.token_hex(4)}"
    ask(server, "postgres", f"CREATE DATABASE {name}")
    try:
        ask(server, "postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        ask(server, "postgres", f"ALTER DATABASE {name} SET statement_timeout = 1")
        ask(server, "postgres", f"ALTER DATABASE {name} SET datestyle = 'German'")
        ask(server, "postgres", f"ALTER DATABASE {name} SET search_path = public")
        assert ask(
            server, name, "SELECT '2026-11-22'::date::text, current_schemas(true)::text"
        ) == [("2026-11-22", "{pg_catalog}")]
        ask(server, name, "CREATE TABLE public.t AS SELECT pg_sleep(0.01) IS NULL AS slept")
    finally:
        ask(server, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
