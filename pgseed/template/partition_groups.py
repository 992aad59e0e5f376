"""Which rows of a backup one session fills in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgseed.databases.catalog import Table

if TYPE_CHECKING:
    from pgseed.backup.model import RowBlock


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
