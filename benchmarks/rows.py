"""The rows of the table: which two contenders each compares, and the bar it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.measure import Series, ratios

Unit = Literal["ratio", "s", "MB"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`ours` over `rival`, or `ours` alone (in `unit`) where there is no rival.

    `scale` is the size of data that the bar is meant for; 1 is the real one. `worst`: the bar is
    for the worst run, not for the median. Without a bar the row informs.
    """

    name: str
    what: str
    ours: str
    rival: str | None = None
    bar: float | None = None
    scale: int = 1
    unit: Unit = "ratio"
    worst: bool = False

    @property
    def contenders(self) -> tuple[str, ...]:
        return (self.ours,) if self.rival is None else (self.ours, self.rival)


@dataclass(frozen=True, slots=True)
class Result:
    """What one row came to at one scale."""

    row: Row
    scale: int
    ours: Series
    rival: Series | None

    @classmethod
    def of(cls, row: Row, scale: int, series: dict[str, Series]) -> Result:
        """Pick a row's two contenders out of an experiment's."""
        return cls(row, scale, series[row.ours], series[row.rival] if row.rival else None)

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


def _seconds(name: str, command: str, bar: float | None = None) -> Row:
    """Return a row for the seconds that a command takes at the real size."""
    ours = command.removeprefix("python -m ")
    return Row(name=name, what=f"`{command}`", ours=ours, bar=bar, unit="s")


# What rows compare ours with, and is ours as well.
BASES = frozenset({"up no-op", "first load"})

_ROWS = (
    Row(
        name="reload",
        what="`pulumi up` with a changed backup / one that changes nothing",
        ours="up changed",
        rival="up no-op",
        bar=1.25,
    ),
    Row(
        name="schema-edit",
        what="`pulumi up` with a changed schema file / one that changes nothing",
        ours="up edited",
        rival="up no-op",
        bar=1.4,
    ),
    Row(
        name="minimal",
        what="`pulumi up` that changes nothing / the same of a minimal program",
        ours="up no-op",
        rival="minimal up",
        bar=1.25,
    ),
    Row(
        name="reload-script",
        what="`pulumi up` with a changed backup / full reset script",
        ours="up changed",
        rival="script",
        bar=1.1,
    ),
    Row(
        name="reset-script",
        what="`python -m vpdb reset` / full reset script",
        ours="vpdb reset",
        rival="script",
        bar=0.3,
    ),
    Row(
        name="reset-dslr",
        what="`python -m vpdb reset` / `dslr restore`",
        ours="vpdb reset",
        rival="dslr restore",
        bar=1.0,
    ),
    Row(
        name="outage",
        what="time a client cannot connect during a reload, worst run",
        ours="outage",
        bar=0.2,
        unit="s",
        worst=True,
    ),
    Row(
        name="from-nothing",
        what="`pulumi up` from nothing, image built / full reset script",
        ours="up from nothing",
        rival="script",
        bar=1.4,
    ),
    Row(
        name="load-psql",
        what="load: our build / `psql -f`",
        ours="build",
        rival="psql -f",
        bar=0.35,
        scale=30,
    ),
    Row(
        name="load-pg_restore",
        what="load: our build / `pg_restore -j2` of a directory dump",
        ours="build",
        rival="pg_restore -j2",
        bar=1.0,
        scale=30,
    ),
    Row(
        name="load-floor",
        what="load: our build / COPY of the same bytes into bare tables",
        ours="build",
        rival="bare COPY",
        scale=30,
    ),
    Row(
        name="small-tables",
        what="load of 1,200 small tables: our build / `psql -f`",
        ours="build",
        rival="psql -f",
        bar=1.0,
    ),
    Row(
        name="inserts",
        what="load of 34,818 single INSERTs: our build / `psql -f`",
        ours="build",
        rival="psql -f",
        bar=1.0,
    ),
    Row(
        name="cached",
        what="reload of a content whose template exists / its first load",
        ours="cached reload",
        rival="first load",
        bar=0.15,
        scale=30,
    ),
    Row(
        name="cached-dslr",
        what="reload of a content whose template exists / `dslr restore`",
        ours="cached reload",
        rival="dslr restore",
        bar=1.0,
        scale=30,
    ),
    Row(
        name="memory",
        what="peak anonymous memory of the loading process",
        ours="loader memory",
        bar=150,
        scale=30,
        unit="MB",
        worst=True,
    ),
    Row(
        name="content-id",
        what="content id of a backup / `sha256sum` of it",
        ours="content id",
        rival="sha256sum",
        bar=1.5,
        scale=30,
    ),
    Row(
        name="dump",
        what="`python -m vpdb dump` / `pg_dump`",
        ours="vpdb dump",
        rival="pg_dump",
        bar=1.3,
        scale=30,
    ),
    Row(
        name="csv",
        what="`python -m vpdb load` / one INSERT a round trip, a commit every 1,000",
        ours="vpdb load",
        rival="single INSERTs",
        bar=0.1,
    ),
    Row(
        name="csv-memory",
        what="peak anonymous memory of a load of a million reactions",
        ours="vpdb load memory",
        bar=200,
        scale=35,
        unit="MB",
        worst=True,
    ),
    _seconds("status", "python -m vpdb status", bar=0.4),
    _seconds("help", "python -m vpdb --help", bar=0.2),
    _seconds("preview", "pulumi preview"),
    _seconds("previewed-up", "pulumi up"),
    _seconds("doctor", "python -m vpdb doctor"),
    _seconds("snapshot", "python -m vpdb snapshot"),
    _seconds("restore", "python -m vpdb restore"),
    _seconds("dump-1x", "python -m vpdb dump"),
    _seconds("verify", "python -m vpdb verify"),
)
ROWS: dict[str, Row] = {row.name: row for row in _ROWS}
