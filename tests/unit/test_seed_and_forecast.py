"""When the seed is replaced, updated or left alone, and what preview says of local changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components import seed_engine as seed_actions
from components.seed import Seed, SeedArgs, SeedProvider
from components.server_preview import describe_bulk_mode, remarks, warnings
from components.stack_settings import PROJECT_DIR, read_settings
from pgseed.changes.local_changes import Changes, TableChange
from pgseed.databases.stamp import Database, Stamp
from pgseed.live.status import Status
from pgseed.seed import Seed as Content
from tests.unit.recording import Recording, record
from vpdb import bulk
from vpdb.seed_source import choose_content
from vpdb.server.server_probe import Sighting
from vpdb.settings import Settings, project_defaults

OLD: dict[str, Any] = {
    "__provider": "x",
    "contentId": "a",
    "database": "velpdevdb",
    "schema": "vpv4",
    "volume": "velpharma-dev-data",
    "container": "velpharma-dev",
    "port": 5434,
    "password": "one",
    "source": "backups/a.sql",
}


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.seed.sight", lambda _container: Sighting(None))


@pytest.mark.parametrize(
    ("changed", "replaced"),
    [
        ({"contentId": "b"}, ["contentId"]),
        ({"schema": "other"}, ["schema"]),
        ({"database": "other"}, ["database"]),
        ({"volume": "other"}, ["volume"]),
        ({"port": 5440}, []),
        ({"password": "two"}, []),
        ({"source": "backups/renamed.sql"}, []),
        ({"__provider": "y"}, None),
        ({}, None),
    ],
    ids=lambda value: str(value),
)
def test_other_data_replaces_and_another_way_to_the_server_updates(
    changed: dict[str, Any], replaced: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_actions, "holds", lambda *_: False)
    provider = SeedProvider()
    provider._config = None  # type: ignore[assignment]
    result = provider.diff("id", OLD, {**OLD, **changed})
    assert result.changes is (replaced is not None)
    assert result.replaces == (replaced or [])


def test_content_that_is_live_already_is_adopted_by_an_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seed_actions, "holds", lambda *_: True)
    provider = SeedProvider()
    provider._config = None  # type: ignore[assignment]
    result = provider.diff("id", OLD, {**OLD, "contentId": "b"})
    assert (result.changes, result.replaces) == (True, [])


def provider_with(monkeypatch: pytest.MonkeyPatch, calls: list[str]) -> SeedProvider:
    """A provider whose actions are only noted."""
    monkeypatch.setattr(seed_actions, "holds", lambda *_: False)
    monkeypatch.setattr(seed_actions, "load", lambda *_, **__: calls.append("load"))
    monkeypatch.setattr(seed_actions, "reach", lambda _config, _props: calls.append("reach"))
    provider = SeedProvider()
    provider._config = None  # type: ignore[assignment]
    return provider


def test_an_interrupted_release_is_an_update_each_time_and_none_once_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    provider = provider_with(monkeypatch, calls)
    interrupted = {**OLD, "interruptedRelease": "2026-11"}
    planned = provider.diff("id", OLD, interrupted)
    assert (planned.changes, planned.replaces) == (True, [])
    state = provider.update("id", OLD, interrupted).outs
    assert calls == ["reach"]
    assert state is not None
    assert provider.diff("id", state, OLD).changes is False
    # The same release, killed once more.
    assert provider.diff("id", state, interrupted).changes is True
    # An engine that hands over what it stored as inputs.
    assert provider.diff("id", interrupted, OLD).changes is False
    assert provider.diff("id", interrupted, interrupted).changes is True


def test_a_reload_of_other_data_replaces_also_behind_an_interrupted_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    provider = provider_with(monkeypatch, calls)
    news = {**OLD, "contentId": "b", "container": "c", "interruptedRelease": "2026-11"}
    assert provider.diff("id", OLD, news).replaces == ["contentId"]
    created = provider.create(news)
    assert calls == ["load"]
    assert provider.diff(
        "id", created.outs or {}, {**news, "interruptedRelease": "2026-11"}
    ).changes
    del news["interruptedRelease"]
    assert provider.diff("id", created.outs or {}, news).changes is False


def test_another_content_on_the_server_is_loaded_over_whatever_the_state_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    provider = provider_with(monkeypatch, calls)
    seen = {**OLD, "serverHolds": "content 0123456789ab"}
    assert provider.diff("id", OLD, seen).replaces == ["serverHolds"]
    state = provider.create(seen).outs or {}
    assert calls == ["load"]
    assert provider.diff("id", state, OLD).changes is False
    later = {**seen, "serverHolds": "content 0123456789ab at another time"}
    assert provider.diff("id", state, later).replaces == ["serverHolds"]
    # Where its container has to be replaced, the engine asks about the former inputs.
    assert provider.diff("id", state, {**seen, "containerId": "another"}).replaces == []


def test_a_stopped_server_is_started_by_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    provider = provider_with(monkeypatch, calls)
    seen = {**OLD, "serverState": "stopped"}
    planned = provider.diff("id", OLD, seen)
    assert (planned.changes, planned.replaces) == (True, [])
    state = provider.update("id", OLD, seen).outs or {}
    assert calls == ["load"]
    assert provider.diff("id", state, OLD).changes is False


def test_deleting_a_seed_touches_nothing() -> None:
    """The replacement has loaded its data before the old seed is deleted."""
    SeedProvider().delete("id", {"container": "no-such-container", "stack": "none"})


def declare_seed(interrupted_release: str = "", holds: str = "") -> Recording:
    def program() -> None:
        settings = read_settings()
        Seed(
            "seed",
            SeedArgs(
                settings=settings,
                content=choose_content(PROJECT_DIR, settings),
                volume="velpharma-unit-data",
                container="velpharma-unit",
                container_id="0123",
                seen={"interruptedRelease": interrupted_release, "serverHolds": holds},
            ),
        )

    return record(program, config={"password": "hunter2"})


def test_the_seed_shows_its_row_counts_and_hides_the_password() -> None:
    seed = declare_seed().registered["Seed"]
    assert seed.inputs["tables"]["vpv4.products"] == "2281 rows"
    assert seed.inputs["tables"]["vpv4.adverse_drug_reactions"] == "29222 rows"
    assert seed.inputs["source"] == "backups/production_backup_data_only.sql"
    assert seed.is_secret("password")
    assert "password" in seed.request.additionalSecretOutputs


def test_an_interrupted_release_shows_in_the_diff_and_else_there_is_no_such_input() -> None:
    assert "interruptedRelease" not in declare_seed().registered["Seed"].inputs
    inputs = declare_seed("2026-11").registered["Seed"].inputs
    assert inputs["interruptedRelease"] == "2026-11"
    assert declare_seed(holds="x").registered["Seed"].inputs["serverHolds"] == "x"


def settings_with(**values: object) -> Settings:
    project, defaults = project_defaults(PROJECT_DIR)
    return Settings.from_values(PROJECT_DIR, project, "dev", values, defaults)


def status_with(
    *, live: str, wanted: str, changes: Changes, kept: tuple[Database, ...] = ()
) -> Status:
    seed = Content(schema_files=(), schema="vpv4", owner="velpharma", label="backups/x.sql")
    live_id = seed.id if live == wanted else live
    return Status(
        live=Stamp(content_id=live_id),
        exists=True,
        changes=changes,
        wanted=seed,
        templates=(),
        kept=kept,
        snapshots=(),
        size_bytes=0,
    )


CHANGED = Changes((TableChange("vpv4.products", added=1, removed=0, changed=2),))


def test_a_reload_over_local_changes_is_warned_of_in_one_line() -> None:
    (line,) = warnings(status_with(live="a", wanted="b", changes=CHANGED), settings_with())
    assert "vpv4.products (1 added, 2 changed)" in line
    assert "velpdevdb_kept_" in line
    assert "\n" not in line


def test_with_no_room_for_kept_databases_the_warning_says_lost() -> None:
    status = status_with(live="a", wanted="b", changes=CHANGED)
    (line,) = warnings(status, settings_with(keptDatabases=0))
    assert "LOST" in line


@pytest.mark.parametrize("changes", [Changes(), Changes(unknown=True)])
def test_without_changes_nothing_is_warned_of(changes: Changes) -> None:
    assert warnings(status_with(live="a", wanted="b", changes=changes), settings_with()) == []


def test_changes_are_named_also_where_nothing_is_to_be_loaded() -> None:
    """Only Pulumi knows whether `--replace` asks for the seed or the volume."""
    (line,) = warnings(status_with(live="b", wanted="b", changes=CHANGED), settings_with())
    assert "vpv4.products (1 added, 2 changed)" in line
    assert "lost if the volume is replaced" in line


def test_the_oldest_kept_database_is_named_before_it_has_to_go() -> None:
    kept = tuple(
        Database(
            number,
            f"velpdevdb_kept_2026110{number}_120000",
            "kept",
            Stamp("x", kept_no=number, kept_at=f"2026-11-0{9 - number}"),
        )
        for number in (1, 2, 3)
    )
    status = status_with(live="a", wanted="b", changes=CHANGED, kept=kept)
    _, line = warnings(status, settings_with())
    assert "velpdevdb_kept_20261101_120000 will be dropped for good" in line
    assert len(warnings(status, settings_with(keptDatabases=4))) == 1


def test_what_only_lives_on_the_volume_is_named() -> None:
    kept = Database(1, "velpdevdb_kept_20261101_120000", "kept", None)
    (line,) = remarks(status_with(live="a", wanted="a", changes=Changes(), kept=(kept,)))
    assert "velpdevdb_kept_20261101_120000" in line
    assert remarks(status_with(live="a", wanted="a", changes=Changes())) == []


def bulk_mode(**changes: Any) -> bulk.BulkMode:
    long_ago = datetime.fromtimestamp(0, UTC)
    return bulk.BulkMode(**{"since": long_ago, "tables": ("vpv4.products",), **changes})


@pytest.mark.parametrize(
    ("mode", "wanted", "said"),
    [
        (None, "false", ""),
        # Switched on by hand or by the setting: nobody ends it but its owner.
        (bulk_mode(), "false", "python -m vpdb bulk off"),
        (bulk_mode(since=datetime.now(UTC)), "false", ""),
        (bulk_mode(release="2026-11"), "false", "`pulumi up` switches it off"),
        (bulk_mode(release="2026-11", release_runs=True), "false", "longer than"),
        (bulk_mode(release="2026-11"), "true", "longer than"),
    ],
)
def test_what_is_wrong_with_bulk_mode_is_said_in_one_line(
    mode: bulk.BulkMode | None, wanted: str, said: str
) -> None:
    settings = settings_with(bulkMode=wanted)
    line = describe_bulk_mode(mode, settings)
    assert bool(line) is bool(said)
    assert said in line
    assert "\n" not in line
    assert bulk.interrupted(mode, settings) == ("2026-11" if "pulumi up" in said else "")
