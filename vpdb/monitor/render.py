"""A frame as a screen of text: header, locks, work under way, sessions, tables, keys.

Everything is laid out for the size at hand: what does not fit in height is cut from the longest
sections first, columns that do not fit in width are left out whole.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pgseed import units
from vpdb.monitor import frame as frames
from vpdb.monitor.model import Frame, View
from vpdb.monitor.sections import (
    cut,
    heading,
    lock_lines,
    plural,
    session_grid,
    shorten,
    table_grid,
    waiting,
    work_line,
)

KEYS = "q quit · p pause · s sort sessions · t sort tables · + - pace · ? help"
_HELP = (
    ("q, Ctrl-C", "quit"),
    ("p, space", "pause and go on"),
    ("s", "sort sessions by " + ", ".join(frames.SESSION_ORDERS)),
    ("t", "sort tables by " + ", ".join(frames.TABLE_ORDERS)),
    ("+ -", "look more or less often"),
    ("? or any key", "this help, and away with it"),
)
PIPE_WIDTH = 160
"""Columns a frame may take in a pipe."""
_ALL = 10_000
_NOTICE_LINES = 4


def screen(frame: Frame, view: View, title: str, width: int, height: int) -> RenderableType:
    """Lay one frame out for a terminal of `width` x `height`, the keys in its last line."""
    if view.help:
        return _help(title)
    head = header(frame, view, title, width)
    # A header line may take more than one row of a very narrow terminal; it is cut instead.
    head = head[: max(1, height - 4)]
    return Group(*head, *_body(frame, view, width, height - len(head) - 1), _footer(view))


def plain(frame: Frame, view: View, title: str, width: int) -> RenderableType:
    """Lay one frame out without limits of height, for a pipe."""
    return Group(*header(frame, view, title, width), *_body(frame, view, width, _ALL))


def header(frame: Frame, view: View, title: str, width: int) -> list[Text]:
    """Draw the lines above the sections: what this is, what it holds, how the machine does."""
    sample, server = frame.sample, frame.sample.server
    name = f" · {server.database} · PostgreSQL {server.version} · up {units.duration(server.up_s)}"
    lines = [_pair(Text.assemble((title, "bold"), name), Text(_when(frame, view), "dim"), width)]
    # A notice's end says what to do.
    parts = textwrap.wrap(view.notice, max(10, width - 2))[:_NOTICE_LINES]
    lines += [cut(Text(f" {part} ", "bold white on red")) for part in parts]
    usage = _usage(frame, limit=True)
    lines += [
        cut(Text(sample.stamp)),
        usage if usage.cell_len <= width else _usage(frame, limit=False),
        _flow(frame),
        _care(frame),
    ]
    for roles, word, style in (
        (("build",), "being built", "cyan"),
        (("clone",), "being cloned", "cyan"),
        (("kept", "snapshot"), "kept", ""),
    ):
        names = [f"{d.name} ({units.size(d.bytes)})" for d in sample.databases if d.role in roles]
        if names:
            lines.append(cut(Text(f"{word}: {', '.join(names)}", style)))
    return lines


def _usage(frame: Frame, *, limit: bool) -> Text:
    """Say what the database takes of the machine; with the memory's `limit` or without."""
    server, usage = frame.sample.server, frame.sample.container
    parts = [
        f"database {units.size(server.database_bytes)}",
        f"volume {units.size(server.volume_bytes)}",
    ]
    if usage:
        of = f" of {units.size(usage.memory_limit)}" if limit else ""
        parts += [f"CPU {usage.cpu_percent:.0f} %", f"memory {units.size(usage.memory_bytes)}{of}"]
    if frame.hit_ratio is not None:
        parts.append(f"cache {frame.hit_ratio:.1%}")
    return cut(Text(" · ".join(parts)))


def _flow(frame: Frame) -> Text:
    server = frame.sample.server
    parts = [f"connections {server.connections} of {server.connections_allowed}"]
    if frame.commits_s is not None:
        parts += [
            f"commits {units.short_count(frame.commits_s)}/s",
            f"rows in {units.short_count(frame.inserted_s or 0)}/s",
            f"WAL {units.size(frame.wal_bytes_s or 0)}/s",
        ]
    return cut(Text(" · ".join(parts)))


def _care(frame: Frame) -> Text:
    server, mode = frame.sample.server, frame.sample.bulk_mode
    workers = server.autovacuum_workers
    line = Text("autovacuum ")
    if server.autovacuum:
        line.append(f"at work ({workers})" if workers else "on")
    else:
        line.append("off", "bold yellow")
    off = sum(t.table.autovacuum_off for t in frame.tables)
    if off:
        line.append(f" but off for {plural(off, 'table')}", "bold yellow")
    line.append(" · bulk mode ")
    return cut(line.append(mode, "bold yellow" if mode != "off" else ""))


def _body(frame: Frame, view: View, width: int, height: int) -> Iterator[RenderableType]:
    sample = frame.sample
    tree = list(lock_lines(frame.locks))
    sessions = frames.order_sessions(sample.sessions, view.session_order)
    tables = frames.order_tables(frame.tables, view.table_order)
    # Each section needs a heading and a line of column names beside its rows.
    wants = {
        "locks": len(tree) + 1 if tree else 0,
        "work": len(sample.work) + 1 if sample.work else 0,
        "sessions": max(1, len(sessions)) + 1 + bool(sessions),
        "tables": max(1, len(tables)) + 1 + bool(tables),
    }
    given = frames.allot(height, wants, {"locks": 4, "work": 3, "sessions": 4, "tables": 4})
    none = Text("none", "dim")
    if given["locks"]:
        blocked = plural(len(waiting(frame.locks)), "session")
        yield heading(f"Blocked ({blocked} waiting)", width, "red")
        yield from shorten(tree, given["locks"] - 1)
    if given["work"]:
        yield heading("Under way", width, "cyan")
        yield from shorten([work_line(work, width) for work in sample.work], given["work"] - 1)
    if given["sessions"]:
        order = view.session_order
        yield heading(f"Sessions at work ({len(sessions)}), by {order}", width, "green")
        shown = sessions[: max(0, given["sessions"] - 2)]
        yield session_grid(shown, view, width) if sessions else none
    if given["tables"]:
        yield heading(f"Tables ({len(tables)}), by {view.table_order}", width, "blue")
        rows = tables[: max(0, given["tables"] - 2)]
        yield table_grid(rows, width, sample.taken_at) if tables else none


def _help(title: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for key, meaning in _HELP:
        grid.add_row(Text(key, "bold"), meaning)
    about = Text(
        "Sizes are whole tables with indexes. A time in yellow is over the --long threshold, a red"
        " one is blocked. For single queries in depth use pg_activity.",
        "dim",
    )
    return Group(Text(f"{title}: keys", "bold"), Text(), grid, Text(), about)


def _footer(view: View) -> Text:
    text = cut(Text(KEYS, "dim"))
    return cut(Text("paused · ", "bold reverse")).append_text(text) if view.paused else text


def _pair(left: Text, right: Text, width: int) -> Text:
    left.truncate(max(1, width - right.cell_len - 1), overflow="ellipsis")
    left.append(" " * max(1, width - left.cell_len - right.cell_len))
    return cut(left.append_text(right))


def _when(frame: Frame, view: View) -> str:
    pace = f" · every {view.interval_s:g} s" if view.interval_s else ""
    return time.strftime("%H:%M:%S", time.localtime(frame.sample.taken_at)) + pace
