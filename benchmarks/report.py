"""Results as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.measure import Series
from benchmarks.rows import ROWS, Result, Unit

_WIDTH_OF_PIPES = 160


def seconds(value: float) -> str:
    """Write seconds with the digits that a measurement of this size can mean."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def amount(value: float, unit: Unit) -> str:
    """Write a row's figure in its unit."""
    if unit == "ratio":
        return f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"
    return seconds(value) if unit == "s" else f"{value:.0f} MB"


def bar(result: Result) -> str:
    row = result.row
    if row.bar is None:
        return "none"
    shown = f"{row.bar:g}" if row.unit == "ratio" else amount(row.bar, row.unit)
    where = "" if result.scale == row.scale else f" at {row.scale}x"
    return f"<= {shown}{where}"


def verdict(result: Result) -> str:
    return {True: "holds", False: "MISSED", None: ""}[result.holds]


def sides(result: Result) -> tuple[str, str]:
    """Write both sides' medians; the worst one where the bar is for it."""
    unit: Unit = "s" if result.row.unit == "ratio" else result.row.unit
    value = result.ours.high if result.row.worst else result.ours.median
    rival = amount(result.rival.median, unit) if result.rival else ""
    return amount(value, unit), rival


def spread(result: Result) -> str:
    """Write the smallest and largest figure of the rounds, and how many there were."""
    unit = result.row.unit
    figures = result.figures
    low, high = amount(figures.low, unit), amount(figures.high, unit)
    return f"{low} to {high}, {len(figures.values)} runs"


def print_table(results: Iterable[Result], heading: str) -> None:
    """Print one line a row."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_OF_PIPES)
    table = Table(title=heading, title_justify="left", box=box.SIMPLE, title_style="")
    for name in ("row", "ours / theirs", "size", "ours", "theirs", "figure", "spread", "bar", ""):
        table.add_column(name, justify="right" if name in ("size", "ours", "theirs") else "left")
    for result in results:
        mark = Text(verdict(result), style="bold red" if result.holds is False else "green")
        value = Text(amount(result.value, result.row.unit), style="bold")
        table.add_row(
            result.row.name,
            result.row.what.replace("`", ""),
            f"{result.scale}x",
            *sides(result),
            value,
            spread(result),
            bar(result),
            mark,
        )
    console.print(table)


def to_document(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return results as plain values, every single run among them."""
    return [
        {
            "row": result.row.name,
            "what": result.row.what,
            "scale": result.scale,
            "unit": result.row.unit,
            "value": round(result.value, 4),
            "bar": result.row.bar,
            "holds": result.holds,
            "ours": _side(result.row.ours, result.ours),
            "rival": _side(result.row.rival, result.rival)
            if result.row.rival and result.rival
            else None,
        }
        for result in results
    ]


def from_document(document: Sequence[dict[str, Any]]) -> list[Result]:
    """Read back what `to_document` gave; rows that are no more are left out."""
    return [
        Result(
            ROWS[entry["row"]],
            entry["scale"],
            Series(tuple(entry["ours"]["runs"])),
            Series(tuple(entry["rival"]["runs"])) if entry["rival"] else None,
        )
        for entry in document
        if entry["row"] in ROWS
    ]


def _side(name: str, series: Series) -> dict[str, Any]:
    return {
        "name": name,
        "median": round(series.median, 4),
        "runs": [round(v, 4) for v in series.values],
    }
