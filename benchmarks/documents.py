"""The figures in the documents: kept as JSON, written from it, never edited by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import data, plot, report
from benchmarks.rows import ROWS, Result
from benchmarks.shell import CHECKOUT

FOLDER = CHECKOUT / "benchmarks"
RESULTS = FOLDER / "results.json"
PLOT = FOLDER / "load-times.svg"
DOCUMENTS = (
    FOLDER / "README.md",
    CHECKOUT / "README.md",
    CHECKOUT / "DATABASE_WORKFLOW.md",
)
# Where the tables stand, and the seconds of one contender at the real size.
_TABLES = re.compile(r"(<!-- figures: begin[^>]*-->).*?(<!-- figures: end -->)", re.DOTALL)
_TIME = re.compile(r"(<!-- time: ([^>]+) -->)[^<]*(<!-- -->)")

_LOADS = ("load-psql", "load-pg_restore", "cached", "cached-dslr")
# How the loads grow with the data, beside the size that their bars are for (30). At 100 times the
# real size only ours are worth the wait.
GROWTH: dict[int, tuple[str, ...]] = {1: _LOADS, 10: _LOADS, 100: ("cached", "memory")}
# What the table and the plot of growth show, in this order.
_GROWING = ("first load", "cached reload", "psql -f", "pg_restore -j2", "dslr restore")

Growth = dict[str, dict[int, float]]


def heading(about: Mapping[str, str], scales: Iterable[int]) -> str:
    """Say what was measured on, and how large the data was."""
    sizes = [data.size_of(scale) for scale in sorted(scales)]
    return "\n".join([describe_machine(about), *(str(size) for size in sizes if size)])


def describe_machine(about: Mapping[str, str]) -> str:
    return (
        f"{about['processor']}, {about['memory']}, {about['system']},"
        f" Docker {about['docker']}, Python {about['python']}"
    )


def load(path: Path = RESULTS) -> dict[str, Any]:
    """Return what is kept of earlier runs; empty where there were none."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return document


def store(results: Sequence[Result], about: Mapping[str, str], path: Path = RESULTS) -> None:
    """Put results in the place of older ones of the same rows; another machine starts anew."""
    document = load(path)
    if document.get("machine") != dict(about):
        document = {"machine": dict(about), "sizes": {}, "results": []}
    new = report.to_document(results)
    replaced = {(entry["row"], entry["scale"]) for entry in new}
    kept = [
        entry
        for entry in document["results"]
        if (entry["row"], entry["scale"]) not in replaced and entry["row"] in ROWS
    ]
    order = list(ROWS)
    document["results"] = sorted(kept + new, key=lambda e: (order.index(e["row"]), e["scale"]))
    for scale in {result.scale for result in results}:
        size = data.size_of(scale)
        if size:
            document["sizes"][str(scale)] = {"rows": size.rows, "bytes": size.bytes}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def render() -> None:
    """Write what is kept into the documents, and the plot beside them."""
    document = load()
    for path in DOCUMENTS:
        path.write_text(rendered(path.read_text(encoding="utf-8"), document), encoding="utf-8")
    PLOT.write_text(drawn(document), encoding="utf-8")


def rendered(text: str, document: Mapping[str, Any]) -> str:
    """Return a text with its tables and times as the results have them.

    Raises ValueError for a time that no row measures.
    """
    results = report.from_document(document["results"])
    known = {name for row in ROWS.values() for name in row.contenders}
    times: dict[str, float] = {}
    for result in results:
        if result.scale == 1:
            for name, series in result.sides:
                times.setdefault(name, series.median)

    def time_of(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        if name not in known:
            raise ValueError(f"failed to write the time of {name}: no row measures it")
        return f"{begin}{f'{times[name]:.1f} s' if name in times else 'not measured'}{end}"

    def tables(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n{_figures(document, results)}\n\n{match[2]}"

    return _TIME.sub(time_of, _TABLES.sub(tables, text))


def drawn(document: Mapping[str, Any]) -> str:
    """Return the plot of load times as the results have them."""
    backups_mb = {int(scale): size["bytes"] / 1e6 for scale, size in document["sizes"].items()}
    return plot.draw(growth_of(report.from_document(document["results"])), backups_mb)


def _figures(document: Mapping[str, Any], results: Sequence[Result]) -> str:
    sizes = sorted((int(scale), size) for scale, size in document["sizes"].items())
    return "\n\n".join(
        [
            describe_machine(document["machine"]) + ".",
            "; ".join(str(data.Size(scale, **size)) for scale, size in sizes) + ".",
            "### The bars",
            bars_table(results),
            "### Load times against the size of the data",
            growth_table(growth_of(results)),
        ]
    )


def bars_table(results: Iterable[Result]) -> str:
    """Return the rows at the size their bar is for, a missed bar in bold."""
    lines = [
        "| what | size | ours | theirs | figure | bar | | runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        if result.scale != result.row.scale:
            continue
        ours, theirs = report.sides(result)
        mark = report.verdict(result)
        cells = [
            result.row.what,
            f"{result.scale}x",
            ours,
            theirs,
            report.amount(result.value, result.row.unit),
            report.bar(result).replace("<=", "≤"),
            f"**{mark}**" if result.holds is False else mark,
            report.spread(result),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def growth_of(results: Iterable[Result]) -> Growth:
    """Return each load's median seconds by scale."""
    growth: Growth = {name: {} for name in _GROWING}
    for result in results:
        for name, series in result.sides:
            if name in growth and result.row.name in _LOADS:
                growth[name][result.scale] = series.median
    return growth


def growth_table(growth: Growth) -> str:
    """Return the loads' seconds as a table, a line each, a column a scale."""
    scales = sorted({scale for line in growth.values() for scale in line})
    lines = [
        "| | " + " | ".join(f"{scale}x" for scale in scales) + " |",
        "|---|" + "---:|" * len(scales),
    ]
    for name, line in growth.items():
        cells = [report.seconds(line[scale]) if scale in line else "" for scale in scales]
        label = f"**{name}**" if name in plot.OURS else name
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)
