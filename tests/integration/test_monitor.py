"""The monitor against a real server: locks, loads, a vanishing server, pipes and terminals."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from tests.integration.cli_stack import Stack, docker, terminal, wait_until
from tests.support.server import wait_for

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]")


@pytest.fixture
def stack(shared: Stack) -> Stack:
    return shared


def frame(stack: Stack) -> dict[str, Any]:
    done = stack.vpdb("monitor", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_json_has_everything_a_script_may_want(stack: Stack) -> None:
    document = frame(stack)
    assert document["server"]["version"].startswith("17.")
    assert document["stamp"].startswith("content ")
    assert document["bulk_mode"] == "off"
    assert document["container"]["memory_bytes"] > 1 << 20
    assert {d["role"] for d in document["databases"]} >= {"live", "template"}
    tables = {t["name"]: t for t in document["tables"]}
    assert tables["vpv4.products"]["rows"] > 0
    assert tables["vpv4.products"]["bytes"] > 0
    assert tables["vpv4.products"]["inserted_s"] == 0
    assert document["rates"]["hit_ratio"] > 0


def test_piped_it_is_plain_text_and_one_frame(stack: Stack) -> None:
    done = stack.vpdb("monitor", env={"COLUMNS": "40"})
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith(f"{stack.container} · velpdevdb · PostgreSQL 17")
    assert "vpv4.adverse_drug_reactions" in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())
    assert "q quit" not in done.stdout


def test_piped_with_an_interval_it_goes_on_until_interrupted(stack: Stack) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vpdb", "monitor", "--json", "--interval", "0.5"],
        cwd=stack.folder,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    assert first["rates"]["commits_s"] is None
    assert second["rates"]["commits_s"] is not None
    assert second["taken_at"] > first["taken_at"]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""


def test_who_blocks_whom(stack: Stack) -> None:
    holder, waiter = stack.connect("holder [bold]"), stack.connect("waiter")
    with closing(holder), closing(waiter):
        holder.cursor().execute("LOCK TABLE vpv4.products IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(
            target=lambda: waiter.cursor().execute("SELECT count(*) FROM vpv4.products")
        )
        thread.start()
        try:
            wait_until(lambda: stack.psql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")
            document = frame(stack)
            text = stack.vpdb("monitor").stdout
        finally:
            holder.rollback()
            thread.join()
    sessions = {s["application"]: s for s in document["sessions"]}
    assert sessions["waiter"]["blocked_by"] == [sessions["holder [bold]"]["pid"]]
    assert sessions["waiter"]["waits_for"] == "AccessShareLock on vpv4.products"
    # The size of a table that is locked cannot be asked for; the monitor does not wait with it.
    tables = {t["name"]: t for t in document["tables"]}
    assert tables["vpv4.products"]["bytes"] is None
    assert tables["vpv4.adverse_drug_reactions"]["bytes"] > 0
    blocked = text.index("Blocked (1 session waiting)")
    assert blocked < text.index("holder [bold] ") < text.index("└ ")


def test_a_copy_under_way_and_its_rates(stack: Stack) -> None:
    stack.psql("CREATE TABLE vpv4.copied (t text); ALTER TABLE vpv4.copied OWNER TO velpharma")
    go_on = threading.Event()

    class Slowly(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            time.sleep(0.05)
            return b"" if go_on.is_set() else b"row\n" * 500

    def copy() -> None:
        with closing(stack.connect("copier")) as session:
            session.cursor().copy_expert("COPY vpv4.copied FROM STDIN", Slowly())
            session.commit()

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        wait_until(lambda: stack.psql("SELECT count(*) FROM pg_stat_progress_copy") == "1")
        document = frame(stack)
    finally:
        go_on.set()
        thread.join()
        stack.psql("DROP TABLE vpv4.copied")
    (work,) = document["work"]
    assert (work["kind"], work["target"], work["unit"]) == ("COPY", "vpv4.copied", "rows")
    assert work["done"] > 0


def test_a_table_without_autovacuum_is_marked(stack: Stack) -> None:
    stack.psql("ALTER TABLE vpv4.products SET (autovacuum_enabled = off)")
    try:
        assert "autovacuum on but off for 1 table" in stack.vpdb("monitor").stdout
    finally:
        stack.psql("ALTER TABLE vpv4.products RESET (autovacuum_enabled)")


def test_it_stands_in_nobodys_way(stack: Stack) -> None:
    """Between looks there is no session, so a snapshot need not end one."""
    with terminal(stack, "monitor", "--interval", "0.5") as screen:
        screen.expect("Sessions at work")
        assert stack.vpdb("snapshot", "meanwhile").returncode == 0
        assert stack.vpdb("reset").returncode == 0
        assert screen.process.poll() is None
        screen.send("q")
        assert screen.wait() == 0
    assert stack.vpdb("snapshots", "--drop", "meanwhile", "--yes").returncode == 0


class TestFullScreen:
    @pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60)])
    def test_it_fills_the_screen_and_gives_it_back(
        self, stack: Stack, columns: int, lines: int
    ) -> None:
        with terminal(stack, "monitor", columns=columns, lines=lines) as screen:
            text = screen.expect("q quit")
            assert "\x1b[?1049h" in text  # the alternate screen
            screen.send("q")
            assert screen.wait() == 0
            assert "\x1b[?1049l" in screen.text
            assert "\x1b[?25h" in screen.text  # the cursor

    @pytest.mark.parametrize("end", ["ctrl-c", "term"])
    def test_however_it_ends_the_terminal_is_as_before(self, stack: Stack, end: str) -> None:
        with terminal(stack, "monitor") as screen:
            screen.expect("q quit")
            if end == "ctrl-c":
                screen.send("\x03")
            else:
                os.kill(screen.process.pid, signal.SIGTERM)
            code = screen.wait()
            assert code == (0 if end == "ctrl-c" else 128 + signal.SIGTERM)
            assert "\x1b[?1049l" in screen.text
            assert "Traceback" not in screen.text

    def test_keys(self, stack: Stack) -> None:
        with terminal(stack, "monitor") as screen:
            screen.expect("Tables (8), by size")
            screen.send("t")
            screen.expect("by writes")
            screen.send("s")
            screen.expect("by wait")
            screen.send("p")
            screen.expect("paused")
            screen.send("p")
            screen.send("+")
            screen.expect("every 1 s")
            screen.send("?")
            screen.expect("pg_activity")

    def test_a_new_size_is_used_at_once(self, stack: Stack) -> None:
        with terminal(stack, "monitor", "--interval", "60") as screen:
            screen.expect("q quit")
            assert "autovacuum" not in plain(screen.text).split("Tables (8)")[1]
            screen.forget()
            screen.resize(200, 60)
            # Only a wide screen has room for this column.
            screen.expect("index scans")
            screen.forget()
            screen.resize(60, 12)
            screen.expect("q quit")
            assert "index scans" not in screen.text

    def test_a_server_that_vanishes_and_comes_back(self, stack: Stack) -> None:
        with terminal(stack, "monitor", "--interval", "0.5", columns=160) as screen:
            screen.expect("q quit")
            docker("kill", stack.container)
            screen.expect("failed to", timeout_s=30)
            assert screen.process.poll() is None
            docker("start", stack.container)
            wait_for(stack.server)
            screen.forget()
            screen.expect("Sessions at work", timeout_s=30)
            screen.send("q")
            assert screen.wait() == 0

    def test_a_server_that_is_silent(self, stack: Stack) -> None:
        with terminal(stack, "monitor", "--interval", "0.5", columns=160) as screen:
            screen.expect("q quit")
            docker("pause", stack.container)
            try:
                # Which of the two depends on whether the pause met a look half-way.
                wait_until(
                    lambda: re.search("paused. Run|no answer for", screen.read(0.05)), timeout_s=30
                )
                screen.send("q")
                assert screen.wait() == 0
            finally:
                docker("unpause", stack.container)

    def test_without_a_server_it_says_so_in_one_line(self, stack: Stack) -> None:
        with terminal(stack, "monitor", "--stack", "nobody") as screen:
            assert screen.wait() == 5
            assert "failed to find container" in screen.text
            assert "\x1b[?1049h" not in screen.text


def test_a_load_under_way_shows(stack: Stack) -> None:
    """A build's COPY runs in another database, where tables have no names for the monitor."""
    stack.psql("CREATE DATABASE velpdevdb_build_0123456789ab")
    try:
        with closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=stack.port,
                dbname="velpdevdb_build_0123456789ab",
                user="vpdb",
                password=stack.server.admin_password,
            )
        ) as session:
            session.autocommit = True
            session.cursor().execute("CREATE TABLE t (a text)")
            release = threading.Event()

            class Held(io.RawIOBase):
                sent = False

                def readable(self) -> bool:
                    return True

                def read(self, size: int = -1) -> bytes:
                    if not self.sent:
                        self.sent = True
                        return b"x\n" * 100_000
                    release.wait(30)
                    return b""

            thread = threading.Thread(
                target=lambda: session.cursor().copy_expert("COPY t FROM STDIN", Held())
            )
            thread.start()
            try:
                wait_until(lambda: stack.psql("SELECT count(*) FROM pg_stat_progress_copy") == "1")
                text = stack.vpdb("monitor").stdout
            finally:
                release.set()
                thread.join()
        assert "being built: velpdevdb_build_0123456789ab" in text
        assert "COPY t in velpdevdb_build_0123456789ab" in text
    finally:
        stack.psql("DROP DATABASE velpdevdb_build_0123456789ab", database="postgres")


def plain(text: str) -> str:
    return ESCAPES.sub("", text)
