"""Every experiment interleaves a few contenders on one server; a row compares two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.bench import Experiment
from benchmarks.experiments.csv_load import csv_load, csv_memory
from benchmarks.experiments.daily import daily, from_nothing
from benchmarks.experiments.files import dump, identity
from benchmarks.experiments.load import load, loader_memory


@dataclass(frozen=True, slots=True)
class Measurement:
    """One experiment, which rows it answers, and the most rounds that are worth their time.

    A contender is slow where `slow_from` times the real size is reached: fewer rounds then.
    """

    experiment: Experiment
    rows: tuple[str, ...]
    warm_up: int = 1
    slow_from: int = 10
    slow_rounds: int = 3


MEASUREMENTS = (
    Measurement(
        daily,
        (
            "reload",
            "reload-mended",
            "reload-script",
            "reset-script",
            "reset-dslr",
            "outage",
            "changes",
            "status",
        ),
    ),
    Measurement(from_nothing, ("from-nothing",)),
    Measurement(
        load,
        ("load-psql", "load-pg_restore", "load-floor", "mended", "cached", "cached-dslr"),
    ),
    Measurement(loader_memory, ("memory",), warm_up=0, slow_rounds=2),
    Measurement(identity, ("content-id",), slow_rounds=5),
    Measurement(dump, ("dump",), slow_rounds=5),
    Measurement(csv_load, ("csv",)),
    Measurement(csv_memory, ("csv-memory",), warm_up=0, slow_rounds=2),
)


def measurements_for(rows: Iterable[str]) -> list[tuple[Measurement, tuple[str, ...]]]:
    """Give the measurements that these rows need, each with those of its rows that are wanted."""
    wanted = set(rows)
    needed = []
    for measurement in MEASUREMENTS:
        names = tuple(name for name in measurement.rows if name in wanted)
        if names:
            needed.append((measurement, names))
    return needed
