"""Retention: which databases are dropped and which stay, decided from plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pgseed.databases.names import source_of_spare
from pgseed.databases.stamp import Database


@dataclass(frozen=True, slots=True)
class Policy:
    """How much stays beside the live database: templates, kept databases, and GB for both.

    `carry` gets the former live database's settings (ALTER DATABASE … SET) and returns those that
    the new one has.
    """

    templates: int = 3
    kept: int = 3
    limit_gb: int = 20
    carry: Callable[[dict[str, str]], dict[str, str]] = dict


DEFAULT_POLICY = Policy()


def leftovers(databases: Iterable[Database]) -> list[str]:
    """Name what killed runs left: unfinished builds and clones, half-dropped databases.

    One that was finished by us has a stamp: its name and stamp are given together. A spare whose
    source is gone is nobody's.
    """
    databases = list(databases)
    sources = {database.oid for database in databases if database.kind == "template"}
    return [
        database.name
        for database in databases
        if database.half_dropped
        or database.kind in ("build", "clone")
        or (database.kind in ("schema", "template") and database.stamp is None)
        or (database.kind == "spare" and source_of_spare(database.name) not in sources)
    ]


def undecided(databases: Iterable[Database]) -> list[Database]:
    """Give the replaced databases of which a killed run did not decide: keep or drop."""
    kept = (d for d in databases if d.kind == "kept" and not d.half_dropped)
    return [d for d in kept if d.stamp and d.stamp.state == "replaced"]


def find_live(databases: Iterable[Database]) -> Database | None:
    return next((d for d in databases if d.kind == "live" and not d.half_dropped), None)


def find_template(databases: Iterable[Database], content_id: str) -> Database | None:
    """Give the finished template of a content; the whole id counts, the name holds its start."""
    found = (d for d in databases if d.kind == "template" and d.stamp)
    return next((d for d in found if d.content_id == content_id and not d.half_dropped), None)


def find_spare(databases: Iterable[Database], source: Database) -> Database | None:
    spares = (d for d in databases if d.kind == "spare" and not d.half_dropped)
    return next((d for d in spares if source_of_spare(d.name) == source.oid), None)


def newest_kept(databases: Iterable[Database]) -> Database | None:
    """Give the database that `undo` brings back."""
    kept = [d for d in databases if d.kind == "kept" and d.stamp and d.is_settled]
    return max(kept, key=_kept_order, default=None)


def pushed_out(databases: Sequence[Database], policy: Policy) -> list[str]:
    """Name the kept databases that go when one more is kept."""
    kept = sorted((d for d in databases if d.kind == "kept" and d.is_settled), key=_kept_order)
    return [d.name for d in kept[: max(0, len(kept) + 1 - policy.kept)]] if policy.kept else []


def over_limit(databases: Sequence[Database], policy: Policy) -> list[str]:
    """Name what goes beyond the numbers and the total size that the policy allows.

    The template of the live content counts as the newest: `reset` needs it. Beyond the size goes
    the spare, then the oldest templates, since they can be built again, then the oldest kept
    databases, and the live content's template last. Only the live content's template has a spare.
    A schema's database goes with the last template that was made from it. Snapshots were asked for
    by name and are never dropped here.
    """
    live = find_live(databases)
    live_content = live.content_id if live else ""

    def freshness(database: Database) -> tuple[bool, str]:
        return database.content_id == live_content, _loaded_at(database)

    ours = [d for d in databases if d.stamp and not d.half_dropped]
    by_freshness = sorted((d for d in ours if d.kind == "template"), key=freshness, reverse=True)
    by_age = sorted((d for d in ours if d.kind == "kept"), key=_kept_order, reverse=True)
    dropped = by_freshness[policy.templates :] + by_age[policy.kept :]
    staying_templates, staying_kept = by_freshness[: policy.templates], by_age[: policy.kept]
    last = [d for d in staying_templates if freshness(d)[0]]
    staying_spares = [d for source in last if (d := find_spare(databases, source))]
    dropped += [
        d for d in databases if d.kind == "spare" and not d.half_dropped and d not in staying_spares
    ]
    total = sum(d.size_bytes for d in staying_spares + staying_templates + staying_kept)
    oldest_first = [d for d in reversed(staying_templates) if d not in last]
    for database in [*staying_spares, *oldest_first, *reversed(staying_kept), *last]:
        if total <= policy.limit_gb * 10**9:
            break
        dropped.append(database)
        total -= database.size_bytes
    gone = {database.name for database in dropped}
    templates_left = [d for d in ours if d.kind == "template" and d.name not in gone]
    return [d.name for d in dropped] + _unused_schemas(ours, templates_left)


def _unused_schemas(ours: Sequence[Database], templates: Sequence[Database]) -> list[str]:
    """Name all but the newest database of each schema that a template was made from."""
    in_use = {d.stamp.schema_id for d in templates if d.stamp}
    newest_first = sorted((d for d in ours if d.kind == "schema"), key=_loaded_at, reverse=True)
    unused = []
    for database in newest_first:
        schema_id = database.stamp.schema_id if database.stamp else ""
        if schema_id not in in_use:
            unused.append(database.name)
        in_use.discard(schema_id)
    return unused


def _loaded_at(database: Database) -> str:
    return database.stamp.loaded_at if database.stamp else ""


def next_kept_no(databases: Iterable[Database]) -> int:
    return 1 + max((d.stamp.kept_no for d in databases if d.stamp), default=0)


def _kept_order(database: Database) -> tuple[int, str, str]:
    """Order kept databases as they were kept, whatever the clock said."""
    stamp = database.stamp
    return (stamp.kept_no, stamp.kept_at, database.name) if stamp else (0, "", database.name)
