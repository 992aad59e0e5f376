"""What two long lists of rows do not have in common, in bounded memory, paired by key.

Rows that are on both sides cancel each other as they come, so of dumps in about the same order next
to nothing is held. What is left goes to a private SQLite database, on disk once it grows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

_HELD_ROW = 120  # bytes of Python's objects around a held row
_LONGEST_GUESS = 4


class DifferingRows:
    """Counts rows: those of the old side up, those of the new side down."""

    def __init__(self, *, limit_bytes: int = 48 * 1024 * 1024) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._counts: dict[bytes, int] = {}
        # An empty name is a private file that is removed when it is closed.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
            "CREATE TABLE differing (id BLOB PRIMARY KEY, number INT, line BLOB) WITHOUT ROWID;"
        )

    def close(self) -> None:
        self._base.close()

    def compare(self, old: Iterable[Sequence[bytes]], new: Iterable[Sequence[bytes]]) -> None:
        """Take both sides in batches, in step, so that equal rows meet early; once."""
        for before, after in zip_longest(old, new, fillvalue=()):
            if not self._counts and before == after:
                continue
            self._count(before, 1)
            self._count(after, -1)
            if self._bytes > self._limit:
                self._store()
        self._store()
        self._base.execute("DELETE FROM differing WHERE number = 0")
        self._base.execute("ALTER TABLE differing ADD COLUMN key BLOB")

    def _count(self, rows: Sequence[bytes], step: int) -> None:
        counts, size = self._counts, 0
        for row in rows:
            number = counts.get(row, 0)
            if number == -step:
                del counts[row]
                size -= len(row) + _HELD_ROW
            else:
                counts[row] = number + step
                if not number:
                    size += len(row) + _HELD_ROW
        self._bytes += size

    def _store(self) -> None:
        # In the order of their hashes the rows go to neighbouring pages.
        rows = sorted(
            (hashlib.blake2b(row, digest_size=16).digest(), number, row)
            for row, number in self._counts.items()
        )
        self._base.execute("BEGIN")
        self._base.executemany(
            "INSERT INTO differing VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET number = number + excluded.number",
            rows,
        )
        self._base.execute("COMMIT")
        self._counts.clear()
        self._bytes = 0

    def rows(self) -> Iterator[tuple[bytes, int]]:
        """Give rows that one side has more of, and how many (below 0: the new side)."""
        yield from self._base.execute("SELECT line, number FROM differing")

    @property
    def width(self) -> int:
        """The number of columns; 0 where no row differs."""
        row = self._base.execute("SELECT line FROM differing LIMIT 1").fetchone()
        return row[0].count(b"\t") + 1 if row else 0

    def pair_by(self, places: Sequence[int]) -> bool:
        """Pair rows by the columns at these places; False where they do not tell rows apart."""

        def key_of(line: bytes) -> bytes:
            fields = line.split(b"\t")
            return b"\t".join([fields[place] for place in places])

        self._base.create_function("key_of", 1, key_of, deterministic=True)
        self._base.execute("UPDATE differing SET key = key_of(line)")
        twice = "SELECT 1 FROM differing GROUP BY key, number > 0 HAVING sum(abs(number)) > 1"
        is_key = self._base.execute(f"{twice} LIMIT 1").fetchone() is None
        if is_key:
            self._base.execute("CREATE INDEX by_key ON differing (key, number)")
        return is_key

    def pair_by_guess(self) -> int:
        """Pair rows by the fewest leading columns that tell them apart; 0 where none do."""
        for length in range(1, min(_LONGEST_GUESS, self.width - 1) + 1):
            if self.pair_by(range(length)):
                return length
        self._base.execute("UPDATE differing SET key = NULL")
        return 0

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of rows added, removed, changed."""
        (changed,) = self._base.execute(
            "SELECT count(*) FROM differing o JOIN differing n ON n.key = o.key"
            " AND n.number < 0 WHERE o.number > 0"
        ).fetchone()
        added, removed = self._base.execute(
            "SELECT coalesce(sum(-min(number, 0)), 0), coalesce(sum(max(number, 0)), 0)"
            " FROM differing"
        ).fetchone()
        return added - changed, removed - changed, changed

    def changed(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Give the first pairs, by key: the old row and the new one."""
        yield from self._base.execute(
            "SELECT o.line, n.line FROM differing o JOIN differing n ON n.key = o.key"
            " AND n.number < 0 WHERE o.number > 0 ORDER BY o.key LIMIT ?",
            (limit,),
        )

    def unpaired(self, limit: int, *, old: bool) -> Iterator[bytes]:
        """Give the first rows, by key, that only one side has."""
        sign = ">" if old else "<"
        for (line,) in self._base.execute(
            f"SELECT line FROM differing d WHERE number {sign} 0 AND NOT EXISTS (SELECT 1 FROM"
            f" differing x WHERE x.key = d.key AND (x.number > 0) <> (d.number > 0))"
            " ORDER BY key, line LIMIT ?",
            (limit,),
        ):
            yield line
