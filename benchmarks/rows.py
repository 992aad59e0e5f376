"""The rows of the table: which two contenders each compares, and the bar it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.measure import Series, ratios

Unit = Literal["ratio", "s", "MB"]

# What contenders are, where the name is not the command.
_CONTENDERS = {
    "up changed": "`pulumi up` with a changed backup",
    "up edited": "`pulumi up` with a changed schema file",
    "up no-op": "`pulumi up` that changes nothing",
    "up from nothing": "`pulumi up` from nothing, image built",
    "up reset": "the command in `pulumi stack output reloadData`",
    "up wiped": "the command in `pulumi stack output wipeVolume`",
    "minimal up": "that of a minimal program",
    "script": "full reset script",
    "outage": "time a client cannot connect during a reload, worst run",
    "build": "load: our build",
    "pg_restore -j2": "`pg_restore -j2` of a directory dump",
    "first load": "its first load",
    "cached reload": "reload of a content whose template exists",
    "loader memory": "peak anonymous memory of the loading process",
    "content id": "content id of a backup",
    "single INSERTs": "one INSERT a round trip, a commit every 1,000",
    "vpdb load memory": "peak anonymous memory of a load of a million reactions",
}
# Marks the contenders of another checkout.
THERE = " there"
# What rows compare ours with, and is ours as well.
BASES = frozenset({"up no-op", "first load"})


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` over `rival`, or `ours` alone (in `unit`) where there is no rival.

    `scale` is the size of data that the bar is meant for; 1 is the real one. `worst`: the bar is
    for the worst run, not for the median. Without a bar the row informs.
    """

    name: str
    ours: str
    rival: str | None = None
    bar: float | None = None
    scale: int = 1
    unit: Unit = "ratio"
    worst: bool = False
    of: str = ""

    @property
    def contenders(self) -> tuple[str, ...]:
        return (self.ours,) if self.rival is None else (self.ours, self.rival)

    @property
    def what(self) -> str:
        """What is measured, in words."""
        return " / ".join(map(_described, self.contenders)) + self.of


def _described(contender: str) -> str:
    if contender.endswith(THERE):
        return _described(contender.removesuffix(THERE)) + THERE
    return _CONTENDERS.get(contender) or f"`{contender.replace('vpdb ', 'python -m vpdb ')}`"


@dataclass(frozen=True, slots=True)
class Result:
    """What one row came to at one scale."""

    row: Row
    scale: int
    ours: Series
    rival: Series | None

    @classmethod
    def of(cls, row: Row, scale: int, series: Mapping[str, Series]) -> Result:
        """Pick a row's two contenders out of an experiment's."""
        return cls(row, scale, series[row.ours], series[row.rival] if row.rival else None)

    @property
    def sides(self) -> list[tuple[str, Series]]:
        """Each side's values by its contender's name."""
        both = ((self.row.ours, self.ours), (self.row.rival, self.rival))
        return [(name, series) for name, series in both if name and series]

    @property
    def figures(self) -> Series:
        return self.ours if self.rival is None else ratios(self.ours, self.rival)

    @property
    def value(self) -> float:
        return self.figures.high if self.row.worst else self.figures.median

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None where there is none for this size of data."""
        if self.row.bar is None or self.scale != self.row.scale:
            return None
        return self.value <= self.row.bar


_ROWS = (
    Row("reload", "up changed", "up no-op", 1.25),
    Row("schema-edit", "up edited", "up no-op", 1.4),
    Row("minimal", "up no-op", "minimal up", 1.25),
    Row("reload-script", "up changed", "script", 1.1),
    Row("reset-script", "vpdb reset", "script", 0.3),
    Row("reset-dslr", "vpdb reset", "dslr restore", 1.0),
    Row("outage", "outage", bar=0.2, unit="s", worst=True),
    Row("from-nothing", "up from nothing", "script", 1.4),
    Row("load-psql", "build", "psql -f", 0.35, scale=30),
    Row("load-pg_restore", "build", "pg_restore -j2", 1.0, scale=30),
    Row("small-tables", "build", "psql -f", 1.0, of=" of 1,200 small tables"),
    Row("inserts", "build", "psql -f", 1.0, of=" of 34,818 single INSERTs"),
    Row("cached", "cached reload", "first load", 0.15, scale=30),
    Row("cached-dslr", "cached reload", "dslr restore", 1.0, scale=30),
    Row("memory", "loader memory", bar=150, scale=30, unit="MB", worst=True),
    Row("content-id", "content id", "sha256sum", 1.5, scale=30),
    Row("dump", "vpdb dump", "pg_dump", 1.3, scale=30),
    Row("csv", "vpdb load", "single INSERTs", 0.1),
    Row("csv-memory", "vpdb load memory", bar=200, scale=35, unit="MB", worst=True),
    Row("status", "vpdb status", bar=0.4, unit="s"),
    Row("help", "vpdb --help", bar=0.2, unit="s"),
    Row("preview", "pulumi preview", unit="s"),
    Row("previewed-up", "pulumi up", unit="s"),
    Row("doctor", "vpdb doctor", unit="s"),
    Row("snapshot", "vpdb snapshot", unit="s"),
    Row("restore", "vpdb restore", unit="s"),
    Row("dump-1x", "vpdb dump", unit="s"),
    Row("verify", "vpdb verify", unit="s"),
    Row("up-reset", "up reset", unit="s"),
    Row("up-wiped", "up wiped", unit="s"),
)
ROWS: dict[str, Row] = {row.name: row for row in _ROWS}
