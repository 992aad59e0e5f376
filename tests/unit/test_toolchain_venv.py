"""The virtual environment, a real one with nothing in it."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from toolchain import tools, venv
from toolchain.apt import is_debian
from toolchain.session import Session

CHECKOUT = Path(__file__).resolve().parents[2]
PINS = re.findall(r"^([\w-]+)==(\S+)$", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    return tmp_path


def test_it_is_made_anew_where_it_was_cut_and_filled_again_for_other_requirements(
    project: Path,
) -> None:
    logs, folder = project / "logs", project / ".venv"
    mark = folder / "velpharma-requirements"
    assert venv.is_ready(project) is False

    # Cut in the middle: no mark, and a Python that does not run.
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half")
    cut = folder / "cut"
    cut.touch()
    assert venv.is_ready(project) is False
    venv.ensure(project, logs)
    assert venv.is_ready(project) is True
    assert not cut.exists()

    marked = mark.stat().st_mtime_ns
    venv.ensure(project, logs)
    assert mark.stat().st_mtime_ns == marked

    # Other requirements: pip runs again, in the same environment.
    kept = folder / "kept"
    kept.touch()
    (project / "requirements.txt").write_text("# nothing else\n")
    assert venv.is_ready(project) is False
    venv.ensure(project, logs)
    assert venv.is_ready(project) is True
    assert kept.exists()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("ID=debian\n", True),
        ('ID=ubuntu\nID_LIKE="debian"\n', True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ("ID=fedora\n", False),
        ("ID=alpine\n", False),
    ],
)
def test_debian_and_its_like_are_known(tmp_path: Path, text: str, verdict: bool) -> None:
    release = tmp_path / "os-release"
    release.write_text(text)
    assert is_debian(release) is verdict


def test_a_machine_that_does_not_say_is_not_debian(tmp_path: Path) -> None:
    assert is_debian(tmp_path / "none") is False


@pytest.mark.parametrize(("name", "version"), PINS)
def test_every_pin_can_be_installed_on_the_oldest_python_that_is_promised(
    name: str, version: str
) -> None:
    promised = re.search(r'^requires-python = ">=([\d.]+)"$', project_file(), re.MULTILINE)
    assert promised
    package = metadata.metadata(name)
    assert package["Version"] == version
    assert promised[1] in SpecifierSet(package["Requires-Python"] or "")


def project_file() -> str:
    return (CHECKOUT / "pyproject.toml").read_text()


def test_modules_are_compiled_where_python_itself_must_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for folder in ("components", "vpdb"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "whole.py").write_text("A = 1\n")
        (tmp_path / folder / "half.py").write_text("A = (\n")
    monkeypatch.setattr(tools, "ensure", lambda *_: tools.Tools(Path("pulumi")))
    monkeypatch.setattr(venv, "ensure", lambda *_: None)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    run = Session(tmp_path)
    run.set_up_tools()

    compiled = sorted(path.name.split(".")[0] for path in tmp_path.rglob("*.pyc"))
    assert compiled == ["whole", "whole"]
    assert "PYTHONDONTWRITEBYTECODE" not in run.env
