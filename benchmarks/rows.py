"""The rows of the table: which two contenders each compares, and the bar it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.measure import Series, ratios

Unit = Literal["ratio", "s", "MB"]


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` over `rival`, or `ours` alone (in `unit`) where there is no rival.

    `scale` is the size of data that the bar is meant for; 1 is the real one. `worst`: the bar is
    for the worst run, not for the median. Without a bar the row informs.
    """

    name: str
    what: str
    ours: str
    rival: str | None
    bar: float | None
    scale: int
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
    Row(
        "reload",
        "`pulumi up` with a changed backup / one that changes nothing",
        "up changed",
        "up no-op",
        1.25,
        1,
    ),
    Row(
        "reload-mended",
        "`pulumi up` with one row changed / one that changes nothing",
        "up mended",
        "up no-op",
        1.25,
        1,
    ),
    Row(
        "reload-script",
        "`pulumi up` with a changed backup / full reset script",
        "up changed",
        "script",
        1.1,
        1,
    ),
    Row(
        "reset-script", "`python -m vpdb reset` / full reset script", "vpdb reset", "script", 0.3, 1
    ),
    Row(
        "reset-dslr",
        "`python -m vpdb reset` / `dslr restore`",
        "vpdb reset",
        "dslr restore",
        1.0,
        1,
    ),
    Row(
        "outage",
        "time a client cannot connect during a reload, worst run",
        "outage",
        None,
        0.2,
        1,
        "s",
        worst=True,
    ),
    Row(
        "from-nothing",
        "`pulumi up` from nothing, image built / full reset script",
        "up from nothing",
        "script",
        1.5,
        1,
    ),
    Row(
        "changes",
        "looking for local changes in a clean database, as preview does",
        "local changes",
        None,
        0.3,
        1,
        "s",
    ),
    Row(
        "status",
        "`python -m vpdb status` of a database in step",
        "vpdb status",
        None,
        0.5,
        1,
        "s",
    ),
    Row("load-psql", "load: our build / `psql -f`", "build", "psql -f", 0.35, 30),
    Row(
        "load-pg_restore",
        "load: our build / `pg_restore -j2` of a directory dump",
        "build",
        "pg_restore -j2",
        1.0,
        30,
    ),
    Row(
        "load-floor",
        "load: our build / COPY of the same bytes into bare tables",
        "build",
        "bare COPY",
        None,
        30,
    ),
    Row(
        "mended",
        "first load of a backup with one row changed / of one with most tables changed",
        "mended load",
        "first load",
        None,
        30,
    ),
    Row(
        "cached",
        "reload of a content whose template exists / its first load",
        "cached reload",
        "first load",
        0.15,
        30,
    ),
    Row(
        "cached-dslr",
        "reload of a content whose template exists / `dslr restore`",
        "cached reload",
        "dslr restore",
        1.0,
        30,
    ),
    Row(
        "memory",
        "peak anonymous memory of the loading process",
        "loader memory",
        None,
        150,
        30,
        "MB",
        worst=True,
    ),
    Row(
        "content-id",
        "content id of a backup / `sha256sum` of it",
        "content id",
        "sha256sum",
        1.5,
        30,
    ),
    Row("dump", "`python -m vpdb dump` / `pg_dump`", "vpdb dump", "pg_dump", 1.3, 30),
    Row(
        "csv",
        "`python -m vpdb load` / one INSERT a round trip, a commit every 1,000",
        "vpdb load",
        "single INSERTs",
        0.1,
        1,
    ),
    Row(
        "csv-memory",
        "peak anonymous memory of a load of a million reactions",
        "vpdb load memory",
        None,
        200,
        35,
        "MB",
        worst=True,
    ),
)
ROWS: dict[str, Row] = {row.name: row for row in _ROWS}
