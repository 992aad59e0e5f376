"""The README's figures: kept as JSON beside it, written into it, never edited by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import data, plot, report
from benchmarks.rows import ROWS, Result

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
PLOT = FOLDER / "load-times.svg"
_BEGIN, _END = "<!-- figures: begin (written by --write-readme) -->", "<!-- figures: end -->"

_LOADS = ("load-psql", "load-pg_restore", "load-floor", "cached", "cached-dslr")
# How the loads grow with the data, beside the size that their bars are for (30). At 100 times the
# real size only ours are worth the wait.
GROWTH: dict[int, tuple[str, ...]] = {1: _LOADS, 10: _LOADS, 100: ("cached", "memory")}
# What the table and the plot of growth show, in this order.
_GROWING = ("first load", "cached reload", "psql -f", "pg_restore -j2", "bare COPY", "dslr restore")


def heading(about: Mapping[str, str], scales: Iterable[int]) -> str:
    """Say what was measured on, and how large the data was."""
    lines = [describe_machine(about)]
    sizes = [data.size_of(scale) for scale in sorted(scales)]
    lines += [str(size) for size in sizes if size]
    return "\n".join(lines)


def describe_machine(about: Mapping[str, str]) -> str:
    return (
        f"{about['processor']}, {about['memory']}, {about['system']},"
        f" Docker {about['docker']}, Python {about['python']}"
    )


def store(results: Sequence[Result], about: Mapping[str, str]) -> None:
    """Put results in the place of older ones of the same rows; another machine starts anew."""
    document = _stored()
    if document.get("machine") != dict(about):
        document = {"machine": dict(about), "sizes": {}, "results": []}
    new = report.to_document(results)
    replaced = {(entry["row"], entry["scale"]) for entry in new}
    kept = [e for e in document["results"] if (e["row"], e["scale"]) not in replaced]
    order = list(ROWS)
    entries = sorted(kept + new, key=lambda e: (order.index(e["row"]), e["scale"]))
    for scale in {result.scale for result in results}:
        size = data.size_of(scale)
        if size:
            document["sizes"][str(scale)] = {"rows": size.rows, "bytes": size.bytes}
    document["results"] = entries
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def render() -> None:
    """Write the figures between the README's marks, and the plot beside it."""
    document = _stored()
    results = report.from_document(document.get("results", []))
    sizes = {int(scale): size for scale, size in document.get("sizes", {}).items()}
    growth = growth_of(results)
    figures = "\n\n".join(
        [
            describe_machine(document["machine"]) + ".",
            _sizes_text(sizes),
            "### The bars",
            bars_table(results),
            "### Load times against the size of the data",
            growth_table(growth),
        ]
    )
    head, _, rest = README.read_text(encoding="utf-8").partition(_BEGIN)
    tail = rest.partition(_END)[2]
    README.write_text(f"{head}{_BEGIN}\n\n{figures}\n\n{_END}{tail}", encoding="utf-8")
    backups_mb = {scale: size["bytes"] / 1e6 for scale, size in sizes.items()}
    PLOT.write_text(plot.draw(growth, backups_mb), encoding="utf-8")


def bars_table(results: Iterable[Result]) -> str:
    """Write the rows at the size their bar is for, a missed bar in bold."""
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


Growth = dict[str, dict[int, float]]


def growth_of(results: Iterable[Result]) -> Growth:
    """Gather each load's median seconds by scale."""
    growth: Growth = {name: {} for name in _GROWING}
    for result in results:
        sides = [(result.row.ours, result.ours)]
        if result.row.rival and result.rival:
            sides.append((result.row.rival, result.rival))
        for name, series in sides:
            if name in growth and result.row.name in _LOADS:
                growth[name][result.scale] = series.median
    return growth


def growth_table(growth: Growth) -> str:
    """Write the loads' seconds, a line each, a column a scale."""
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


def _sizes_text(sizes: Mapping[int, Mapping[str, int]]) -> str:
    parts = [str(data.Size(scale, **size)) for scale, size in sorted(sizes.items())]
    return "; ".join(parts) + "."


def _stored() -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return document
