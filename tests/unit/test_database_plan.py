"""What is dropped, kept, found: decided from lists of databases."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgseed.databases import names
from pgseed.databases.retention import (
    Policy,
    find_live,
    find_spare,
    find_template,
    leftovers,
    newest_kept,
    over_limit,
    undecided,
)
from pgseed.databases.stamp import Database, Stamp
from pgseed.errors import NameRefused

LIVE = "velpdevdb"
GB = 10**9
IDS = [f"{digit}" * 64 for digit in "abcdef"]


def database(
    name: str,
    stamp: Stamp | None = None,
    *,
    dropped: bool = False,
    size: int = 1,
    oid: int = 1,
) -> Database:
    kind = names.kind_of(name, LIVE)
    assert kind is not None
    return Database(oid, name, kind, stamp, dropped, size * GB)


def template(content_id: str, loaded_at: str = "", size: int = 1) -> Database:
    stamp = Stamp(content_id, loaded_at=loaded_at)
    name = names.template_name(LIVE, content_id)
    return database(name, stamp, size=size, oid=IDS.index(content_id) + 100)


def spare(of: Database, *, dropped: bool = False) -> Database:
    return database(names.spare_name(LIVE, of.oid), dropped=dropped, oid=of.oid + 1000)


def schema(init_id: str, schema_id: str, made_at: str = "") -> Database:
    stamp = Stamp(init_id, schema_id=schema_id, loaded_at=made_at)
    return database(names.schema_name(LIVE, init_id), stamp, oid=IDS.index(init_id) + 200)


def kept(second: int, size: int = 1) -> Database:
    return database(f"{LIVE}_kept_20261122_1000{second:02}", Stamp("x"), size=size)


def live(content_id: str = "") -> Database:
    return database(LIVE, Stamp(content_id) if content_id else None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("velpdevdb", "live"),
        ("velpdevdb_schema_0123456789ab", "schema"),
        ("velpdevdb_template_0123456789ab", "template"),
        ("velpdevdb_spare_16384", "spare"),
        ("velpdevdb_build_0123456789ab", "build"),
        ("velpdevdb_clone_0123456789ab", "clone"),
        ("velpdevdb_kept_20261122_183000", "kept"),
        ("velpdevdb_snapshot_before_import", "snapshot"),
        ("velpdevdb_template_0123456789a", None),
        ("velpdevdb_template_0123456789abc", None),
        ("velpdevdb_kept_yesterday", None),
        ("velpdevdb_spare_0123456789ab", None),
        ("velpdevdb2", None),
        ("velpdevdb2_template_0123456789ab", None),
        ("postgres", None),
        ("my_velpdevdb_build_0123456789ab", None),
    ],
)
def test_a_name_says_what_a_database_is(name: str, kind: str | None) -> None:
    assert names.kind_of(name, LIVE) == kind


@pytest.mark.parametrize("live_name", ["a", LIVE, "x" * 30])
def test_every_name_we_give_fits_postgresql_and_is_recognised(live_name: str) -> None:
    given_names = {
        names.schema_name(live_name, "a" * 64): "schema",
        names.template_name(live_name, "a" * 64): "template",
        names.spare_name(live_name, 2**32 - 1): "spare",
        names.build_name(live_name): "build",
        names.clone_name(live_name): "clone",
        names.kept_name(live_name, datetime(2026, 11, 22, 1, 2, 3), ()): "kept",
        names.snapshot_name(live_name, "x" * 23): "snapshot",
    }
    for name, kind in given_names.items():
        assert names.kind_of(name, live_name) == kind
        assert len(name) <= 63


def test_a_kept_name_that_is_taken_moves_on_to_the_next_second() -> None:
    when = datetime(2026, 12, 31, 23, 59, 59)
    first = names.kept_name(LIVE, when, ())
    assert first.endswith("_20261231_235959")
    assert names.kept_name(LIVE, when, {first}).endswith("_20270101_000000")


@pytest.mark.parametrize("name", ["", "_x", "Big", "a-b", "ü", "a b", "x" * 100, "a;b", 'a"b'])
def test_a_snapshot_name_that_postgresql_would_fold_or_cut_is_refused(name: str) -> None:
    with pytest.raises(NameRefused, match="snapshot"):
        names.snapshot_name(LIVE, name)


def test_leftovers_are_builds_clones_half_dropped_and_unstamped_templates() -> None:
    databases = [
        live(IDS[0]),
        template(IDS[0]),
        database(f"{LIVE}_template_{'b' * 12}"),
        database(f"{LIVE}_build_{'c' * 12}"),
        database(f"{LIVE}_clone_{'d' * 12}"),
        database(f"{LIVE}_kept_20261122_100000", Stamp("x"), dropped=True),
        kept(1),
        database(f"{LIVE}_snapshot_mine", Stamp("x")),
    ]
    assert leftovers(databases) == [databases[i].name for i in (2, 3, 4, 5)]


def test_a_spare_without_its_template_is_a_leftover() -> None:
    stays, gone = template(IDS[0]), template(IDS[1])
    assert leftovers([stays, spare(stays), spare(gone)]) == [spare(gone).name]


def test_a_spare_is_found_by_its_template() -> None:
    one, other = template(IDS[0]), template(IDS[1])
    databases = [one, other, spare(one)]
    assert find_spare(databases, one) == spare(one)
    assert find_spare(databases, other) is None
    assert find_spare([spare(one, dropped=True)], one) is None


def test_only_the_template_of_the_live_content_has_a_spare() -> None:
    old, new = template(IDS[0], "2026-01"), template(IDS[1], "2026-02")
    databases = [live(IDS[0]), old, new, spare(old), spare(new)]
    gone = over_limit(databases, Policy(3, 3, 100))
    assert gone == [spare(new).name]


def test_beyond_the_size_the_spare_goes_first() -> None:
    only = template(IDS[0])
    databases = [live(IDS[0]), only, spare(only), kept(1)]
    assert over_limit(databases, Policy(3, 3, 3)) == []
    assert over_limit(databases, Policy(3, 3, 2)) == [spare(only).name]
    assert over_limit(databases, Policy(0, 3, 9)) == [
        only.name,
        spare(only).name,
    ]


def test_a_replaced_database_of_a_killed_run_is_still_to_be_judged() -> None:
    waiting = database(f"{LIVE}_kept_20261122_100000", Stamp("x", state="replaced"))
    assert undecided([live(IDS[0]), kept(1), waiting]) == [waiting]


def test_the_live_database_is_found_unless_its_drop_was_cut() -> None:
    assert find_live([template(IDS[0]), live(IDS[0])]) == live(IDS[0])
    assert find_live([database(LIVE, dropped=True)]) is None


def test_a_template_is_found_by_the_whole_id() -> None:
    lookalike = "a" * 12 + "f" * 52
    assert find_template([template(IDS[0])], IDS[0]) == template(IDS[0])
    assert find_template([template(IDS[0])], lookalike) is None


def test_undo_takes_the_newest_of_our_own_kept_databases() -> None:
    foreign = database(f"{LIVE}_kept_20991122_100000")
    assert newest_kept([kept(1), kept(3), kept(2), foreign]) == kept(3)
    assert newest_kept([foreign]) is None


def test_the_newest_stay_and_the_live_content_counts_as_newest() -> None:
    templates = [template(IDS[n], f"2026-11-0{n + 1}") for n in range(4)]
    everything = [live(IDS[0]), *templates, kept(1), kept(2), kept(3)]
    assert over_limit(everything, Policy(2, 2, 99)) == [
        templates[2].name,
        templates[1].name,
        kept(1).name,
    ]


def test_none_may_stay() -> None:
    everything = [live(IDS[0]), template(IDS[0]), kept(1)]
    assert set(over_limit(everything, Policy(0, 0, 99))) == {
        everything[1].name,
        everything[2].name,
    }


def test_beyond_the_size_templates_go_before_kept_ones_and_the_live_content_last() -> None:
    templates = [template(IDS[n], f"2026-11-0{n + 1}", size=10) for n in range(3)]
    everything = [live(IDS[0]), *templates, kept(1, 10), kept(2, 10)]
    for limit, expected in {
        50: [],
        49: [templates[1]],
        30: [templates[1], templates[2]],
        20: [templates[1], templates[2], kept(1)],
        10: [templates[1], templates[2], kept(1), kept(2)],
        9: [templates[1], templates[2], kept(1), kept(2), templates[0]],
    }.items():
        gone = over_limit(everything, Policy(3, 3, limit))
        assert gone == [database.name for database in expected], limit


@given(
    st.lists(st.integers(0, 100), max_size=6),
    st.lists(st.integers(0, 100), max_size=6),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 400),
)
def test_what_stays_always_fits(
    template_sizes: list[int], kept_sizes: list[int], templates: int, keep: int, limit: int
) -> None:
    databases = [
        live(IDS[0]),
        database(f"{LIVE}_snapshot_mine", Stamp("x"), size=1000),
        *(template(IDS[n], f"{n}", size=size) for n, size in enumerate(template_sizes)),
        *(kept(n, size) for n, size in enumerate(kept_sizes)),
    ]
    gone = set(over_limit(databases, Policy(templates, keep, limit)))
    stay = [d for d in databases if d.name not in gone and d.kind in ("template", "kept")]
    assert sum(d.kind == "template" for d in stay) <= templates
    assert sum(d.kind == "kept" for d in stay) <= keep
    assert sum(d.size_bytes for d in stay) <= limit * GB
    assert not gone & {LIVE, f"{LIVE}_snapshot_mine"}


def made_from(schema_id: str, content_id: str, loaded_at: str) -> Database:
    stamp = Stamp(content_id, schema_id=schema_id, loaded_at=loaded_at)
    return database(names.template_name(LIVE, content_id), stamp)


def test_a_schemas_database_goes_with_the_last_template_made_from_it() -> None:
    old, new = schema(IDS[0], "old"), schema(IDS[1], "new")
    templates = [made_from("old", IDS[2], "2026-10"), made_from("new", IDS[3], "2026-11")]
    both = [old, new, *templates]
    assert over_limit(both, Policy(2, 0, 100)) == []
    assert over_limit(both, Policy(1, 0, 100)) == [templates[0].name, old.name]
    everything = over_limit(both, Policy(0, 0, 100))
    assert sorted(everything) == sorted(d.name for d in both)


def test_of_one_schema_the_newest_database_stays() -> None:
    old, new = schema(IDS[0], "same", "2026-10"), schema(IDS[1], "same", "2026-11")
    there = [old, new, made_from("same", IDS[2], "2026-11")]
    assert over_limit(there, Policy(1, 0, 100)) == [old.name]


def test_a_schemas_database_that_was_never_finished_is_a_leftover() -> None:
    assert leftovers([database(names.schema_name(LIVE, IDS[0]))]) == [
        names.schema_name(LIVE, IDS[0])
    ]


def test_a_replaced_database_is_not_settled_until_it_was_decided_upon() -> None:
    name = f"{LIVE}_kept_20261122_100000"
    assert database(name, Stamp("x")).is_settled
    assert database(name).is_settled, "somebody took the comment away"
    assert not database(name, Stamp("x", state="replaced")).is_settled
    assert not database(name, Stamp("x"), dropped=True).is_settled
