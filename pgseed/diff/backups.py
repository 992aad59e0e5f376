"""Which rows two backups differ in: added, removed and changed, per table, by key.

Where the caller does not know a key, the shortest run of leading columns that tells the differing
rows apart stands for it, and the result says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from pgseed.backup.copy_text import values
from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.rows import line_batches
from pgseed.diff.differing_rows import DifferingRows
from pgseed.progress import Progress, quiet

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowChange:
    """A removed or added row as a whole; of a changed one the key and the columns that differ."""

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
    """What differs, and how much does not; `reordered` tables differ in order or spelling alone."""

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
    progress: Progress = quiet,
) -> BackupDiff:
    """Compare two backups that were read before, table by table, in bounded memory.

    `keys` gives the key columns per table; of each table `examples` rows of each kind are shown.
    """
    names = list(dict.fromkeys([*old.tables, *new.tables]))
    tables: list[TableDiff] = []
    reordered: list[str] = []
    for number, name in enumerate(names):
        progress(f"comparing: {name}", number, len(names))
        sides = _Sides(old, new, name)
        if sides.are_equal:
            continue
        found = _compare_table(sides, (keys or {}).get(name), examples)
        if found is None:
            reordered.append(name)
        else:
            tables.append(found)
    sequences = tuple(_sequences(old, new))
    return BackupDiff(tuple(tables), sequences, len(names) - len(tables), tuple(reordered))


class _Sides:
    """A table's rows in both backups, brought to the same columns."""

    def __init__(self, old: Backup, new: Backup, name: str) -> None:
        self.name = name
        self._old, self._new = old, new
        self.before = [block for block in old.blocks if block.name == name]
        self.after = [block for block in new.blocks if block.name == name]
        self.columns_before, self.columns_after = (
            next((block.columns for block in blocks if block.columns is not None), None)
            for blocks in (self.before, self.after)
        )

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

    def rows(self, *, old: bool) -> Iterator[list[bytes]]:
        backup, blocks = (self._old, self.before) if old else (self._new, self.after)
        common = self.common
        for block in blocks:
            columns = block.columns
            if columns is None or columns == common:
                yield from line_batches(backup, block)
                continue
            places = [columns.index(name) for name in common if name in columns]
            for lines in line_batches(backup, block):
                split = (line.split(b"\t") for line in lines)
                yield [b"\t".join([fields[place] for place in places]) for fields in split]


def _compare_table(
    sides: _Sides, catalog_key: Sequence[str] | None, examples: int
) -> TableDiff | None:
    with closing(DifferingRows()) as rows:
        rows.compare(sides.rows(old=True), sides.rows(old=False))
        columns = sides.common or tuple(f"column {n}" for n in range(1, rows.width + 1))
        key, is_guessed = _pair(rows, columns, catalog_key)
        added, removed, changed = rows.counts()
        before, after = sides.columns_before, sides.columns_after
        columns_added: Columns = ()
        columns_removed: Columns = ()
        if before and after:
            columns_added = tuple(c for c in after if c not in before)
            columns_removed = tuple(c for c in before if c not in after)
        if not (added or removed or changed or columns_added or columns_removed):
            return None
        return TableDiff(
            table=sides.name,
            rows_before=sum(block.rows for block in sides.before),
            rows_after=sum(block.rows for block in sides.after),
            added=added,
            removed=removed,
            changed=changed,
            key=key,
            key_is_guessed=is_guessed,
            columns_added=columns_added,
            columns_removed=columns_removed,
            examples=tuple(_examples(rows, columns, key, examples)),
        )


def _pair(rows: DifferingRows, columns: Columns, key: Sequence[str] | None) -> tuple[Columns, bool]:
    """Pair the rows that differ; returns by which columns, and whether these were guessed."""
    is_known = key and all(name in columns for name in key)
    if key and is_known and rows.pair_by([columns.index(name) for name in key]):
        return tuple(key), False
    return columns[: rows.pair_by_guess()], True


def _examples(
    rows: DifferingRows, columns: Columns, key: Columns, limit: int
) -> Iterator[RowChange]:
    def named(line: bytes) -> dict[str, str | None]:
        return dict(zip(columns, values(line), strict=False))

    def key_of(row: Mapping[str, str | None]) -> dict[str, str | None]:
        return {name: row[name] for name in key if name in row}

    for before, after in rows.changed(limit):
        old, new = named(before), named(after)
        different = [name for name in new if old.get(name) != new[name]]
        was = {name: old.get(name) for name in different}
        yield RowChange("changed", key_of(new), was, {name: new[name] for name in different})
    for row in map(named, rows.unpaired(limit, old=True)):
        yield RowChange("removed", key_of(row), row, {})
    for row in map(named, rows.unpaired(limit, old=False)):
        yield RowChange("added", key_of(row), {}, row)


def _sequences(old: Backup, new: Backup) -> Iterator[SequenceDiff]:
    absent = (None, False)
    before = {v.name: (v.value, v.is_called) for v in old.sequence_values}
    after = {v.name: (v.value, v.is_called) for v in new.sequence_values}
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name, absent), after.get(name, absent)
        if one != other:
            yield SequenceDiff(name, one[0], other[0])
