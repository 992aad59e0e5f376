"""The resources that the program declares, recorded: names, keys, options, secrets."""

from __future__ import annotations

from pathlib import Path

import dill  # type: ignore[import-untyped]
import pulumi
import pytest
from pulumi.dynamic import ResourceProvider

from components.image import ImageBuildProvider, PostgresImage, PostgresImageArgs
from components.outputs import replace_command
from components.server import PostgresServer, PostgresServerArgs
from components.stack_settings import PROJECT_DIR, read_settings, warn_of_shared_wishes
from tests.unit.recording import Recording, record
from vpdb.errors import SettingRefused
from vpdb.image import content_tag


def declare_server(**config: str) -> Recording:
    def program() -> None:
        PostgresServer(
            "server",
            PostgresServerArgs(
                settings=read_settings(), image_id="sha256:0123", data_dir=Path("/project/data")
            ),
        )

    return record(program, config=config)


def test_the_container_is_named_after_the_stack_and_published_on_its_port() -> None:
    inputs = declare_server(port="5440").registered["Container"].inputs
    assert inputs["name"] == "velpharma-unit"
    assert inputs["ports"] == [{"internal": 5432, "external": 5440, "ip": "127.0.0.1"}]
    assert {label["label"]: label["value"] for label in inputs["labels"]} == {
        "velpharma.project": "velpharma",
        "velpharma.stack": "unit",
        "velpharma.database": "velpdevdb",
        "velpharma.schema": "vpv4",
    }


def test_the_container_runs_on_the_stacks_own_volume_with_data_read_only() -> None:
    recording = declare_server()
    assert recording.registered["Volume"].inputs["name"] == "velpharma-unit-data"
    cluster, data = recording.registered["Container"].inputs["mounts"]
    assert (cluster["source"], cluster["target"]) == (
        "velpharma-unit-data",
        "/var/lib/postgresql/data",
    )
    assert (data["source"], data["target"], data["readOnly"]) == ("/project/data", "/data", True)


def test_fixed_names_go_before_their_replacement_and_the_container_follows_the_volume() -> None:
    recording = declare_server()
    volume = recording.registered["Volume"].request
    container = recording.registered["Container"].request
    assert volume.deleteBeforeReplace
    assert container.deleteBeforeReplace
    assert [urn.rsplit("::", 1)[-1] for urn in container.replace_with] == ["server-data"]


def test_the_container_holds_no_password_and_a_changed_one_leaves_it_alone() -> None:
    before, after = (
        declare_server(password=password).registered["Container"].inputs
        for password in ("hunter2", "hunter3")
    )
    assert "hunter2" not in str(before)
    assert before == after


TAG = content_tag(PROJECT_DIR / "postgres", base_image="postgres:17-trixie")


def declare_image(monkeypatch: pytest.MonkeyPatch, *, is_there: bool) -> Recording:
    monkeypatch.setattr("vpdb.image.exists", lambda tag: is_there and tag == TAG)

    def program() -> None:
        image = PostgresImage(
            "postgres",
            PostgresImageArgs(context=PROJECT_DIR / "postgres", base_image="postgres:17-trixie"),
        )
        image.declare_build(after=image.image_id)

    return record(program)


def in_order(recording: Recording, *kinds: str) -> bool:
    return [kind for kind in recording.registered if kind in kinds] == list(kinds)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_image_is_found_by_its_tag_and_never_deleted_or_pulled(
    monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    recording = declare_image(monkeypatch, is_there=is_there)
    build, image = recording.registered["ImageBuild"], recording.registered["RemoteImage"]
    assert build.inputs["tag"] == image.inputs["name"] == TAG
    assert image.inputs["keepLocally"] is True
    assert "build" not in image.inputs


def test_an_image_that_is_gone_is_built_before_it_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording = declare_image(monkeypatch, is_there=False)
    assert [*recording.registered].index("ImageBuild") < [*recording.registered].index(
        "RemoteImage"
    )
    image = recording.registered["RemoteImage"].request
    assert [urn.rsplit("::", 1)[-1] for urn in image.dependencies] == ["postgres"]


def test_the_server_does_not_wait_for_the_build_of_an_image_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording = declare_image(monkeypatch, is_there=True)
    assert [*recording.registered].index("RemoteImage") < [*recording.registered].index(
        "ImageBuild"
    )
    assert not recording.registered["RemoteImage"].request.dependencies
    assert not recording.registered["ImageBuild"].request.dependencies


@pytest.mark.parametrize(("old", "new", "replaced"), [("a:1", "a:2", ["tag"]), ("a:1", "a:1", [])])
def test_another_tag_is_another_image(old: str, new: str, replaced: list[str]) -> None:
    result = ImageBuildProvider().diff("a:1", {"tag": old}, {"tag": new, "context": "postgres"})
    assert (result.changes, result.replaces) == (bool(replaced), replaced)


def providers() -> list[ResourceProvider]:
    from components.seed import SeedProvider

    return [ImageBuildProvider(), SeedProvider()]


@pytest.mark.parametrize("provider", providers(), ids=lambda provider: type(provider).__name__)
def test_a_provider_is_pickled_by_reference(provider: ResourceProvider) -> None:
    """By value it would show as a change of `__provider` and run stale delete code."""
    assert len(dill.dumps(provider, recurse=True)) < 120


def test_a_replace_command_is_safe_to_paste() -> None:
    assert replace_command("urn:pulumi:dev::v::a$b::seed") == (
        "pulumi up --replace 'urn:pulumi:dev::v::a$b::seed'"
    )


def test_a_bad_setting_is_refused_while_planning() -> None:
    with pytest.raises(SettingRefused, match="port"):
        declare_server(port="many")


@pytest.mark.parametrize(
    ("stack", "config", "warned"),
    [
        ("dev", {"bulkMode": "true"}, True),
        ("dev", {"release": "2026-11"}, True),
        ("dev", {}, False),
        ("mine", {"bulkMode": "true"}, False),
    ],
)
def test_a_one_time_wish_in_the_teams_stack_file_is_warned_of(
    stack: str, config: dict[str, str], warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    record(lambda: warn_of_shared_wishes(read_settings()), config=config, stack=stack)
    assert bool(warnings) is warned
    assert all("pulumi config rm" in warning for warning in warnings)
