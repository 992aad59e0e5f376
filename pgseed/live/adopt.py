"""The database that a dump was written from holds its content: it is stamped so, not reloaded."""

from __future__ import annotations

from pgseed.databases.retention import find_live
from pgseed.databases.stamp import now
from pgseed.databases.work import Work
from pgseed.seed import Seed


def adopt(work: Work, seed: Seed, dumped: int, horizon: int) -> str:
    """Stamp the live database with the seed whose backup was dumped from it; see adopt_dump()."""
    present = find_live(work.databases())
    if present is None or present.oid != dumped:
        return (
            f"another {work.live} took the place of the dumped one meanwhile"
            " (a reset, undo, restore or `pulumi up`)"
        )
    old = present.stamp
    data_hash = seed.backup.data_hash if seed.backup else ""
    if old is None or not old.content_id or old.schema_id != seed.schema_id:
        if old is not None:
            work.write_stamp(work.live, old.with_state(data_hash=data_hash))
        return "postgres/init/ has another schema than the live database"
    rows = seed.rows
    stamp = old.with_state(
        content_id=seed.id,
        source=seed.source,
        label=seed.label,
        commit="",
        data_hash=data_hash,
        loaded_at=now(),
        horizon=horizon,
        # A table without a word in the dump is empty in it.
        rows={name: rows.get(name, 0) for name in {*old.rows, *rows}},
        origin="dump",
        origin_at=now(),
        held_for="",
    )
    work.write_stamp(work.live, stamp)
    work.log(f"adopt {work.live}: it holds {seed.label}, content {seed.id[:12]}")
    return ""
