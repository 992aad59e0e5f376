"""What two long lists of rows do not have in common, in bounded memory.

Rows that are on both sides cancel each other as they come. Where both sides have about the same
order, as dumps of one table have, next to nothing is held at a time. Otherwise what is held goes
to a database file on disk (SQLite) once it grows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

_HELD_ROW = 120  # bytes of Python's objects around a held row


class Surplus:
    """Counts rows: those of the old side up, those of the new side down."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._counts: dict[bytes, int] = {}
        self._bytes = 0
        self._disk: sqlite3.Connection | None = None

    def compare(self, old: Iterable[Sequence[bytes]], new: Iterable[Sequence[bytes]]) -> None:
        """Take both sides in batches, in step, so that equal rows meet early."""
        for before, after in zip_longest(old, new, fillvalue=()):
            if not self._counts and before == after:
                continue
            self._count(before, 1)
            self._count(after, -1)
            if self._bytes > self._limit:
                self._spill()

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

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = sqlite3.connect(self._folder / "surplus.sqlite", isolation_level=None)
            self._disk.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
                "CREATE TABLE surplus (id BLOB PRIMARY KEY, number INT, line BLOB) WITHOUT ROWID;"
            )
        self._disk.execute("BEGIN")
        # In the order of their hashes the rows go to neighbouring pages.
        rows = sorted(
            (hashlib.blake2b(row, digest_size=16).digest(), number, row)
            for row, number in self._counts.items()
        )
        self._disk.executemany(
            "INSERT INTO surplus VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET number = number + excluded.number",
            rows,
        )
        self._disk.execute("COMMIT")
        self._counts.clear()
        self._bytes = 0

    def rows(self) -> Iterator[tuple[bytes, int]]:
        """Rows that one side has more of, and how many: above 0 the old side, below the new."""
        if self._disk is None:
            yield from self._counts.items()
            return
        self._spill()
        yield from self._disk.execute("SELECT line, number FROM surplus WHERE number <> 0")

    def close(self) -> None:
        if self._disk is not None:
            self._disk.close()
            (self._folder / "surplus.sqlite").unlink(missing_ok=True)
