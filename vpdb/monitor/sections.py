"""The sections of the screen: sessions, tables, locks, work under way.

Texts from the server stand in `Text`, never in markup: a query may hold square brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from pgseed import units
from vpdb.monitor import frame as frames
from vpdb.monitor.model import LockNode, Session, TableRates, View, Work

WIDE = 130
"""Columns from which on a section shows all it has."""


def session_grid(sessions: Sequence[Session], rows: int, view: View, width: int) -> Table:
    """The sessions, the first `rows` of them."""
    grid = _Grid(expand=True)
    grid.column("pid", right=True)
    grid.column("time", right=True)
    grid.column("user", widest=14)
    grid.column("application", widest=24 if width >= WIDE else 12)
    if width >= WIDE:
        grid.column("database", widest=32)
        grid.column("client", widest=15)
    grid.column("state", widest=14 if width >= WIDE else 10)
    grid.column("waits for", widest=28 if width >= WIDE else 14)
    grid.column("query", ratio=1)
    for s in sessions[: max(0, rows)]:
        style = "red" if s.blocked_by else "yellow" if s.running_s >= view.long_s else ""
        cells: list[str | Text] = [str(s.pid), Text(units.clock(s.running_s), style), s.user]
        cells.append(s.application or s.kind)
        if width >= WIDE:
            cells += [s.database, s.client]
        state = s.state or s.kind
        cells += [state.replace("idle in transaction", "idle in tx"), s.wait, s.query]
        grid.row(cells)
    return grid


def table_grid(tables: Sequence[TableRates], rows: int, width: int, now: float) -> Table:
    """The tables with their sizes and rates, the first `rows` of them."""
    wide = width >= WIDE
    grid = _Grid(expand=not wide)
    grid.column("table", ratio=None if wide else 1)
    for name in ("rows", "size", "dead"):
        grid.column(name, right=True)
    grid.column("ins/s", right=True)
    grid.column("upd/s", right=True)
    if wide:
        grid.column("del/s", right=True)
    grid.column("writes", widest=frames.SPARK_LOOKS if wide else 10, least=6)
    if wide:
        for name in ("seq scans", "index scans", "vacuumed", "analyzed"):
            grid.column(name, right=True)
    grid.column("vacuum" if not wide else "autovacuum")
    for row in tables[: max(0, rows)]:
        t = row.table
        dead = Text(units.short_count(t.dead_rows))
        if t.dead_rows > 1000 and t.dead_rows > 0.2 * t.rows:
            dead.stylize("yellow")
        cells: list[str | Text] = [
            t.name,
            units.count(t.rows),
            "locked" if t.bytes is None else units.size(t.bytes),
            dead,
            _rate(row.inserted_s),
            _rate(row.updated_s),
        ]
        if wide:
            cells.append(_rate(row.deleted_s))
        cells.append(Text(frames.sparkline(row.writes, frames.SPARK_LOOKS if wide else 10), "cyan"))
        if wide:
            cells += [
                units.short_count(t.sequential_scans),
                units.short_count(t.index_scans),
                _moment(t.vacuumed_at, now),
                _moment(t.analyzed_at, now),
            ]
        cells.append(Text("off", "bold yellow") if t.autovacuum_off else "on")
        grid.row(cells)
    return grid


def lock_lines(nodes: Sequence[LockNode], indent: str = "") -> Iterator[Text]:
    """The trees of who waits for whom, one line a session."""
    for place, node in enumerate(nodes):
        last = place == len(nodes) - 1
        s = node.session
        line = Text(indent[2:] + ("└ " if last else "├ ") if indent else "", "dim")
        line.append(f"{s.pid} ", "bold red" if not s.blocked_by else "bold")
        line.append(f"{s.user} {s.application or s.kind} ".replace("  ", " "))
        line.append(units.clock(s.running_s), "yellow")
        if node.cycle:
            line.append(" deadlock: waits for itself", "bold red")
        elif s.waits_for:
            line.append(f" waits for {s.waits_for}", "red")
        elif s.state.startswith("idle in transaction"):
            line.append(" idle in transaction", "red")
        line.append(f" · {s.query}", "dim")
        yield cut(line)
        if not node.cycle:
            yield from lock_lines(node.waiters, (indent or "  ") + ("  " if last else "│ "))


def work_line(work: Work, width: int) -> Text:
    """One COPY, VACUUM, CREATE INDEX … with its bar where the total is known.

    Where room is short, what it works on is cut, not how far it is.
    """
    far = Text()
    if work.share is not None:
        cells = 20 if width >= WIDE else 10
        full = round(work.share * cells)
        far.append(" " + "█" * full, "cyan")
        far.append("░" * (cells - full), "dim")
        far.append(f" {work.share:.0%}")
    if work.done:
        amount = units.size(work.done) if work.unit == "bytes" else units.count(work.done)
        far.append(f" · {amount}" + ("" if work.unit == "bytes" else f" {work.unit}"))
    far.append(f" · {units.clock(work.running_s)}")
    if work.done and work.running_s >= 1 and work.unit == "rows":
        far.append(f" · {units.short_count(work.done / work.running_s)}/s")
    what = Text(f"{work.kind} {work.target}")
    if work.phase:
        what.append(f" · {work.phase}", "dim")
    what.truncate(max(1, width - far.cell_len), overflow="ellipsis")
    return cut(what.append_text(far))


def waiters(nodes: Sequence[LockNode]) -> int:
    """How many sessions wait in these trees."""
    pids: set[int] = set()

    def walk(node: LockNode) -> None:
        if node.session.blocked_by:
            pids.add(node.session.pid)
        for waiter in node.waiters:
            walk(waiter)

    for node in nodes:
        walk(node)
    return len(pids)


def shorten(lines: Sequence[Text], rows: int) -> Iterator[Text]:
    """Cut lines to `rows`, the last one saying how many are missing."""
    if len(lines) <= rows:
        yield from lines
    elif rows > 0:
        yield from lines[: rows - 1]
        yield Text(f"… and {len(lines) - rows + 1} more", "dim")


class _Grid(Table):
    """Columns side by side, each row on one line."""

    def __init__(self, *, expand: bool) -> None:
        super().__init__(
            box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=expand, header_style="dim"
        )

    def column(
        self,
        name: str,
        *,
        right: bool = False,
        ratio: int | None = None,
        widest: int | None = None,
        least: int | None = None,
    ) -> None:
        self.add_column(
            name,
            justify="right" if right else "left",
            ratio=ratio,
            max_width=widest,
            min_width=least,
            no_wrap=True,
            overflow="ellipsis",
        )

    def row(self, cells: Sequence[str | Text]) -> None:
        self.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def heading(text: str, width: int, style: str) -> Text:
    """A section heading: a rule across the screen."""
    line = Text(f"── {text} ", f"bold {style}")
    line.append("─" * max(0, width - line.cell_len), style)
    return cut(line)


def cut(text: Text) -> Text:
    """Keep a line on one line, whatever the width."""
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text


def nothing() -> Text:
    """What an empty section shows."""
    return Text("none", "dim")


def _rate(value: float | None) -> str:
    return "-" if value is None else units.short_count(value) if value else "0"


def _moment(at: float | None, now: float) -> str:
    return "never" if at is None else units.ago(now - at)


def plural(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
