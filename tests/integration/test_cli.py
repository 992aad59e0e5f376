"""The command line against a real server: psql, logs, status, and back to what was."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg2
import pytest

from tests.integration.cli_stack import (
    PASSWORD,
    Stack,
    docker,
    terminal,
    wait_until,
)
from tests.support.imports import heavy
from tests.support.server import wait_for


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """The shared stack, freshly loaded and with the settings it began with."""
    shared.configure()
    shared.load()
    return shared


def one_line(text: str) -> str:
    """What a failure prints: exactly one line, and no traceback."""
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def rows(stack: Stack) -> str:
    return stack.psql(
        "SELECT count(*), md5(string_agg(p::text, '' ORDER BY p)) FROM vpv4.products p"
    )


class TestPsql:
    def test_it_is_the_application_role_on_the_live_database(self, stack: Stack) -> None:
        done = stack.vpdb("psql", "-At", "-c", "SELECT current_user, current_database()")
        assert done.stdout == "velpharma|velpdevdb\n", done.stderr

    def test_its_exit_code_is_psqls(self, stack: Stack) -> None:
        assert stack.vpdb("psql", "-c", "SELECT nonsense").returncode == 1
        assert stack.vpdb("psql", "-v", "ON_ERROR_STOP=1", stdin="SELECT nonsense;").returncode == 3

    def test_it_reads_a_script_from_a_pipe(self, stack: Stack) -> None:
        assert stack.vpdb("psql", "-At", stdin="SELECT 6 * 7;").stdout == "42\n"

    def test_in_a_terminal_it_is_interactive(self, stack: Stack) -> None:
        with terminal(stack, "psql") as screen:
            screen.expect("velpdevdb=>")
            screen.send("SELECT 41 + 1 AS answer;\r")
            screen.expect("42")
            screen.send("\\q\r")
            assert screen.wait() == 0


class TestLogs:
    def test_all_and_the_last_lines(self, stack: Stack) -> None:
        stack.vpdb("psql", "-c", "SELECT 'findable' / 0")
        whole = stack.vpdb("logs").stdout
        assert "findable" in whole
        assert stack.vpdb("logs", "-n", "1").stdout.count("\n") == 1

    def test_load_steps_are_found(self, stack: Stack) -> None:
        assert stack.vpdb("reset").returncode == 0
        steps = stack.vpdb("logs", "--loads").stdout
        assert "vpdb reset velpdevdb" in steps
        assert "velpharma@" not in steps
        assert stack.vpdb("logs", "--loads", "-n", "1").stdout.count("\n") == 1

    def test_following_ends_with_ctrl_c(self, stack: Stack) -> None:
        with terminal(stack, "logs", "-f", "-n", "0", columns=200) as screen:
            time.sleep(1)
            stack.vpdb("psql", "-c", "SELECT nonsense_to_follow")
            screen.expect("nonsense_to_follow")
            screen.send("\x03")
            screen.wait()
            assert "Traceback" not in screen.text


class TestStatus:
    def test_in_step(self, stack: Stack) -> None:
        done = stack.vpdb("status")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("in step\n")
        assert "\x1b" not in done.stdout
        document = json.loads(stack.vpdb("status", "--json").stdout)
        assert document["reachable"]
        assert document["in_step"]
        assert document["live"]["content_id"] == document["wanted"]["content_id"]

    def test_stale(self, stack: Stack) -> None:
        stack.configure(source="empty")
        done = stack.vpdb("status")
        assert done.returncode == 3
        assert done.stdout.startswith("stale: run `pulumi up`")
        assert re.search(r"vpv4\.products: \d+ -> 0 rows", done.stdout)

    def test_local_changes_win_over_stale(self, stack: Stack) -> None:
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions; CREATE TABLE vpv4.mine (a int)")
        done = stack.vpdb("status")
        assert done.returncode == 4
        assert "vpv4.adverse_drug_reactions" in done.stdout
        assert "vpv4.mine" in done.stdout
        stack.configure(source="empty")
        both = stack.vpdb("status")
        assert both.returncode == 4
        assert "stale as well" in both.stdout

    @pytest.mark.parametrize(("command", "indent"), [("status", 10), ("doctor", 25)])
    def test_on_a_terminal_no_line_runs_over(self, stack: Stack, command: str, indent: int) -> None:
        with terminal(stack, command) as screen:
            screen.wait()
            lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.text).split("\r\n")
        assert max(map(len, lines)) <= 80
        assert any(line.startswith(" " * indent) for line in lines)

    def test_a_refused_backup_is_named_and_the_rest_still_said(self, stack: Stack) -> None:
        backup = stack.folder / "backups" / "production_backup_data_only.sql"
        backup.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
        try:
            done = stack.vpdb("status")
            assert done.returncode == 1
            assert "git lfs pull" in done.stdout.lower()
            assert "holds" in done.stdout
            assert json.loads(stack.vpdb("status", "--json").stdout)["refused"]
        finally:
            backup.unlink()

    def test_it_imports_nothing_heavy(self, stack: Stack) -> None:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "vpdb", "status"],
            cwd=stack.folder, env=stack.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        imported = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
        assert "pgseed.live.status" in imported
        assert heavy(imported, "rich", "vpdb.monitor", "master_data", "vpdb.doctor") == set()


class TestBehindALock:
    """Somebody waits for a table alone, so everybody else queues behind: just when one asks why."""

    @pytest.fixture
    def queue(self, stack: Stack) -> Iterator[int]:
        holder, waiter = stack.connect("DBeaver"), stack.connect("migration")
        with closing(holder), closing(waiter):
            holder.cursor().execute("SELECT count(*) FROM vpv4.products")
            statement = "LOCK TABLE vpv4.products IN ACCESS EXCLUSIVE MODE"

            def wait() -> None:
                with suppress(psycopg2.Error):
                    waiter.cursor().execute(statement)

            thread = threading.Thread(target=wait)
            thread.start()
            try:
                wait_until(
                    lambda: stack.psql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
                )
                yield holder.info.backend_pid
            finally:
                with suppress(psycopg2.Error):
                    holder.rollback()
                thread.join()

    def test_status_says_why_it_cannot_tell(self, stack: Stack, queue: int) -> None:
        done = stack.vpdb("status", timeout_s=30)
        assert done.returncode == 4
        verdict, *known = done.stdout.splitlines()
        assert verdict.startswith("local changes: unknown")
        assert "(migration)" in verdict
        assert "monitor" in verdict
        assert any(line.startswith("holds ") for line in known)

    def test_doctor_names_the_blocker(self, stack: Stack, queue: int) -> None:
        done = stack.vpdb("doctor", timeout_s=60)
        assert "DBeaver, velpharma" in done.stdout
        assert f"pg_terminate_backend({queue})" in done.stdout
        assert "local changes could not be looked for" in done.stdout

    def test_reset_asks_and_then_clears_the_way(self, stack: Stack, queue: int) -> None:
        done = stack.vpdb("reset", timeout_s=60)
        assert done.returncode == 1
        assert "DBeaver as velpharma" in done.stderr
        assert stack.vpdb("reset", "--yes", timeout_s=60).returncode == 0


class TestNotReachable:
    def test_no_container(self, stack: Stack) -> None:
        done = stack.vpdb("status", "--stack", "nobody")
        assert done.returncode == 5
        assert f"{stack.project}-nobody" in one_line(done.stderr)
        document = json.loads(stack.vpdb("status", "--stack", "nobody", "--json").stdout)
        assert document["reachable"] is False

    @pytest.mark.parametrize(
        "command", [["psql"], ["logs"], ["status"], ["reset"], ["monitor", "--once"], ["prune"]]
    )
    def test_no_docker(self, stack: Stack, command: list[str]) -> None:
        done = stack.vpdb(*command, env={"DOCKER_HOST": "unix:///nonexistent.sock"})
        assert done.returncode == 5, done.stderr
        assert "Docker" in one_line(done.stderr)

    @pytest.mark.parametrize("command", [["psql"], ["status"], ["reset"], ["undo"], ["monitor"]])
    def test_an_engine_on_another_machine_is_refused(
        self, stack: Stack, command: list[str]
    ) -> None:
        done = stack.vpdb(*command, env={"DOCKER_HOST": "tcp://192.0.2.1:2375"}, timeout_s=30)
        assert done.returncode == 1
        assert "another machine" in one_line(done.stderr)

    def test_a_stopped_container(self, stack: Stack) -> None:
        docker("stop", stack.container)
        try:
            for command in ("status", "psql", "reset"):
                done = stack.vpdb(command)
                assert done.returncode == 5
                assert "it is stopped" in one_line(done.stderr)
        finally:
            docker("start", stack.container)
            wait_for(stack.server)


class TestGuard:
    @pytest.mark.parametrize("command", ["reset", "undo", "prune", "snapshot x", "restore x"])
    def test_a_server_of_another_stack_is_not_touched(self, stack: Stack, command: str) -> None:
        other = f"{stack.project}-other"
        docker("rename", stack.container, other)
        try:
            before = rows_of(other)
            done = stack.vpdb(*command.split(), "--yes", "--stack", "other")
            assert done.returncode == 1
            assert "stack dev created it, not other" in one_line(done.stderr)
            assert rows_of(other) == before
        finally:
            docker("rename", other, stack.container)


class TestBackToWhatWas:
    def test_reset_keeps_the_changes_and_undo_brings_them_back(self, stack: Stack) -> None:
        loaded = rows(stack)
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        stack.psql("UPDATE vpv4.products SET updated_at = now()")
        changed = rows(stack)
        done = stack.vpdb("reset")
        assert done.returncode == 0, done.stderr
        assert "undo` brings it back" in done.stdout
        assert rows(stack) == loaded
        assert stack.vpdb("undo").returncode == 0
        assert rows(stack) == changed
        assert "brought back by undo" in stack.vpdb("status").stdout
        assert stack.vpdb("undo").returncode == 0
        assert rows(stack) == loaded

    def test_it_says_whose_session_ends_and_refuses_without_a_terminal(self, stack: Stack) -> None:
        with closing(stack.connect("DBeaver of Jan")) as session, session.cursor() as cursor:
            cursor.execute("SELECT 1")
            for command in (["reset"], ["undo"], ["snapshot", "a"], ["restore", "a"]):
                done = stack.vpdb(*command)
                assert done.returncode == 1
                assert "DBeaver of Jan as velpharma" in done.stderr
                assert done.stderr.endswith("Add --yes\n")
            cursor.execute("SELECT 1")
            assert stack.vpdb("reset", "--yes").returncode == 0
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")

    @pytest.mark.parametrize(("answer", "code"), [("y\r", 0), ("n\r", 1), ("\r", 1), ("\x03", 1)])
    def test_in_a_terminal_it_asks(self, stack: Stack, answer: str, code: int) -> None:
        session = stack.connect("DBeaver")
        try:
            with terminal(stack, "reset") as screen:
                screen.expect("[y/N]")
                screen.send(answer)
                assert screen.wait() == code
                assert "Traceback" not in screen.text
        finally:
            session.close()

    def test_it_asks_before_changes_are_lost_for_good(self, stack: Stack) -> None:
        stack.configure(keptDatabases=0)
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        done = stack.vpdb("reset")
        assert done.returncode == 1
        assert "keptDatabases is 0" in done.stderr
        assert stack.vpdb("reset", "--yes").returncode == 0
        assert stack.vpdb("status").returncode == 0

    def test_who_says_yes_is_told_which_kept_database_had_to_go(self, stack: Stack) -> None:
        stack.configure(keptDatabases=1)
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        first = stack.vpdb("reset", "--yes").stdout
        assert "for good" not in first
        (kept,) = re.findall(r"velpdevdb_kept_\w+", first)
        time.sleep(1.1)  # kept databases are named by the second
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        asked = stack.vpdb("reset")
        assert asked.returncode == 1
        assert f"{kept} is dropped for good" in asked.stderr
        again = stack.vpdb("reset", "--yes")
        assert f"dropped {kept} for good, to keep the newest 1" in again.stdout

    def test_snapshots(self, stack: Stack) -> None:
        loaded = rows(stack)
        assert stack.vpdb("snapshot", "before").returncode == 0
        again = stack.vpdb("snapshot", "before")
        assert again.returncode == 1
        assert "there is one of that name" in one_line_of(again)
        stack.psql("TRUNCATE vpv4.adverse_drug_reactions")
        stack.psql("DELETE FROM vpv4.product_active_substances")
        assert stack.vpdb("restore", "before").returncode == 0
        assert rows(stack) == loaded
        (found,) = json.loads(stack.vpdb("snapshots", "--json").stdout)
        assert found["name"] == "before"
        refused = stack.vpdb("snapshots", "--drop", "before")
        assert refused.returncode == 1
        assert "gone for good" in refused.stderr
        assert stack.vpdb("snapshots", "--drop", "before", "--yes").returncode == 0
        assert "no snapshots" in stack.vpdb("snapshots").stdout

    def test_a_name_postgresql_would_cut_or_fold(self, stack: Stack) -> None:
        done = stack.vpdb("snapshot", "Before; DROP")
        assert done.returncode == 1
        assert "before_import" in one_line_of(done)

    def test_prune_asks_before_somebodys_work_goes(self, stack: Stack) -> None:
        for _ in range(2):
            stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
            stack.vpdb("reset", "--yes")
            time.sleep(1.1)  # kept databases are named by the second
        stack.configure(keptDatabases=1)
        done = stack.vpdb("prune")
        assert done.returncode == 1
        assert "will be gone for good" in done.stderr
        assert stack.vpdb("prune", "--yes").returncode == 0
        assert stack.vpdb("prune").stdout == "nothing to drop\n"


class TestSecrets:
    def test_no_command_shows_the_password(self, stack: Stack) -> None:
        stack.configure(password="hush-hush")
        try:
            for command in (["status"], ["status", "--json"], ["doctor"], ["connection"],
                            ["monitor", "--json"], ["logs"]):  # fmt: skip
                done = stack.vpdb(*command)
                assert "hush-hush" not in done.stdout + done.stderr
                assert stack.server.admin_password not in done.stdout + done.stderr
        finally:
            stack.configure()

    def test_the_connection_it_prints_works(self, stack: Stack) -> None:
        url = stack.vpdb("connection", "--format", "url", "--show-password").stdout.strip()
        with closing(psycopg2.connect(url)) as session, session.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchall() == [("velpharma",)]
        bare = stack.vpdb("connection", "--format", "url").stdout.strip()
        assert PASSWORD not in bare.split("@")[0].removeprefix("postgresql://velpharma")


def test_ctrl_c_while_waiting_for_the_lock_is_clean(stack: Stack) -> None:
    with stack.server.session("postgres") as session, session.cursor() as cursor:
        from pgseed.databases.work import LOCK_KEY

        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        process = subprocess.Popen(
            [sys.executable, "-m", "vpdb", "reset"],
            cwd=stack.folder,
            env=stack.env,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        wait_until(lambda: "waiting" in (process.stderr.readline() if process.stderr else ""))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "Traceback" not in process.stderr.read()


def one_line_of(done: subprocess.CompletedProcess[str]) -> str:
    """The failure's line; progress lines may stand above it."""
    return done.stderr.rstrip("\n").rpartition("\n")[2]


def rows_of(container: str) -> str:
    sql = "SELECT count(*), md5(string_agg(p::text, '' ORDER BY p)) FROM vpv4.products p"
    return docker("exec", container, "psql", "-U", "postgres", "-d", "velpdevdb", "-Atc", sql)
