"""Measuring: the chosen rows, each at its scale, an experiment after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg2

from benchmarks.bench import Bench, say
from benchmarks.experiments import Measurement, measurements_for
from benchmarks.measure import interleave
from benchmarks.rows import ROWS, Result
from benchmarks.shell import CommandFailed
from pgseed.errors import SeedError


def plan(
    names: Iterable[str], scale: int | None
) -> Iterator[tuple[Measurement, tuple[str, ...], int]]:
    """Give what to measure: the experiment, its rows, and how many times the real size.

    Without `scale` each row is measured at the size that its bar is meant for.
    """
    names = list(names)
    for size in sorted({scale or ROWS[name].scale for name in names}):
        at_size = [name for name in names if (scale or ROWS[name].scale) == size]
        for measurement, rows in measurements_for(at_size):
            yield measurement, rows, size


def measure(
    measurement: Measurement, names: tuple[str, ...], scale: int, runs: int
) -> list[Result]:
    """Do one experiment and read its rows off. Raises what the contenders raise."""
    rows = [ROWS[name] for name in names]
    wanted = frozenset(contender for row in rows for contender in row.contenders)
    is_slow = scale >= measurement.slow_from
    rounds = min(runs, measurement.slow_rounds) if is_slow else runs
    with measurement.experiment(Bench(scale, wanted)) as contenders:
        series = interleave(contenders, rounds, warm_up=measurement.warm_up, say=say)
    return [
        Result(row, scale, series[row.ours], series[row.rival] if row.rival else None)
        for row in rows
    ]


def measure_all(
    names: Iterable[str], scale: int | None, runs: int
) -> Iterator[tuple[list[Result], str]]:
    """Give the results of one experiment after the other, or why there are none."""
    for measurement, rows, size in plan(names, scale):
        say(f"{size}x: {', '.join(rows)}")
        try:
            yield measure(measurement, rows, size, runs), ""
        except (CommandFailed, SeedError, psycopg2.Error, AssertionError, OSError) as error:
            yield [], f"{', '.join(rows)} at {size}x: {error}"
