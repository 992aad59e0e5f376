"""The offline base image's name, its mirrors, and when it may stand in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolchain.base_image import (
    REPOSITORY,
    chosen,
    debian_mirrors,
    named_by_user,
    offline_tag,
    stands_in_for,
)

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "postgres" / "offline-base", tmp_path / "postgres" / "offline-base")
    return tmp_path


def test_the_tag_is_the_same_in_every_clone_whatever_its_line_endings(copy: Path) -> None:
    for path in (copy / "postgres" / "offline-base").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert offline_tag(copy) == offline_tag(PROJECT)


@pytest.mark.parametrize("name", ["Dockerfile", "build-rootfs.sh", "docker-entrypoint.sh"])
def test_a_changed_file_is_another_image(copy: Path, name: str) -> None:
    with (copy / "postgres" / "offline-base" / name).open("a") as file:
        file.write("# changed\n")
    assert offline_tag(copy) != offline_tag(PROJECT)


@pytest.mark.parametrize(
    ("text", "mirrors"),
    [
        ("", ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")),
        (
            "deb http://mirror.corp/debian bookworm main\n"
            "deb [signed-by=/k.gpg] https://mirror.corp/debian-security/ bookworm-security main\n",
            ("http://mirror.corp/debian", "https://mirror.corp/debian-security"),
        ),
        (
            "Types: deb\nURIs: http://mirror.corp/pub/debian/\nSuites: trixie\nComponents: main\n",
            ("http://mirror.corp/pub/debian", "http://deb.debian.org/debian-security"),
        ),
        (
            "# deb http://old.corp/debian bullseye main\ndeb https://deb.nodesource.com/n x main",
            ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security"),
        ),
    ],
)
def test_mirrors_are_the_machines_own(tmp_path: Path, text: str, mirrors: tuple[str, str]) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(text)
    assert debian_mirrors(tmp_path) == mirrors


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        ("postgres:17-trixie", True),
        ("postgres:17.6", True),
        ("docker.io/library/postgres:17-trixie", True),
        ("postgres:16", False),
        ("postgres:17-alpine", False),
        ("registry.corp/postgres:17-trixie", False),
    ],
)
def test_it_stands_in_for_the_official_one_only(image: str, verdict: bool) -> None:
    assert stands_in_for(image) is verdict


def test_an_image_of_ours_in_the_environment_is_not_the_users_wish() -> None:
    assert named_by_user({"VELPHARMA_BASE_IMAGE": f"{REPOSITORY}:0123456789ab"}) == ""
    assert named_by_user({"VELPHARMA_BASE_IMAGE": "registry.corp/pg:17"}) == "registry.corp/pg:17"
    assert named_by_user({}) == ""


def test_the_choice_is_read_back(tmp_path: Path) -> None:
    assert chosen(tmp_path) == ""
    (tmp_path / "base-image").write_text("velpharma-offline-base:0123456789ab\n")
    assert chosen(tmp_path) == "velpharma-offline-base:0123456789ab"
