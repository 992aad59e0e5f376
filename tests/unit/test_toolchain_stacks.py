"""Stack names, ports and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.console import SetupFailed
from toolchain.stacks import Pulumi, checked_name, checked_port, ports_put_down
from vpdb.errors import SettingRefused
from vpdb.settings import checked_stack_name

PROJECT = Path(__file__).resolve().parents[2]

GOOD = ["dev", "dev2", "a", "A.b_c-d", "2026", "x" * 40]
BAD = ["", "-dev", ".dev", "_x", "a b", "a/b", "a:b", "ä", "x" * 41, "dev\n", "--help", "a;b"]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_stack_name_is_given_back(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", BAD)
def test_a_bad_stack_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(SetupFailed, match="it must be 1 to 40 letters"):
        checked_name(name)


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_bootstrap_and_the_program_have_one_rule_for_names(name: str) -> None:
    def refused_by_program() -> bool:
        try:
            checked_stack_name(name)
        except SettingRefused:
            return True
        return False

    assert refused_by_program() is (name in BAD)


@pytest.mark.parametrize("text", ["1024", "5440", "65535"])
def test_a_good_port_is_read(text: str) -> None:
    assert checked_port(text) == int(text)


@pytest.mark.parametrize("text", ["", "80", "1023", "65536", "-1", "5440.0", "5 440", "x", "٥٤٤٠"])
def test_a_bad_port_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(SetupFailed, match="a whole number from 1024 to 65535"):
        checked_port(text)


def test_ports_of_all_stack_files_and_the_default_are_put_down(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev2.yaml").write_text("config:\n  velpharma:port: 5440\n")
    (tmp_path / "Pulumi.x.yaml").write_text('config:\n  velpharma:port: "5441"\n')
    assert ports_put_down(tmp_path) == {5434, 5440, 5441}


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        (None, "{project}/./.state"),
        ("file:///srv/state", "/srv/state"),
        ("file://./elsewhere?no_tmp_dir=true", "{project}/./elsewhere"),
    ],
)
def test_the_lock_folder_follows_the_backend(tmp_path: Path, url: str | None, folder: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    env = {"PULUMI_BACKEND_URL": url} if url else {}
    found = Pulumi(Path("pulumi"), tmp_path, env).locks("dev", "velpharma")
    expected = Path(folder.format(project=tmp_path))
    assert found == expected / ".pulumi" / "locks" / "organization" / "velpharma" / "dev"


def test_another_kind_of_backend_keeps_its_own_locks(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    pulumi = Pulumi(Path("pulumi"), tmp_path, {"PULUMI_BACKEND_URL": "s3://bucket"})
    assert pulumi.locks("dev", "velpharma") is None
