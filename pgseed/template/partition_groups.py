"""Which rows of a backup one session fills in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgseed.databases.catalog import Table

if TYPE_CHECKING:
    from pgseed.backup.model import RowBlock

# From this size on, in bytes of the backup, a table is worth the statements that empty it, drop its
# indexes and build them anew; below, that costs more than it saves.
LARGE_TABLE_BYTES = 256 * 1024
# What one transaction fills of smaller tables; it locks every one of them and its indexes.
_BATCH_TABLES = 50


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Tables that are filled together: one table, or a partitioned one with its partitions."""

    name: str
    blocks: tuple[RowBlock, ...]
    members: tuple[Table, ...]

    @property
    def weight(self) -> int:
        return sum(block.size for block in self.blocks)

    @property
    def is_large(self) -> bool:
        return self.weight >= LARGE_TABLE_BYTES

    @property
    def leaves(self) -> tuple[Table, ...]:
        return tuple(table for table in self.members if table.kind == "r")


def group_blocks(blocks: Sequence[RowBlock], tables: Mapping[str, Table]) -> list[RowGroup]:
    """Put together what one session has to fill: where rows go to a partitioned table, its tree."""
    by_root: dict[int, list[RowBlock]] = {}
    through_root = {tables[block.name].root for block in blocks if tables[block.name].kind == "p"}
    for block in blocks:
        table = tables[block.name]
        by_root.setdefault(table.root if table.root in through_root else table.oid, []).append(
            block
        )
    groups = []
    for key, members in by_root.items():
        if key in through_root:
            tree = tuple(table for table in tables.values() if table.root == key)
        else:
            tree = (tables[members[0].name],)
        name = next(table.qualified for table in tree if table.oid == key)
        groups.append(RowGroup(name, tuple(members), tree))
    return groups


def batch_groups(groups: Iterable[RowGroup]) -> list[tuple[RowGroup, ...]]:
    """Share groups out to transactions: a large one has its own, small ones go in together.

    The heaviest come first.
    """
    batches: list[list[RowGroup]] = []
    weight = 0
    for group in sorted(groups, key=lambda group: -group.weight):
        weight += group.weight
        if not batches or weight > LARGE_TABLE_BYTES or len(batches[-1]) == _BATCH_TABLES:
            batches.append([])
            weight = group.weight
        batches[-1].append(group)
    return [tuple(batch) for batch in batches]
