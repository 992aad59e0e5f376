"""Which rows two backups differ in: added, removed and changed, per table, by key.

A file does not tell which columns are a table's key. Where the caller does not know it from a
catalog, the shortest run of leading columns that tells the differing rows apart stands for it, and
the result says so.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pgseed.backup.copy_text import line_batches, values
from pgseed.backup.model import Backup, RowBlock
from pgseed.diff.row_counter import Surplus
from pgseed.progress import Progress, quiet

_LIMIT_BYTES = 48 * 1024 * 1024
_LONGEST_GUESS = 4

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that differs: its key, and for a changed row the values before and after.

    `before` and `after` hold the whole row where it was removed or added, and only the columns that
    differ where it was changed.
    """

    kind: str
    key: dict[str, str | None]
    before: dict[str, str | None]
    after: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class TableDiff:
    table: str
    rows_before: int
    rows_after: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    key: Columns = ()
    key_is_guessed: bool = False
    columns_added: Columns = ()
    columns_removed: Columns = ()
    examples: tuple[RowChange, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceDiff:
    sequence: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class BackupDiff:
    """Only what differs; `equal_tables` counts the others.

    `reordered` tables have the same rows in another order or spelling.
    """

    tables: tuple[TableDiff, ...] = ()
    sequences: tuple[SequenceDiff, ...] = ()
    equal_tables: int = 0
    reordered: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.tables and not self.sequences


def compare_backups(
    old: Backup,
    new: Backup,
    *,
    keys: Mapping[str, Sequence[str]] | None = None,
    examples: int = 3,
    folder: Path | None = None,
    progress: Progress = quiet,
) -> BackupDiff:
    """Compare two backups that were read before, table by table, in bounded memory.

    `keys` gives the key columns per table as the catalog has them. `examples` is how many rows of
    each kind are shown per table. `folder` is where large differences are kept meanwhile.
    """
    names = list(dict.fromkeys([*old.tables, *new.tables]))
    tables: list[TableDiff] = []
    reordered: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vpdb-diff-", dir=folder) as work:
        for number, name in enumerate(names):
            progress(f"comparing: {name}", number, len(names))
            sides = _Sides(old, new, name)
            if sides.are_equal:
                continue
            found = _compare_table(sides, (keys or {}).get(name), examples, Path(work))
            if found is None:
                reordered.append(name)
            else:
                tables.append(found)
    return BackupDiff(
        tuple(tables),
        tuple(_sequences(old, new)),
        len(names) - len(tables),
        tuple(reordered),
    )


class _Sides:
    """A table's rows in both backups, brought to the same columns."""

    def __init__(self, old: Backup, new: Backup, name: str) -> None:
        self.name = name
        self._old, self._new = old, new
        self.before = [block for block in old.blocks if block.name == name]
        self.after = [block for block in new.blocks if block.name == name]
        self.columns_before = _columns(self.before)
        self.columns_after = _columns(self.after)

    @property
    def are_equal(self) -> bool:
        def content(blocks: list[RowBlock]) -> list[tuple[str, Columns | None, str]]:
            return [(block.form, block.columns, block.digest) for block in blocks if block.rows]

        same_columns = self.columns_before == self.columns_after or not (self.before and self.after)
        return same_columns and content(self.before) == content(self.after)

    @property
    def common(self) -> Columns:
        """The columns both sides have, as the new side orders them; empty where unknown."""
        if not self.columns_before or not self.columns_after:
            return self.columns_after or self.columns_before or ()
        return tuple(name for name in self.columns_after if name in self.columns_before)

    def old_rows(self) -> Iterator[list[bytes]]:
        return self._rows(self._old, self.before)

    def new_rows(self) -> Iterator[list[bytes]]:
        return self._rows(self._new, self.after)

    def _rows(self, backup: Backup, blocks: list[RowBlock]) -> Iterator[list[bytes]]:
        for block in blocks:
            columns, common = block.columns, self.common
            if columns is None or columns == common:
                yield from line_batches(backup, block)
                continue
            places = [columns.index(name) for name in common if name in columns]
            for lines in line_batches(backup, block):
                split = (line.split(b"\t") for line in lines)
                yield [b"\t".join([fields[place] for place in places]) for fields in split]


def _columns(blocks: Sequence[RowBlock]) -> Columns | None:
    return next((block.columns for block in blocks if block.columns is not None), None)


def _compare_table(
    sides: _Sides, key: Sequence[str] | None, examples: int, work: Path
) -> TableDiff | None:
    with closing(Surplus(work, limit_bytes=_LIMIT_BYTES)) as surplus:
        surplus.compare(sides.old_rows(), sides.new_rows())
        with closing(_Pairs(work, surplus, sides.common, key)) as pairs:
            added, removed, changed = pairs.counts()
            before, after = sides.columns_before or (), sides.columns_after or ()
            known = bool(before and after)
            result = TableDiff(
                table=sides.name,
                rows_before=sum(block.rows for block in sides.before),
                rows_after=sum(block.rows for block in sides.after),
                added=added,
                removed=removed,
                changed=changed,
                key=pairs.key,
                key_is_guessed=pairs.key_is_guessed,
                columns_added=tuple(c for c in after if c not in before) if known else (),
                columns_removed=tuple(c for c in before if c not in after) if known else (),
                examples=tuple(pairs.examples(examples)),
            )
    same = not (added or removed or changed or result.columns_added or result.columns_removed)
    return None if same else result


class _Pairs:
    """The rows that differ, old and new ones of the same key put together."""

    def __init__(
        self, work: Path, surplus: Surplus, columns: Columns, key: Sequence[str] | None
    ) -> None:
        # An empty name is a private file that SQLite keeps in memory while it is small.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute("CREATE TABLE differing (line BLOB, number INT, key BLOB)")
        self._base.execute("BEGIN")
        self._base.executemany("INSERT INTO differing (line, number) VALUES (?, ?)", surplus.rows())
        self._width = self._measure()
        self._columns = columns or tuple(f"column {n}" for n in range(1, self._width + 1))
        self.key, self.key_is_guessed = self._choose(key)
        self._base.execute("CREATE INDEX by_key ON differing (key, number)")

    def close(self) -> None:
        self._base.close()

    def _measure(self) -> int:
        row = self._base.execute("SELECT line FROM differing LIMIT 1").fetchone()
        return row[0].count(b"\t") + 1 if row else 0

    def _choose(self, key: Sequence[str] | None) -> tuple[Columns, bool]:
        if key and all(name in self._columns for name in key):
            self._set_keys([self._columns.index(name) for name in key])
            if self._is_unique():
                return tuple(key), False
        for length in range(1, min(_LONGEST_GUESS, self._width - 1) + 1):
            self._set_keys(range(length))
            if self._is_unique():
                return self._columns[:length], True
        self._base.execute("UPDATE differing SET key = NULL")
        return (), True

    def _set_keys(self, places: Sequence[int]) -> None:
        def key_of(line: bytes) -> bytes:
            fields = line.split(b"\t")
            return b"\t".join([fields[place] for place in places])

        self._base.create_function("key_of", 1, key_of, deterministic=True)
        self._base.execute("UPDATE differing SET key = key_of(line)")

    def _is_unique(self) -> bool:
        twice = "SELECT 1 FROM differing GROUP BY key, number > 0 HAVING sum(abs(number)) > 1"
        return self._base.execute(f"{twice} LIMIT 1").fetchone() is None

    def counts(self) -> tuple[int, int, int]:
        """Rows added, removed, changed."""
        (changed,) = self._base.execute(
            "SELECT count(*) FROM differing o JOIN differing n ON n.key = o.key"
            " AND n.number < 0 WHERE o.number > 0"
        ).fetchone()
        added, removed = self._base.execute(
            "SELECT coalesce(sum(-min(number, 0)), 0), coalesce(sum(max(number, 0)), 0)"
            " FROM differing"
        ).fetchone()
        return added - changed, removed - changed, changed

    def examples(self, limit: int) -> Iterator[RowChange]:
        for before, after in self._base.execute(
            "SELECT o.line, n.line FROM differing o JOIN differing n ON n.key = o.key"
            " AND n.number < 0 WHERE o.number > 0 ORDER BY o.key LIMIT ?",
            (limit,),
        ):
            old, new = self._named(before), self._named(after)
            different = [name for name in new if old.get(name) != new[name]]
            yield RowChange(
                "changed",
                self._key(new),
                {name: old.get(name) for name in different},
                {name: new[name] for name in different},
            )
        for kind, sign in (("removed", ">"), ("added", "<")):
            for (line,) in self._base.execute(
                f"SELECT line FROM differing d WHERE number {sign} 0 AND NOT EXISTS (SELECT 1 FROM"
                f" differing x WHERE x.key = d.key AND (x.number > 0) <> (d.number > 0))"
                " ORDER BY key, line LIMIT ?",
                (limit,),
            ):
                row = self._named(line)
                yield RowChange(
                    kind,
                    self._key(row),
                    row if kind == "removed" else {},
                    row if kind == "added" else {},
                )

    def _named(self, line: bytes) -> dict[str, str | None]:
        return dict(zip(self._columns, values(line), strict=False))

    def _key(self, row: Mapping[str, str | None]) -> dict[str, str | None]:
        return {name: row[name] for name in self.key if name in row}


def _sequences(old: Backup, new: Backup) -> Iterator[SequenceDiff]:
    before = {v.name: (v.value, v.is_called) for v in old.sequence_values}
    after = {v.name: (v.value, v.is_called) for v in new.sequence_values}
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield SequenceDiff(
                name,
                before[name][0] if name in before else None,
                after[name][0] if name in after else None,
            )
