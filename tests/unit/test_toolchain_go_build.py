"""The Go build's steps, with a real compiler on a module of three lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from toolchain.console import SetupFailed
from toolchain.go_build import Build, Program, source_hash
from toolchain.tools import Plugin

PLUGINS = (Plugin("docker", "5.2.0"),)
HELLO = Program("hello", ".", "main.version", "v1.2.3", "1 s")

needs_go = pytest.mark.skipif(not shutil.which("go"), reason="needs Go")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "go" / "hello"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module hello\n\ngo 1.21\n")
    (folder / "main.go").write_text(
        'package main\n\nvar version = "unset"\n\nfunc main() { println(version) }\n'
    )
    return tmp_path / "go"


def build_hello(sources: Path, target: Path) -> None:
    Build(sources, target.parent, PLUGINS).compile(HELLO, target, target.parent / "logs")


@needs_go
def test_a_program_is_built_with_its_version_set(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "bin" / "hello"
    build_hello(sources, target)
    done = subprocess.run([target], capture_output=True, text=True, check=True)
    assert done.stderr == "v1.2.3\n"
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["hello"]


@needs_go
def test_a_finished_program_is_not_built_again(sources: Path, tmp_path: Path) -> None:
    target = tmp_path / "bin" / "hello"
    target.parent.mkdir()
    target.write_text("finished in an earlier run")
    build_hello(sources, target)
    assert target.read_text() == "finished in an earlier run"


@needs_go
def test_a_failed_build_leaves_nothing_that_looks_finished(sources: Path, tmp_path: Path) -> None:
    (sources / "hello" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    target = tmp_path / "bin" / "hello"
    with pytest.raises(
        SetupFailed, match=r"failed to build hello: .*undefined: nonsense"
    ) as raised:
        build_hello(sources, target)
    assert "\n" not in str(raised.value)
    assert [path for path in target.parent.iterdir() if path.is_file()] == []
    assert "undefined: nonsense" in (target.parent / "logs" / "go-hello.log").read_text()


def test_without_go_the_remedy_is_named(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("toolchain.go_build.UNPACKED_GO", str(tmp_path))
    with pytest.raises(SetupFailed, match=r"no go command on PATH\. Install Go"):
        build_hello(sources, tmp_path / "bin" / "hello")


def test_a_go_too_old_is_named(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "go1" / "go"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(SetupFailed, match=r"go version go1\.19\.8 linux/amd64\. Install Go 1\.21"):
        build_hello(sources, tmp_path / "bin" / "hello")


def test_another_source_or_version_is_another_place(sources: Path) -> None:
    first = source_hash(sources, PLUGINS)
    assert source_hash(sources, (Plugin("docker", "5.3.0"),)) != first
    (sources / "hello" / "main.go").write_text("package main\n")
    assert source_hash(sources, PLUGINS) != first


def test_line_endings_make_no_difference(sources: Path) -> None:
    first = source_hash(sources, PLUGINS)
    for path in sources.rglob("*.*"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert source_hash(sources, PLUGINS) == first
