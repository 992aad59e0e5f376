"""What one look at the server found, as plain values.

`Sample` is what `collect` read at one moment: raw counters, no rates. Times are seconds, sizes
bytes, moments seconds since 1970 by the server's clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activity:
    """One session at work, idle in a transaction, or in another's way."""

    pid: int
    database: str
    user: str
    application: str
    client: str
    kind: str
    state: str
    wait: str
    transaction_s: float
    query_s: float
    query: str
    blocked_by: tuple[int, ...] = ()
    waits_for: str = ""

    @property
    def running_s(self) -> float:
        """The age of its transaction, or of its query where there is none."""
        return max(self.transaction_s, self.query_s)


@dataclass(frozen=True, slots=True)
class TableCounters:
    """One table's counters since the statistics began; `bytes` is None while it is locked."""

    name: str
    oid: int
    rows: int
    dead_rows: int
    inserted: int
    updated: int
    deleted: int
    sequential_scans: int
    index_scans: int
    vacuumed_at: float | None
    analyzed_at: float | None
    autovacuum_off: bool
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """A COPY, VACUUM, CREATE INDEX, ANALYZE or CLUSTER under way; a `total` of 0 is unknown."""

    pid: int
    kind: str
    phase: str
    done: float
    total: float
    unit: str
    database: str
    target: str
    running_s: float

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1, where PostgreSQL knows."""
        return min(1.0, self.done / self.total) if self.total > 0 else None


@dataclass(frozen=True, slots=True)
class ListedDatabase:
    """One database of the server; `role` is what it is for: live, template, kept, snapshot …"""

    name: str
    role: str
    bytes: int
    note: str


@dataclass(frozen=True, slots=True)
class ServerCounters:
    """The server as a whole, and the live database's counters."""

    version: str
    database: str
    up_s: float
    autovacuum: bool
    connections: int
    connections_allowed: int
    autovacuum_workers: int
    blocks_hit: int
    blocks_read: int
    commits: int
    rollbacks: int
    inserted: int
    updated: int
    deleted: int
    temp_bytes: int
    deadlocks: int
    database_bytes: int
    volume_bytes: int
    wal_written: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What the container takes; `memory_limit` is the machine's memory where none is set."""

    cpu_percent: float
    memory_bytes: int
    memory_limit: int


@dataclass(frozen=True, slots=True)
class Sample:
    taken_at: float
    server: ServerCounters
    sessions: tuple[Activity, ...]
    tables: tuple[TableCounters, ...]
    work: tuple[Work, ...]
    databases: tuple[ListedDatabase, ...]
    stamp: str
    bulk_mode: str = "off"
    container: Usage | None = None


@dataclass(frozen=True, slots=True)
class TableRates:
    """A table with its rows inserted, updated and deleted a second; None before a second look."""

    table: TableCounters
    inserted_s: float | None
    updated_s: float | None
    deleted_s: float | None
    writes: tuple[float, ...]
    """Rows written a second at the last looks, oldest first."""

    @property
    def written_s(self) -> float:
        return (self.inserted_s or 0) + (self.updated_s or 0) + (self.deleted_s or 0)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown: the newest sample, and what comparing it with the earlier ones tells."""

    sample: Sample
    tables: tuple[TableRates, ...]
    commits_s: float | None
    rollbacks_s: float | None
    inserted_s: float | None
    wal_bytes_s: float | None
    hit_ratio: float | None
    """Blocks found in PostgreSQL's cache since the last look, 0 to 1; since the statistics
    began where nothing was read in between."""
    locks: tuple[LockNode, ...] = ()


@dataclass(frozen=True, slots=True)
class LockNode:
    """A session in a tree of who waits for whom; a root waits for nobody."""

    session: Activity
    waiters: tuple[LockNode, ...] = ()
    cycle: bool = False
    """The session stands above itself: a deadlock PostgreSQL will end within its timeout."""


@dataclass(slots=True)
class View:
    session_order: str = "duration"
    table_order: str = "size"
    paused: bool = False
    help: bool = False
    interval_s: float = 2.0
    """Seconds between two looks; 0 for a single frame."""
    long_s: float = 5.0
    """A statement or transaction that takes longer is marked."""
    notice: str = ""
