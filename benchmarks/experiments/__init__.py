"""Every experiment interleaves a few contenders on one server; a row compares two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.experiments.daily import commands, daily, from_nothing, minimal, schema_edit
from benchmarks.experiments.files import csv_load, csv_memory, dump, identity
from benchmarks.experiments.load import load, loader_memory, single_inserts, small_tables
from benchmarks.stack import Experiment


@dataclass(frozen=True, slots=True)
class Measurement:
    """One experiment, which rows it answers, and the most rounds that are worth their time."""

    experiment: Experiment
    rows: tuple[str, ...]
    warm_up: int = 1
    most_rounds: int = 99


MEASUREMENTS = (
    Measurement(daily, ("reload", "reload-script", "reset-script", "reset-dslr", "outage")),
    Measurement(minimal, ("minimal",)),
    Measurement(schema_edit, ("schema-edit",)),
    Measurement(from_nothing, ("from-nothing",)),
    Measurement(
        commands,
        (
            "status",
            "help",
            "preview",
            "previewed-up",
            "doctor",
            "snapshot",
            "restore",
            "dump-1x",
            "verify",
            "up-reset",
            "up-wiped",
        ),
    ),
    Measurement(small_tables, ("small-tables",)),
    Measurement(single_inserts, ("inserts",)),
    Measurement(load, ("load-psql", "load-pg_restore", "cached", "cached-dslr")),
    # The peak is the same in every run.
    Measurement(loader_memory, ("memory",), warm_up=0, most_rounds=2),
    Measurement(identity, ("content-id",)),
    Measurement(dump, ("dump",)),
    Measurement(csv_load, ("csv",)),
    Measurement(csv_memory, ("csv-memory",), warm_up=0, most_rounds=2),
)


def measurements_for(rows: Iterable[str]) -> list[tuple[Measurement, tuple[str, ...]]]:
    """Return the measurements that these rows need, each with those of its rows that are wanted."""
    wanted = set(rows)
    needed = []
    for measurement in MEASUREMENTS:
        names = tuple(name for name in measurement.rows if name in wanted)
        if names:
            needed.append((measurement, names))
    return needed
