"""The monitor's thinking: rates, locks, room on the screen, what a key does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from vpdb.monitor import frame, render, sections, usage
from vpdb.monitor.collect import session, under_way
from vpdb.monitor.keys import PACES_S, press
from vpdb.monitor.model import (
    Activity,
    ListedDatabase,
    Sample,
    ServerCounters,
    TableCounters,
    Usage,
    View,
    Work,
)
from vpdb.stamp_text import printable

SERVER = ServerCounters(
    version="17.6",
    database="velpdevdb",
    up_s=100.0,
    autovacuum=True,
    connections=3,
    connections_allowed=100,
    autovacuum_workers=0,
    blocks_hit=900,
    blocks_read=100,
    commits=10,
    rollbacks=0,
    inserted=0,
    updated=0,
    deleted=0,
    temp_bytes=0,
    deadlocks=0,
    database_bytes=24 << 20,
    volume_bytes=210 << 20,
    wal_written=0,
)


def a_session(pid: int, *blocked_by: int, **values: Any) -> Activity:
    given = {
        "database": "velpdevdb",
        "user": "velpharma",
        "application": "psql",
        "client": "172.17.0.1",
        "kind": "client backend",
        "state": "active",
        "wait": "",
        "transaction_s": 1.0,
        "query_s": 1.0,
        "query": "SELECT 1",
    }
    return Activity(pid=pid, blocked_by=blocked_by, **{**given, **values})


def a_table(name: str = "vpv4.products", **values: Any) -> TableCounters:
    given = {
        "oid": 1,
        "rows": 100,
        "dead_rows": 0,
        "inserted": 0,
        "updated": 0,
        "deleted": 0,
        "sequential_scans": 0,
        "index_scans": 0,
        "vacuumed_at": None,
        "analyzed_at": None,
        "autovacuum_off": False,
        "bytes": 8192,
    }
    return TableCounters(name=name, **{**given, **values})


def a_sample(at: float, server: ServerCounters = SERVER, **values: Any) -> Sample:
    given: dict[str, Any] = {"sessions": (), "tables": (), "work": (), "databases": ()}
    return Sample(taken_at=at, server=server, **{**given, "stamp": "content abc", **values})


class TestRates:
    def test_the_first_look_has_none(self) -> None:
        made = frame.History().add(a_sample(1000, tables=(a_table(inserted=50),)))
        assert made.commits_s is None
        assert made.tables[0].inserted_s is None
        assert made.tables[0].writes == ()

    def test_they_are_differences_by_the_servers_own_clock(self) -> None:
        history = frame.History()
        history.add(a_sample(1000, tables=(a_table(inserted=50, updated=5),)))
        later = replace(SERVER, commits=30, wal_written=4000)
        made = history.add(a_sample(1004, later, tables=(a_table(inserted=90, updated=5),)))
        assert made.commits_s == 5
        assert made.wal_bytes_s == 1000
        assert (made.tables[0].inserted_s, made.tables[0].updated_s) == (10, 0)
        assert made.tables[0].writes == (10,)

    def test_after_a_restart_they_begin_anew(self) -> None:
        history = frame.History()
        history.add(a_sample(1000, tables=(a_table(inserted=50),)))
        made = history.add(
            a_sample(1002, replace(SERVER, up_s=1, commits=2), tables=(a_table(inserted=3),))
        )
        assert made.commits_s is None
        assert made.tables[0].inserted_s is None

    def test_a_reload_puts_other_counters_in_place_and_gives_no_negative_rate(self) -> None:
        history = frame.History()
        history.add(a_sample(1000, tables=(a_table(inserted=5000),)))
        swapped = replace(SERVER, up_s=102, commits=1)
        made = history.add(a_sample(1002, swapped, tables=(a_table(inserted=0),)))
        assert made.tables[0].inserted_s is None

    def test_a_table_that_is_dropped_and_made_again_is_another_one(self) -> None:
        history = frame.History()
        history.add(a_sample(1000, tables=(a_table(oid=1, inserted=10),)))
        made = history.add(a_sample(1002, tables=(a_table(oid=2, inserted=70),)))
        assert made.tables[0].inserted_s is None

    def test_cache_hits_are_those_since_the_last_look(self) -> None:
        history = frame.History()
        assert history.add(a_sample(1000)).hit_ratio == 0.9
        busy = replace(SERVER, blocks_hit=1000, blocks_read=100)
        assert history.add(a_sample(1002, busy)).hit_ratio == 1.0
        # Nothing was read since: the ratio of all time rather than none.
        assert history.add(a_sample(1004, busy)).hit_ratio == pytest.approx(1000 / 1100)

    def test_the_spark_keeps_the_newest_looks(self) -> None:
        history = frame.History()
        for look in range(frame.SPARK_LOOKS + 10):
            made = history.add(a_sample(1000.0 + look, tables=(a_table(inserted=look * look),)))
        assert len(made.tables[0].writes) == frame.SPARK_LOOKS
        assert made.tables[0].writes[-1] > made.tables[0].writes[0]


def shape(nodes: tuple[Any, ...]) -> list[Any]:
    return [(n.session.pid, shape(n.waiters)) if n.waiters else n.session.pid for n in nodes]


class TestLockTree:
    def test_nobody_waits(self) -> None:
        assert frame.lock_tree([a_session(1), a_session(2)]) == ()

    def test_the_root_blocks_and_does_not_wait(self) -> None:
        sessions = [a_session(1), a_session(2, 1), a_session(3, 2), a_session(4)]
        assert shape(frame.lock_tree(sessions)) == [(1, [(2, [3])])]

    def test_who_waits_for_a_waiter_stands_below_it_alone(self) -> None:
        # pg_blocking_pids names the holder and those queued before: 3 waits for both.
        sessions = [a_session(1), a_session(2, 1), a_session(3, 1, 2)]
        assert shape(frame.lock_tree(sessions)) == [(1, [(2, [3])])]

    def test_who_waits_for_two_holders_stands_below_both(self) -> None:
        sessions = [a_session(1), a_session(2), a_session(3, 1, 2)]
        assert shape(frame.lock_tree(sessions)) == [(1, [3]), (2, [3])]

    def test_the_longest_waiter_comes_first(self) -> None:
        sessions = [a_session(1), a_session(2, 1, query_s=3), a_session(3, 1, query_s=9)]
        assert shape(frame.lock_tree(sessions)) == [(1, [3, 2])]

    def test_a_deadlock_is_shown_once_round_and_ends(self) -> None:
        (root,) = frame.lock_tree([a_session(1, 2), a_session(2, 1)])
        assert root.session.pid == 1
        assert root.waiters[0].session.pid == 2
        assert root.waiters[0].waiters[0].cycle

    def test_a_blocker_that_ended_meanwhile_is_no_root(self) -> None:
        assert frame.lock_tree([a_session(2, 99)]) == ()


class TestOrders:
    def test_sessions(self) -> None:
        quick, slow = a_session(2, query_s=1), a_session(1, query_s=50)
        waiting = a_session(3, 1, query_s=0.5)
        every = [quick, slow, waiting]
        assert frame.order_sessions(every, "duration")[0].pid == 1
        assert frame.order_sessions(every, "wait")[0].pid == 3
        assert [s.pid for s in frame.order_sessions(every, "pid")] == [1, 2, 3]

    @pytest.mark.parametrize("order", frame.TABLE_ORDERS)
    def test_tables_have_a_stable_order_of_every_kind(self, order: str) -> None:
        history = frame.History()
        tables = (a_table("b", bytes=1), a_table("a", bytes=None), a_table("c", bytes=9))
        found = frame.order_tables(history.add(a_sample(1, tables=tables)).tables, order)
        assert sorted(t.table.name for t in found) == ["a", "b", "c"]

    def test_a_locked_tables_unknown_size_sorts_last(self) -> None:
        tables = (a_table("locked", bytes=None), a_table("big", bytes=9))
        found = frame.order_tables(frame.History().add(a_sample(1, tables=tables)).tables, "size")
        assert [t.table.name for t in found] == ["big", "locked"]


class TestAllot:
    def test_everybody_gets_what_they_want_where_there_is_room(self) -> None:
        assert frame.allot(50, {"a": 3, "b": 10}, {"a": 1, "b": 1}) == {"a": 3, "b": 10}

    def test_the_least_first_then_in_turns(self) -> None:
        given = frame.allot(10, {"a": 20, "b": 20}, {"a": 2, "b": 4})
        assert given == {"a": 4, "b": 6}
        assert sum(given.values()) == 10

    def test_what_wants_nothing_gets_nothing(self) -> None:
        assert frame.allot(10, {"a": 0, "b": 20}, {"a": 2, "b": 4}) == {"a": 0, "b": 10}

    @pytest.mark.parametrize("height", [0, -5, 1, 3])
    def test_never_more_than_there_is(self, height: int) -> None:
        given = frame.allot(height, {"a": 9, "b": 9}, {"a": 4, "b": 4})
        assert sum(given.values()) <= max(0, height)


class TestSparkline:
    def test_it_is_as_wide_as_allowed_and_ends_with_the_newest(self) -> None:
        assert frame.sparkline([9, 1, 2, 4], 3) == "▃▅█"

    def test_a_little_never_looks_like_nothing(self) -> None:
        assert frame.sparkline([0, 1, 1000], 3) == "▁▂█"

    def test_nothing_and_zeros(self) -> None:
        assert frame.sparkline([], 5) == ""
        assert frame.sparkline([0, 0], 5) == "▁▁"


def busy_frame() -> Any:
    history = frame.History()
    work = (
        Work(7, "COPY", "", 1000, 0, "rows", "velpdevdb", "vpv4.products", 2),
        Work(8, "VACUUM", "scanning heap", 30, 100, "blocks", "velpdevdb", "vpv4.products", 3),
    )
    sessions = (
        a_session(1, state="idle in transaction", transaction_s=100, query="[bold]x[/bold]"),
        *(a_session(n, 1, waits_for="ShareLock on vpv4.products") for n in range(2, 40)),
    )
    tables = tuple(a_table(f"vpv4.table_{n}", oid=n) for n in range(60))
    databases = (ListedDatabase("velpdevdb_kept_20261101_120000", "kept", 5 << 20, ""),)
    box = Usage(12.5, 90 << 20, 8 << 30)
    for at in (1000.0, 1002.0):
        made = history.add(
            a_sample(
                at,
                sessions=sessions,
                tables=tables,
                work=work,
                databases=databases,
                container=box,
            )
        )
    return made


class TestScreen:
    @pytest.mark.parametrize(
        ("width", "height"), [(80, 24), (200, 60), (60, 12), (40, 10), (300, 90), (20, 5)]
    )
    def test_it_fits_every_terminal(self, width: int, height: int) -> None:
        console = Console(width=width, height=height, markup=False)
        body = render.screen(busy_frame(), View(notice="gone"), "velpharma-dev", width, height)
        with console.capture() as capture:
            console.print(body)
        lines = capture.get().rstrip("\n").split("\n")
        assert len(lines) <= height
        assert max(map(len, lines)) <= width

    def test_at_80_by_24_every_section_shows(self) -> None:
        console = Console(width=80, height=24, markup=False)
        with console.capture() as capture:
            console.print(render.screen(busy_frame(), View(), "velpharma-dev", 80, 24))
        text = capture.get()
        for part in ("CPU 12 %", "Blocked (38", "Under way", "Sessions at work (39)",
                     "Tables (60)", "q quit", "kept: velpdevdb_kept_20261101_120000"):  # fmt: skip
            assert part in text

    def test_trouble_is_shown_to_its_end_which_says_what_to_do(self) -> None:
        notice = (
            "failed to reach container velpharma-dev: it is stopped."
            " Run `docker start velpharma-dev`"
        )
        console = Console(width=60, height=24)
        with console.capture() as capture:
            console.print(render.screen(busy_frame(), View(notice=notice), "x", 60, 24))
        assert notice in " ".join(capture.get().split())

    @pytest.mark.parametrize("width", [80, 200])
    def test_how_far_a_load_is_is_never_cut(self, width: int) -> None:
        where = "vpv4.adverse_drug_reactions in velpdevdb_build_5a7132398aa0"
        for work in (
            Work(7, "COPY", "", 150_000, 0, "rows", "x", where, 2),
            Work(7, "CREATE INDEX", "building index: sorting live tuples", 3, 10, "blocks", "x",
                 where, 2),
        ):  # fmt: skip
            line = sections.work_line(work, width).plain
            assert len(line) <= width
            assert line.startswith(f"{work.kind} vpv4.adverse_drug_reactions")
            assert line.endswith(
                " · 150,000 rows · 2.0s · 75.0k/s"
                if work.kind == "COPY"
                else " 30% · 3 blocks · 2.0s"
            )

    def test_at_80_columns_no_figure_of_the_machine_is_cut(self) -> None:
        server = replace(SERVER, database_bytes=114 << 20, volume_bytes=303 << 20)
        box = Usage(180.5, 238 << 20, 24 << 30)
        sample = a_sample(1, server, container=box)
        made = frame.History().add(sample)
        for width, memory in ((80, "memory 238 MB · "), (120, "memory 238 MB of 24 GB · ")):
            lines = [line.plain for line in render.header(made, View(), "x", width)]
            (usage,) = (line for line in lines if "CPU" in line)
            assert len(usage) <= width
            assert memory in usage
            assert usage.endswith("cache 90.0%")

    def test_a_query_with_markup_is_shown_as_it_is(self) -> None:
        console = Console(width=200, height=60)
        with console.capture() as capture:
            console.print(render.screen(busy_frame(), View(), "x", 200, 60))
        assert "[bold]x[/bold]" in capture.get()

    def test_help_instead_of_the_frame(self) -> None:
        console = Console(width=80, height=24)
        with console.capture() as capture:
            console.print(render.screen(busy_frame(), View(help=True), "x", 80, 24))
        assert "pg_activity" in capture.get()

    def test_an_empty_server(self) -> None:
        console = Console(width=80, height=24)
        made = frame.History().add(a_sample(1))
        with console.capture() as capture:
            console.print(render.screen(made, View(), "x", 80, 24))
        assert capture.get().count("none") == 2


class TestServersTexts:
    def test_control_characters_never_reach_the_terminal(self) -> None:
        assert printable("a\x1b[31mb\nc\td\x07") == "a?[31mb c d?"
        assert printable(None) == ""

    def test_an_idle_sessions_last_query_has_no_running_time(self) -> None:
        row = {
            "pid": 1, "database": "d", "user": "u", "application": "", "client": "local",
            "kind": "client backend", "state": "idle in transaction", "wait_type": "Client",
            "wait": "ClientRead", "transaction_s": 9.0, "query_s": 900.0, "query": "x",
            "blocked_by": [],
        }  # fmt: skip
        assert session(row, None).running_s == 9.0

    @pytest.mark.parametrize(
        ("kind", "query", "named"),
        [
            ("COPY", 'COPY "vpv4"."products"\nFROM stdin', "vpv4.products"),
            ("COPY", 'COPY "vpv4"."products" ("id", "name") FROM stdin', "vpv4.products"),
            ("CREATE INDEX", "REINDEX INDEX vpv4.products_idx", "vpv4.products_idx"),
            ("CREATE INDEX", "CREATE UNIQUE INDEX a ON b (c)", "a ON b"),
            ("ANALYZE", 'ANALYZE "vpv4"."products"', "vpv4.products"),
            ("VACUUM", "VACUUM (FREEZE) products", "VACUUM (FREEZE) products"),
            ("COPY", "copy (SELECT 1) TO stdout", "copy (SELECT 1) TO stdout"),
            (
                "CREATE INDEX",
                "ALTER TABLE a ADD PRIMARY KEY (b)",
                "ALTER TABLE a ADD PRIMARY KEY (b)",
            ),
        ],
    )
    def test_a_table_of_another_database_is_named_by_its_statement(
        self, kind: str, query: str, named: str
    ) -> None:
        row = {
            "pid": 1, "kind": kind, "command": "", "phase": "", "done": 5.0,
            "total": 0.0, "unit": "rows", "database": "velpdevdb_build_1", "relation": None,
            "query": query, "query_s": 1.0,
        }  # fmt: skip
        assert under_way(row).target == f"{named} in velpdevdb_build_1"


class TestDockerStats:
    LINE = '\x1b[H{"CPUPerc":"49.70%","MemUsage":"80.98MiB / 23.54GiB","Name":"x"} \x1b[K'

    def test_a_line_of_the_stream(self) -> None:
        found = usage.parse(self.LINE)
        assert found is not None
        assert found.cpu_percent == 49.7
        assert found.memory_bytes == round(80.98 * 2**20)

    @pytest.mark.parametrize(
        "line",
        ["", "\x1b[J", "{", '{"CPUPerc":"--","MemUsage":"-- / --"}', '{"MemUsage":"1B / 1B"}'],
    )
    def test_what_says_nothing_is_nothing(self, line: str) -> None:
        assert usage.parse(line) is None

    @pytest.mark.parametrize(
        ("text", "size"), [("0B", 0), ("1.5kB", 1500), ("2KiB", 2048), (" 1GiB ", 2**30)]
    )
    def test_sizes(self, text: str, size: int) -> None:
        assert usage.parse_size(text) == size

    def test_an_unknown_unit_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not a size"):
            usage.parse_size("5 parsec")


class TestKeys:
    @pytest.mark.parametrize("key", ["q", "Q", "\x03", "\x04"])
    def test_the_end(self, key: str) -> None:
        assert not press(View(), key)

    def test_pause_and_sort(self) -> None:
        view = View()
        assert press(view, "p")
        assert view.paused
        assert press(view, " ")
        assert not view.paused
        press(view, "t")
        assert view.table_order == "writes"
        for _ in frame.TABLE_ORDERS:
            press(view, "t")
        assert view.table_order == "writes"

    def test_the_pace_stays_within_its_bounds(self) -> None:
        view = View()
        for _ in range(20):
            press(view, "+")
        assert view.interval_s == PACES_S[0]
        for _ in range(20):
            press(view, "-")
        assert view.interval_s == PACES_S[-1]

    def test_any_key_leaves_the_help(self) -> None:
        view = View(help=True)
        press(view, "p")
        assert not view.help
        assert not view.paused
