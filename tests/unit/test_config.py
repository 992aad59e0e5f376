"""A stack's settings: defaults from Pulumi.yaml, refusals with rule, value and example."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from vpdb.errors import SettingRefused
from vpdb.settings import Settings, find_stack, load_settings, project_defaults

PROJECT_DIR = Path(__file__).resolve().parents[2]


def settings_with(**values: object) -> Settings:
    project, defaults = project_defaults(PROJECT_DIR)
    return Settings.from_values(PROJECT_DIR, project, "dev", values, defaults)


def test_defaults_are_the_ones_that_pulumi_yaml_declares() -> None:
    settings = settings_with()
    assert (settings.port, settings.database, settings.db_schema) == (5434, "velpdevdb", "vpv4")
    assert settings.address == "127.0.0.1"
    assert settings.backup == PROJECT_DIR / "backups" / "production_backup_data_only.sql"
    assert settings.container == "velpharma-dev"
    assert settings.volume == "velpharma-dev-data"


@pytest.mark.parametrize(
    ("key", "good", "attribute", "expected"),
    [
        ("port", "5440", "port", 5440),
        ("bulkMode", "true", "bulk_mode", True),
        ("source", "seed", "source", "seed"),
        ("release", "2026-11", "release", "2026-11"),
        ("address", "localhost", "address", "localhost"),
        ("templates", 0, "templates", 0),
        ("database", "other_db", "database", "other_db"),
        ("schema", "Mixed-Case", "db_schema", "Mixed-Case"),
    ],
)
def test_a_valid_value_is_taken(key: str, good: object, attribute: str, expected: object) -> None:
    assert getattr(settings_with(**{key: good}), attribute) == expected


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "5434.5"),
        ("port", "٣"),
        ("port", True),
        ("bulkMode", "yes"),
        ("source", "azure"),
        ("release", "2026-13"),
        ("release", "November"),
        ("address", "example.org"),
        ("database", "postgres"),
        ("database", "x" * 31),
        ("database", "a;b"),
        ("schema", "pg_catalog"),
        ("schema", 'a"b'),
        ("templates", "-1"),
        ("backupUrl", "http://plain.example/backup.sql"),
        ("backupSha256", "abc"),
        ("dump", "../escape"),
    ],
)
def test_a_bad_value_is_refused_with_rule_value_and_example(key: str, bad: object) -> None:
    with pytest.raises(SettingRefused) as refusal:
        settings_with(**{key: bad})
    text = str(refusal.value)
    assert text.startswith(f"failed to read setting {key}: it must be ")
    assert repr(bad) in text
    assert f"pulumi config set {key} " in text
    assert "\n" not in text


def test_a_misspelt_key_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(SettingRefused, match="Did you mean port"):
        settings_with(prot=5440)


def test_a_refused_password_is_never_shown() -> None:
    with pytest.raises(SettingRefused) as refusal:
        settings_with(password="hunter2\0")
    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(settings_with(password="hunter2"))


def test_an_open_address_needs_a_password_of_its_own() -> None:
    with pytest.raises(SettingRefused, match="default password"):
        settings_with(address="0.0.0.0")
    assert settings_with(address="0.0.0.0", password="my own").address == "0.0.0.0"


@pytest.mark.parametrize("name", ["", "-dev", "a/b", "ä", "x" * 41])
def test_a_stack_name_that_docker_would_refuse_is_refused(name: str) -> None:
    project, defaults = project_defaults(PROJECT_DIR)
    with pytest.raises(SettingRefused, match="stack name"):
        Settings.from_values(PROJECT_DIR, project, name, {}, defaults)


def test_the_stack_file_overrides_and_an_encrypted_value_counts_as_set(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT_DIR / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev2.yaml").write_text(
        "config:\n  velpharma:port: 5440\n  velpharma:password:\n    secure: v1:abc\n"
        "  other:port: 1\n"
    )
    settings = load_settings(tmp_path, "dev2")
    assert settings.port == 5440
    assert not settings.password_is_default


def test_a_broken_stack_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT_DIR / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  a: [1\n")
    with pytest.raises(SettingRefused, match=r"Pulumi\.dev\.yaml, line 3: not valid YAML"):
        load_settings(tmp_path, "dev")


@pytest.mark.parametrize(
    "selection",
    [
        {"stack": "organization/velpharma/dev7"},
        {"stacks": {"file://./.state": "organization/velpharma/dev7", "https://x": "a/b/other"}},
    ],
)
def test_the_stack_is_the_one_selected_in_pulumi(
    selection: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("VELPHARMA_STACK", "PULUMI_STACK", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    project_file = tmp_path / "Pulumi.yaml"
    project_file.write_text((PROJECT_DIR / "Pulumi.yaml").read_text())
    assert find_stack(tmp_path) == "dev"
    digest = hashlib.sha1(str(project_file).encode()).hexdigest()
    workspace = tmp_path / "home" / "workspaces" / f"velpharma-{digest}-workspace.json"
    workspace.parent.mkdir(parents=True)
    workspace.write_text(json.dumps(selection))
    assert find_stack(tmp_path) == "dev7"
    monkeypatch.setenv("VELPHARMA_STACK", "dev8")
    assert find_stack(tmp_path) == "dev8"
