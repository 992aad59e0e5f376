"""Local changes are kept aside and come back: keep, undo, reset, snapshots, prune."""

from __future__ import annotations

from typing import Any

import pytest

from pgseed.databases.sessions import Client, sessions_in
from pgseed.dumping import Dump, dump
from pgseed.errors import SeedError
from pgseed.live.database import NothingThere
from pgseed.live.status import IN_STEP, LOCALLY_CHANGED, STALE
from pgseed.server import MAINTENANCE_DATABASE
from tests.integration.conftest import Stack
from tests.support.contents import ask, rows_of
from vpdb.backups.team_dump import DumpWish, dump_live

CHANGE = "UPDATE vpv4.products SET name = 'mine' WHERE product_id = 1"
MINE = "SELECT count(*) FROM vpv4.products WHERE name = 'mine'"


def sessions_of(stack: Stack) -> list[Client]:
    with stack.server.session(MAINTENANCE_DATABASE) as connection:
        return sessions_in(connection, stack.live)


def test_a_changed_database_is_kept_with_all_that_was_in_it(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    changed = rows_of(stack.server, stack.live)
    result = stack.load()
    assert result.action == "cloned"
    assert result.kept is not None
    assert result.changes.describe() == "vpv4.products (1 changed)"
    assert rows_of(stack.server, result.kept) == changed
    assert stack.ask(MINE) == [(0,)]


def test_a_write_in_the_last_moment_before_the_swap_is_kept(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgseed.databases.swap import swap
    from pgseed.live import replace

    stack.load()

    def write_then_swap(*arguments: object) -> None:
        stack.ask(CHANGE)
        swap(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replace, "swap", write_then_swap)
    result = stack.load(source="empty")
    assert result.kept is not None
    assert ask(stack.server, result.kept, MINE) == [(1,)]


def test_only_the_newest_are_kept(stack: Stack) -> None:
    stack.load()
    names = []
    for _ in range(3):
        stack.ask(CHANGE)
        names.append(stack.load(keptDatabases=2).kept)
    assert [n for n in stack.databases() if "_kept_" in n] == names[1:]


def test_none_is_kept_where_the_settings_say_so(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    assert stack.load(keptDatabases=0).kept is None
    assert stack.kinds() == ["schema", "template"]


def test_undo_brings_back_and_a_second_undo_returns(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    mine = rows_of(stack.server, stack.live)
    stack.load(source="empty")
    empty = rows_of(stack.server, stack.live)

    back = stack.undo()
    assert rows_of(stack.server, stack.live) == mine
    assert back.stamp.origin == "undo"
    assert back.kept is not None

    stack.undo()
    assert rows_of(stack.server, stack.live) == empty
    stack.undo()
    assert rows_of(stack.server, stack.live) == mine
    assert stack.kinds() == ["kept", "schema", "template", "template"]


def test_after_undo_a_load_keeps_the_changes_again(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    stack.load(source="empty")
    stack.undo()
    result = stack.load(source="empty")
    assert result.kept is not None
    assert ask(stack.server, result.kept, MINE) == [(1,)]


def test_undo_without_anything_kept_says_so(stack: Stack) -> None:
    stack.load()
    with pytest.raises(NothingThere, match="no database is kept"):
        stack.undo()


def test_reset_gives_the_loaded_content_anew_without_reading_a_file(stack: Stack) -> None:
    stack.load()
    fresh = rows_of(stack.server, stack.live)
    stack.ask(CHANGE)
    stack.ask("SELECT nextval('vpv4.products_product_id_seq')")
    result = stack.reset()
    assert rows_of(stack.server, stack.live) == fresh
    assert result.kept is not None
    again = stack.reset()
    assert again.kept is None


def test_reset_goes_back_to_what_was_loaded_not_to_what_the_files_say(stack: Stack) -> None:
    stack.load(source="empty")
    stack.ask(
        "INSERT INTO vpv4.system_organ_classes (soc_code, name, display_order) VALUES ('a', 'b', 1)"
    )
    stack.reset(source="seed")
    assert stack.ask("SELECT count(*) FROM vpv4.system_organ_classes") == [(0,)]


def test_reset_builds_a_template_that_is_gone(stack: Stack) -> None:
    stack.load(templates=0)
    stack.ask(CHANGE)
    result = stack.reset(stack.content)
    assert result.action == "built"
    assert stack.ask(MINE) == [(0,)]
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(3,)]


def test_reset_refuses_where_template_and_file_are_gone(stack: Stack) -> None:
    stack.load(templates=0)
    before = stack.databases()
    with pytest.raises(NothingThere, match="has changed since"):
        stack.reset(lambda: stack.content(source="empty"))
    assert stack.databases() == before


def test_a_snapshot_comes_back_as_often_as_wanted(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    mine = rows_of(stack.server, stack.live)
    made = stack.snapshot("before_import")
    assert made.size_bytes > 1_000_000
    for _ in range(2):
        stack.ask("DELETE FROM vpv4.adverse_drug_reactions")
        result = stack.restore("before_import")
        assert rows_of(stack.server, stack.live) == mine
        assert result.kept is not None
    assert stack.snapshots() == [made.name]
    stack.drop_snapshot("before_import")
    assert stack.snapshots() == []


def test_a_snapshot_ends_sessions_and_they_can_be_named_before(stack: Stack) -> None:
    stack.load()
    with stack.server.session(stack.live, purpose="somebody's work"):
        (session,) = sessions_of(stack)
        assert "vpdb somebody's work by " in session.describe()
        assert "as vpdb" in session.describe()
        stack.snapshot("s1")
    assert sessions_of(stack) == []


def test_snapshots_that_are_not_there_or_there_already_are_refused(stack: Stack) -> None:
    stack.load()
    with pytest.raises(NothingThere, match="none of that name"):
        stack.restore("nothing")
    stack.snapshot("one")
    with pytest.raises(SeedError, match="there is one of that name"):
        stack.snapshot("one")
    with pytest.raises(NothingThere, match="There are: one"):
        stack.drop_snapshot("two")


def test_prune_follows_the_settings_and_leaves_snapshots(stack: Stack) -> None:
    stack.load()
    stack.snapshot("mine")
    stack.ask(CHANGE)
    stack.load(source="empty")
    gone = stack.prune(templates=1, keptDatabases=0)
    assert sorted(name.removeprefix(stack.live).split("_")[1] for name in gone) == [
        "kept",
        "template",
    ]
    assert stack.kinds() == ["schema", "snapshot", "template"]
    stack.prune(cacheLimitGb=1)
    assert stack.kinds() == ["schema", "snapshot", "template"]


def test_the_database_a_dump_was_written_from_is_adopted(stack: Stack) -> None:
    stack.load()
    stack.ask(CHANGE)
    horizon = stack.dump_horizon()
    stack.backup.write_bytes(stack.dump("--data-only", "--schema=vpv4"))
    assert stack.adopt_dump(horizon) == ""
    status = stack.status()
    assert (status.exit_code, status.changes.describe()) == (IN_STEP, "")
    assert stack.load().action == "adopted"

    stack.ask("UPDATE vpv4.products SET pack_size = 1 WHERE product_id = 1")
    changed = stack.status()
    assert changed.changes.describe() == "vpv4.products", "there is no template to count by"


def test_objects_altered_before_a_dump_still_count_when_it_is_adopted(stack: Stack) -> None:
    stack.load()
    stack.ask("ALTER INDEX vpv4.products_pkey RENAME TO mine")
    horizon = stack.dump_horizon()
    stack.backup.write_bytes(stack.dump("--data-only", "--schema=vpv4"))
    assert stack.adopt_dump(horizon) == ""
    assert "objects" in stack.status().changes.describe()


def test_what_is_written_while_a_dump_runs_is_no_change_only_if_the_dump_has_it(
    stack: Stack,
) -> None:
    stack.load()
    with stack.server.session(stack.live, autocommit=False) as slow, slow.cursor() as cursor:
        cursor.execute("UPDATE vpv4.products SET name = 'slow' WHERE product_id = 2")
        horizon = stack.dump_horizon()
        stack.ask(CHANGE)
        stack.backup.write_bytes(stack.dump("--data-only", "--schema=vpv4"))
        slow.commit()
    assert stack.adopt_dump(horizon) == ""
    changed = stack.status()
    assert changed.changes.describe() == "vpv4.products", "there is no template to count by"


def test_a_dump_is_not_adopted_where_the_schema_files_have_changed(stack: Stack) -> None:
    stack.load()
    path = stack.init / "03-create-extensions.sql"
    path.write_text(path.read_text() + "CREATE TABLE vpv4.later (a int);\n")
    stack.backup.write_bytes(stack.dump("--data-only", "--schema=vpv4"))
    horizon = stack.dump_horizon()
    refused = stack.adopt_dump(horizon)
    assert "another schema" in refused
    assert stack.load().action == "built"


def test_a_database_that_took_the_dumped_ones_place_is_not_adopted(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.load()
    stack.ask(CHANGE)

    def write_then_reset(*arguments: Any, **options: Any) -> Dump:
        done = dump(*arguments, **options)
        stack.reset()
        return done

    monkeypatch.setattr("vpdb.backups.team_dump.dump", write_then_reset)
    dumped = dump_live(stack.server, stack.settings(), DumpWish())
    assert stack.ask(MINE) == [(0,)]
    assert not dumped.adopted
    assert "took the place" in dumped.why_not_adopted
    assert stack.status().exit_code == STALE
    stack.load()
    assert stack.ask(MINE) == [(1,)], "the next load brings what was dumped"


def test_status_knows_what_is_live_what_is_wanted_and_what_is_kept(stack: Stack) -> None:
    stack.load()
    status = stack.status()
    assert status.exit_code == IN_STEP
    assert status.to_dict()["in_step"] is True

    stale = stack.status(source="empty")
    assert stale.exit_code == STALE

    stack.ask(CHANGE)
    changed = stack.status(source="empty")
    assert changed.exit_code == LOCALLY_CHANGED
    document = changed.to_dict()
    assert document["local_changes"]["tables"] == [
        {"table": "vpv4.products", "added": 0, "removed": 0, "changed": 1}
    ]
    assert [t["label"] for t in document["templates"]] == [document["live"]["label"]]
    assert document["templates"][0]["size_bytes"] > 1_000_000


def test_status_of_a_stack_without_a_database(stack: Stack) -> None:
    status = stack.status()
    assert not status.exists
    assert status.exit_code == STALE
