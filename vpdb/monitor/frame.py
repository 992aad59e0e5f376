"""From samples to a frame: rates, the tree of locks, orders. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from vpdb.monitor.model import Activity, Frame, LockNode, Sample, TableCounters, TableRates

SPARK_LOOKS = 24
_BARS = "▁▂▃▄▅▆▇█"

# Each rate of a frame, and the server's counter whose growth it is.
RATES = {
    "commits_s": "commits",
    "rollbacks_s": "rollbacks",
    "inserted_s": "inserted",
    "wal_bytes_s": "wal_written",
}
SESSION_ORDERS: Mapping[str, Callable[[Activity], object]] = {
    "duration": lambda s: (-s.running_s, s.pid),
    "wait": lambda s: (not s.blocked_by, not s.wait, -s.running_s, s.pid),
    "user": lambda s: (s.user, s.application, -s.running_s),
    "pid": lambda s: s.pid,
}
TABLE_ORDERS: Mapping[str, Callable[[TableRates], object]] = {
    "size": lambda t: (-(t.table.bytes or 0), t.table.name),
    "writes": lambda t: (-t.written_s, -(t.table.bytes or 0), t.table.name),
    "dead": lambda t: (-t.table.dead_rows, t.table.name),
    "rows": lambda t: (-t.table.rows, t.table.name),
    "name": lambda t: t.table.name,
}


class History:
    """The last samples of one server; `add` compares the newest with the one before."""

    def __init__(self) -> None:
        self._last: Sample | None = None
        self._writes: dict[tuple[str, int], deque[float]] = {}

    def add(self, sample: Sample) -> Frame:
        """Return the frame of `sample`.

        Counters that went backwards (a crash reset the statistics, a reload put another database
        in the live one's place) begin anew: no rate rather than a wrong one.
        """
        last = self._last
        if last is not None and _restarted(last, sample):
            last = None
            self._writes.clear()
        seconds = sample.taken_at - last.taken_at if last else 0.0
        earlier = {(t.name, t.oid): t for t in last.tables} if last else {}
        tables = tuple(self._rates(table, earlier, seconds) for table in sample.tables)
        self._last = sample
        return Frame(
            sample=sample,
            tables=tables,
            hit_ratio=_hit_ratio(last, sample),
            locks=lock_tree(sample.sessions),
            **{
                name: _rate(last.server, sample.server, counter, seconds) if last else None
                for name, counter in RATES.items()
            },
        )

    def _rates(
        self, table: TableCounters, earlier: Mapping[tuple[str, int], TableCounters], seconds: float
    ) -> TableRates:
        before = earlier.get((table.name, table.oid))
        writes = self._writes.setdefault((table.name, table.oid), deque(maxlen=SPARK_LOOKS))
        if before is None or seconds <= 0:
            return TableRates(table, None, None, None, tuple(writes))
        inserted, updated, deleted = (
            _rate(before, table, counter, seconds) for counter in ("inserted", "updated", "deleted")
        )
        writes.append(inserted + updated + deleted)
        return TableRates(table, inserted, updated, deleted, tuple(writes))


def _restarted(last: Sample, now: Sample) -> bool:
    return (
        now.taken_at <= last.taken_at
        or now.server.up_s < last.server.up_s
        or now.server.commits < last.server.commits
    )


def _rate(before: object, now: object, counter: str, seconds: float) -> float:
    growth: float = getattr(now, counter) - getattr(before, counter)
    return max(0.0, growth) / seconds


def _hit_ratio(last: Sample | None, now: Sample) -> float | None:
    hit, read = now.server.blocks_hit, now.server.blocks_read
    if last is not None and hit + read > last.server.blocks_hit + last.server.blocks_read:
        hit -= last.server.blocks_hit
        read -= last.server.blocks_read
    return hit / (hit + read) if hit + read > 0 else None


def lock_tree(sessions: Iterable[Activity]) -> tuple[LockNode, ...]:
    """Return the trees of who waits for whom, blockers as roots.

    A session that waits for A and B stands below both, but where A waits for B in turn it stands
    below A alone. In a deadlock nobody is free of waiting; its lowest pid then is the root.
    """
    by_pid = {session.pid: session for session in sessions}
    blockers = {s.pid: {pid for pid in s.blocked_by if pid in by_pid} for s in by_pid.values()}
    waiting: dict[int, list[Activity]] = {}
    for pid, above in blockers.items():
        indirect = set().union(*(_reachable(b, blockers, {pid}) for b in above)) - {pid}
        # In a cycle everyone is behind everyone; then nothing may be left out.
        for blocker in above - indirect or above:
            waiting.setdefault(blocker, []).append(by_pid[pid])

    reached: set[int] = set()

    def grow(session: Activity, above: frozenset[int]) -> LockNode:
        reached.add(session.pid)
        if session.pid in above:
            return LockNode(session, cycle=True)
        below = sorted(waiting.get(session.pid, ()), key=lambda w: (-w.query_s, w.pid))
        inner = above | {session.pid}
        return LockNode(session, tuple(grow(waiter, inner) for waiter in below))

    trees = []
    for pid in sorted(waiting, key=lambda pid: (bool(blockers[pid]), pid)):
        if pid not in reached:
            trees.append(grow(by_pid[pid], frozenset()))
    return tuple(trees)


def _reachable(pid: int, blockers: Mapping[int, set[int]], without: set[int]) -> set[int]:
    """Return everyone that `pid` waits for, directly or not, on ways around `without`."""
    seen: set[int] = set()
    ahead = set(blockers.get(pid, ())) - without
    while ahead:
        one = ahead.pop()
        seen.add(one)
        ahead |= blockers.get(one, set()) - seen - without
    return seen


def order_sessions(sessions: Iterable[Activity], order: str) -> list[Activity]:
    return sorted(sessions, key=SESSION_ORDERS[order])  # type: ignore[arg-type]


def order_tables(tables: Iterable[TableRates], order: str) -> list[TableRates]:
    return sorted(tables, key=TABLE_ORDERS[order])  # type: ignore[arg-type]


def sparkline(values: Iterable[float], width: int) -> str:
    """Draw the newest `width` values, scaled to the greatest of them; all zero is a flat line."""
    shown = list(values)[-width:] if width > 0 else []
    if not shown:
        return ""
    top = max(shown)
    if top <= 0:
        return _BARS[0] * len(shown)
    # A value above zero never looks like zero.
    return "".join(_BARS[0] if v <= 0 else _BARS[max(1, min(7, round(v / top * 7)))] for v in shown)


def allot(height: int, wants: Mapping[str, int], least: Mapping[str, int]) -> dict[str, int]:
    """Share `height` lines among sections: each its least first, the rest in turns.

    A section never gets more than it wants. Sections without wants get 0. Where even the least
    do not fit, the earlier sections win.
    """
    given: dict[str, int] = {}
    for name, want in wants.items():
        given[name] = max(0, min(want, least.get(name, 0), height))
        height -= given[name]
    while height > 0:
        hungry = [name for name, want in wants.items() if given[name] < want]
        if not hungry:
            break
        for name in hungry[:height]:
            given[name] += 1
            height -= 1
    return given
