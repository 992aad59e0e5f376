"""Measuring: the chosen rows, each at its scale, an experiment after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2

from benchmarks.experiments import Measurement, measurements_for
from benchmarks.measure import Contender, interleave
from benchmarks.rows import BASES, ROWS, THERE, Result, Row
from benchmarks.shell import CommandFailed, say
from benchmarks.stack import Bench
from pgseed.errors import SeedError

# Rounds where a row is measured at another size than its bar is meant for: how it grows.
_ROUNDS_ELSEWHERE = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure: how often, at which size, and beside which other checkout.

    Without `scale` each row is measured at the size that its bar is meant for.
    """

    runs: int
    scale: int | None = None
    against: Path | None = None
    on_disk: bool = False


def plan(
    names: Iterable[str], scale: int | None
) -> Iterator[tuple[Measurement, tuple[str, ...], int]]:
    """Yield what to measure: the experiment, its rows, and how many times the real size."""
    names = list(names)
    for size in sorted({scale or ROWS[name].scale for name in names}):
        at_size = [name for name in names if (scale or ROWS[name].scale) == size]
        for measurement, rows in measurements_for(at_size):
            yield measurement, rows, size


def measure(
    measurement: Measurement, names: tuple[str, ...], scale: int, wish: Wish
) -> list[Result]:
    """Do one experiment and read its rows off. Raises what the contenders raise."""
    rows = [ROWS[name] for name in names]
    most = wish.runs if any(row.scale == scale for row in rows) else _ROUNDS_ELSEWHERE
    rounds = min(wish.runs, most, measurement.most_rounds)
    wanted = frozenset(name for row in rows for name in row.contenders)
    bench = Bench(scale, wanted, on_disk=wish.on_disk)
    with ExitStack() as running:

        def contenders_of(bench: Bench) -> list[Contender]:
            found = running.enter_context(measurement.experiment(bench))
            return [contender for contender in found if bench.wants(*contender.names)]

        turns: list[tuple[Contender, ...]]
        if wish.against is None:
            turns = [(contender,) for contender in contenders_of(bench)]
        else:
            bench = replace(bench, wanted=_ours(rows))
            here = contenders_of(bench)
            there = contenders_of(replace(bench, checkout=wish.against))
            turns = [(ours, theirs.marked(THERE)) for ours, theirs in zip(here, there, strict=True)]
            rows = compared(rows)
        series = interleave(turns, rounds, warm_up=measurement.warm_up, say=say)
    return [Result.of(row, scale, series) for row in rows]


def compared(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that set this checkout beside another one.

    First those of `rows` that compare ours with ours, here and there; then here over there for each
    contender of ours. Memory stands there for both.
    """
    rows = list(rows)
    found = []
    for row in rows:
        if row.unit == "MB" or row.rival in BASES:
            rival = row.rival and row.rival + THERE
            there = replace(row, name=row.name + THERE, ours=row.ours + THERE, rival=rival)
            found += [row, there]
    timed = [row for row in rows if row.unit != "MB"]
    return found + [Row(name, name, name + THERE) for name in sorted(_ours(timed))]


def _ours(rows: Iterable[Row]) -> frozenset[str]:
    names = {row.ours for row in rows}
    return frozenset(names | {row.rival for row in rows if row.rival in BASES})


def measure_all(names: Iterable[str], wish: Wish) -> Iterator[tuple[list[Result], str]]:
    """Yield the results of one experiment after the other, or why there are none."""
    for measurement, rows, size in plan(names, wish.scale):
        say(f"{size}x: {', '.join(rows)}")
        try:
            yield measure(measurement, rows, size, wish), ""
        except (CommandFailed, SeedError, psycopg2.Error, AssertionError, OSError) as error:
            yield [], f"{', '.join(rows)} at {size}x: {error}"
