"""The sections of the screen: sessions, tables, locks, work under way.

Texts from the server stand in `Text`, never in markup: a query may hold square brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from pgseed import units
from vpdb.monitor.frame import SPARK_LOOKS, sparkline
from vpdb.monitor.model import Activity, LockNode, TableRates, View, Work

WIDE = 130
"""Columns from which on a section shows all it has."""


class GridColumn(NamedTuple):
    """One column of a section: its head, what stands in a row's cell, and its width."""

    head: str
    cell: Callable[[Any], str | Text]
    right: bool = False
    widest: int | None = None
    least: int | None = None
    takes_the_rest: bool = False


def session_grid(sessions: Sequence[Activity], view: View, width: int) -> Table:
    def time(s: Activity) -> Text:
        style = "red" if s.blocked_by else "yellow" if s.running_s >= view.long_s else ""
        return Text(units.clock(s.running_s), style)

    wide = width >= WIDE
    where = [
        GridColumn("database", lambda s: s.database, widest=32),
        GridColumn("client", lambda s: s.client, widest=15),
    ]
    columns = [
        GridColumn("pid", lambda s: str(s.pid), right=True),
        GridColumn("time", time, right=True),
        GridColumn("user", lambda s: s.user, widest=14),
        GridColumn("application", lambda s: s.application or s.kind, widest=24 if wide else 12),
        *(where if wide else []),
        GridColumn("state", _state, widest=14 if wide else 10),
        GridColumn("waits for", lambda s: s.wait, widest=28 if wide else 14),
        GridColumn("query", lambda s: s.query, takes_the_rest=True),
    ]
    return _grid(columns, sessions, expand=True)


def table_grid(tables: Sequence[TableRates], width: int, now: float) -> Table:
    """Lay the tables out with their sizes and rates, one a line."""
    wide = width >= WIDE
    looks = SPARK_LOOKS if wide else 10
    counts = [
        GridColumn("seq scans", lambda r: units.short_count(r.table.sequential_scans), right=True),
        GridColumn("index scans", lambda r: units.short_count(r.table.index_scans), right=True),
        GridColumn("vacuumed", lambda r: _moment(r.table.vacuumed_at, now), right=True),
        GridColumn("analyzed", lambda r: _moment(r.table.analyzed_at, now), right=True),
    ]
    columns = [
        GridColumn("table", lambda r: r.table.name, takes_the_rest=not wide),
        GridColumn("rows", lambda r: units.count(r.table.rows), right=True),
        GridColumn("size", _size, right=True),
        GridColumn("dead", _dead, right=True),
        GridColumn("ins/s", lambda r: _rate(r.inserted_s), right=True),
        GridColumn("upd/s", lambda r: _rate(r.updated_s), right=True),
        *([GridColumn("del/s", lambda r: _rate(r.deleted_s), right=True)] if wide else []),
        GridColumn(
            "writes", lambda r: Text(sparkline(r.writes, looks), "cyan"), widest=looks, least=6
        ),
        *(counts if wide else []),
        GridColumn("autovacuum" if wide else "vacuum", _autovacuum),
    ]
    return _grid(columns, tables, expand=not wide)


def lock_lines(nodes: Sequence[LockNode], indent: str = "") -> Iterator[Text]:
    """Draw the trees of who waits for whom, one line a session."""
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
    """Show one COPY, VACUUM, CREATE INDEX … with its bar where the total is known.

    Where room is short, what it works on is cut, not how far it is.
    """
    far = Text()
    if work.share is not None:
        cells = 20 if width >= WIDE else 10
        full = round(work.share * cells)
        far.append(" " + "█" * full, "cyan")
        far.append("░" * (cells - full), "dim")
        far.append(f" {work.share:.0%}")
    if work.done and work.unit == "bytes":
        far.append(f" · {units.size(work.done)}")
    elif work.done:
        far.append(f" · {units.count(work.done)} {work.unit}")
    far.append(f" · {units.clock(work.running_s)}")
    if work.done and work.running_s >= 1 and work.unit == "rows":
        far.append(f" · {units.short_count(work.done / work.running_s)}/s")
    what = Text(f"{work.kind} {work.target}")
    if work.phase:
        what.append(f" · {work.phase}", "dim")
    what.truncate(max(1, width - far.cell_len), overflow="ellipsis")
    return cut(what.append_text(far))


def waiting(nodes: Sequence[LockNode]) -> set[int]:
    """Name the sessions that wait in these trees."""
    own = {node.session.pid for node in nodes if node.session.blocked_by}
    return own.union(*(waiting(node.waiters) for node in nodes))


def shorten(lines: Sequence[Text], rows: int) -> Iterator[Text]:
    """Cut lines to `rows`, the last one saying how many are missing."""
    if len(lines) <= rows:
        yield from lines
    elif rows > 0:
        yield from lines[: rows - 1]
        yield Text(f"… and {len(lines) - rows + 1} more", "dim")


def heading(text: str, width: int, style: str) -> Text:
    line = Text(f"── {text} ", f"bold {style}")
    line.append("─" * max(0, width - line.cell_len), style)
    return cut(line)


def cut(text: Text) -> Text:
    """Keep a line on one line, whatever the width."""
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _grid(columns: Sequence[GridColumn], rows: Sequence[object], *, expand: bool) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=expand, header_style="dim")
    for column in columns:
        grid.add_column(
            column.head,
            justify="right" if column.right else "left",
            ratio=1 if column.takes_the_rest else None,
            max_width=column.widest,
            min_width=column.least,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        cells = (column.cell(row) for column in columns)
        grid.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return grid


def _state(s: Activity) -> str:
    return (s.state or s.kind).replace("idle in transaction", "idle in tx")


def _size(row: TableRates) -> str:
    return "locked" if row.table.bytes is None else units.size(row.table.bytes)


def _dead(row: TableRates) -> Text:
    dead = row.table.dead_rows
    many = dead > 1000 and dead > 0.2 * row.table.rows
    return Text(units.short_count(dead), "yellow" if many else "")


def _autovacuum(row: TableRates) -> Text:
    return Text("off", "bold yellow") if row.table.autovacuum_off else Text("on")


def _rate(value: float | None) -> str:
    return "-" if value is None else units.short_count(value) if value else "0"


def _moment(at: float | None, now: float) -> str:
    return "never" if at is None else units.ago(now - at)
