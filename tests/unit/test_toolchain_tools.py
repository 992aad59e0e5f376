"""Which Pulumi tools are chosen, and the environment they get."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from toolchain import tools
from toolchain.go_build import Build, source_hash
from toolchain.tools import (
    Tools,
    Wanted,
    find,
    said_version,
    shell_lines,
    user_home,
    version_of,
    wanted,
)

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.256.0\n", (3, 256, 0)),
        ("3.272.0", (3, 272, 0)),
        ("v3.300.1-alpha.12", (3, 300, 1)),
        ("", ()),
        ("pulumi: not found", ()),
    ],
)
def test_a_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_versions_come_from_the_requirements() -> None:
    pins = wanted(PROJECT)
    assert version_of(pins.sdk)
    assert {plugin.name for plugin in pins.plugins} == {"docker", "command"}
    assert all(plugin.folder.startswith("resource-") for plugin in pins.plugins)


@pytest.mark.parametrize(
    ("base", "passphrase"),
    [
        ({}, ""),
        ({"PULUMI_CONFIG_PASSPHRASE": "mine"}, None),
        ({"PULUMI_CONFIG_PASSPHRASE": ""}, None),
        ({"PULUMI_CONFIG_PASSPHRASE_FILE": "/etc/secret"}, None),
    ],
)
def test_a_passphrase_of_the_users_is_never_touched(
    base: dict[str, str], passphrase: str | None
) -> None:
    changes = Tools(Path("/opt/p/bin/pulumi")).environment(Path("/w"), base)
    assert changes.get("PULUMI_CONFIG_PASSPHRASE") == passphrase


def test_official_tools_leave_pulumis_home_alone() -> None:
    changes = Tools(Path("/opt/p/bin/pulumi")).environment(Path("/w"), {"PATH": "/usr/bin"})
    assert changes["PATH"] == "/w/.venv/bin:/opt/p/bin:/usr/bin"
    assert not {"PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"} & set(changes)


def test_built_tools_have_a_home_of_their_own_and_the_users_credentials() -> None:
    built = Tools(Path("/t/bin/pulumi"), Path("/t/home"))
    changes = built.environment(Path("/w"), {"PULUMI_HOME": "/home/a/p"})
    assert changes["PULUMI_HOME"] == "/t/home"
    assert changes["PULUMI_CREDENTIALS_PATH"] == "/home/a/p"


def test_a_prepared_shell_is_prepared_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice `env` is as good as once: our home is not taken for the user's, PATH does not grow."""
    built = Tools(Path("/t/abc/bin/pulumi"), Path("/t/abc/home"))
    base = {"PATH": "/usr/bin", tools.HOME_VARIABLE: "/t"}
    once = {**base, **built.environment(Path("/w"), base)}
    assert {**once, **built.environment(Path("/w"), once)} == once
    assert user_home(once) == Path.home() / ".pulumi"


def test_the_lines_set_a_real_shell_up(tmp_path: Path) -> None:
    odd = tmp_path / "a folder's"
    lines = shell_lines({"X": "it's $HOME `x`", "PATH": "ignored"}, [str(odd)])
    done = subprocess.run(
        ["/bin/sh", "-c", f'{lines}\nprintf "%s|%s" "$X" "$PATH"'],
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"it's $HOME `x`|{odd}:/usr/bin"


def program(path: Path, version: str) -> Path:
    """Make a real command that answers `version`, as `pulumi` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


class Machine:
    """A home folder, a toolchain folder and a PATH of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pins: Wanted = wanted(PROJECT)
        self.env = {
            "PATH": f"{folder / 'usr'}",
            "PULUMI_HOME": str(folder / "pulumi-home"),
            tools.HOME_VARIABLE: str(folder / "toolchain"),
        }
        self.build = Build(PROJECT / "toolchain" / "go", folder / "toolchain", self.pins.plugins)

    def add_official(self, version: str) -> Path:
        return program(self.folder / "usr" / "pulumi", version)

    def add_plugins(self, home: Path) -> None:
        for plugin in self.pins.plugins:
            program(home / "plugins" / plugin.folder / f"pulumi-resource-{plugin.name}", "1")

    def add_build(self) -> None:
        self.add_plugins(self.build.home)
        for name in (
            *("pulumi", "pulumi-language-python", "pulumi-language-python-host"),
            *("pulumi-language-python-exec", "pulumi-resource-pulumi-python"),
        ):
            program(self.build.place / "bin" / name, "v3.256.0")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    return Machine(tmp_path)


def test_nothing_is_found_on_a_bare_machine(machine: Machine) -> None:
    assert find(PROJECT, machine.env) is None


def test_the_official_command_line_with_its_plugins_is_taken(machine: Machine) -> None:
    cli = machine.add_official("v3.260.0")
    machine.add_plugins(Path(machine.env["PULUMI_HOME"]))
    machine.add_build()
    assert find(PROJECT, machine.env) == Tools(cli)


def test_an_official_one_without_plugins_takes_the_built_ones(machine: Machine) -> None:
    cli = machine.add_official("v3.260.0")
    machine.add_plugins(machine.build.home)
    assert find(PROJECT, machine.env) == Tools(cli, machine.build.home)


@pytest.mark.parametrize("version", ["v3.200.0", "v2.99.0", "broken"])
def test_a_command_line_too_old_is_passed_over(machine: Machine, version: str) -> None:
    machine.add_official(version)
    machine.add_plugins(Path(machine.env["PULUMI_HOME"]))
    machine.add_build()
    assert find(PROJECT, machine.env) == Tools(machine.build.cli, machine.build.home)


def test_an_earlier_official_installation_is_found_off_the_path(machine: Machine) -> None:
    home = Path(os.environ["HOME"]) / ".pulumi"
    cli = program(home / "versions" / machine.pins.sdk / "bin" / "pulumi", "v3.272.0")
    machine.add_plugins(Path(machine.env["PULUMI_HOME"]))
    assert find(PROJECT, machine.env) == Tools(cli)


def test_a_build_on_the_path_is_still_known_as_ours(machine: Machine) -> None:
    machine.add_build()
    machine.env["PATH"] = str(machine.build.place / "bin")
    assert find(PROJECT, machine.env) == Tools(machine.build.cli, machine.build.home)


@pytest.mark.parametrize("part", ["bin/pulumi", "bin/pulumi-language-python-host"])
def test_half_a_build_is_no_build(machine: Machine, part: str) -> None:
    machine.add_build()
    (machine.build.place / part).unlink()
    assert find(PROJECT, machine.env) is None


def test_the_builds_folder_is_named_after_its_sources(machine: Machine) -> None:
    expected = source_hash(PROJECT / "toolchain" / "go", machine.pins.plugins)
    assert machine.build.place.name == expected


def test_a_command_line_says_its_version_or_nothing(tmp_path: Path) -> None:
    cli = tmp_path / "pulumi"
    assert said_version(cli) == ""
    cli.write_text("#!/bin/sh\necho v3.256.0-alpha.1\n")
    assert said_version(cli) == "", "it cannot be run"
    cli.chmod(0o755)
    assert said_version(cli) == "v3.256.0-alpha.1"
