"""The command line: what the arguments mean, and how a user's mistake is answered."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from toolchain.command_line import choose, take_option
from toolchain.console import SetupFailed

PROJECT = Path(__file__).resolve().parents[2]


def run_bootstrap(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "bootstrap.py", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "value", "rest"),
    [
        (["--stack", "dev2", "--diff"], "dev2", ["--diff"]),
        (["--diff", "--stack=dev2"], "dev2", ["--diff"]),
        (["-s", "dev2"], "dev2", []),
        (["--refresh", "--replace", "urn:x"], None, ["--refresh", "--replace", "urn:x"]),
        (["--stack-trace"], None, ["--stack-trace"]),
    ],
)
def test_an_option_is_taken_and_the_rest_passes_through(
    words: list[str], value: str | None, rest: list[str]
) -> None:
    assert take_option(words, "--stack", "-s") == (value, rest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["upp"], "no such command. Did you mean `up`?"),
        (["stak", "dev2"], "Did you mean `stack`?"),
        (["stack"], "it takes one name"),
        (["stack", "a", "b"], "it takes one name"),
        (["stack", "--help"], "it takes one name"),
        (["up", "--stack"], "its value is missing"),
        (["up", "--stack", "no/slash"], "failed to read stack name 'no/slash'"),
        (["env", "bash"], "does not take 'bash'"),
        (["down", "--yes"], "does not take '--yes'"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(arguments: list[str], said: str) -> None:
    with pytest.raises(SetupFailed, match="failed to ") as refused:
        choose(arguments)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--diff", "--replace", "urn:pulumi:dev::x"],
        ["down"],
        ["destroy", "--yes", "--stack", "dev2"],
        ["stack", "dev2", "--port", "5440"],
        ["env"],
        ["test", "-k", "port"],
        ["bench", "--help"],
        ["faults"],
    ],
)
def test_what_the_help_lists_is_understood(arguments: list[str]) -> None:
    assert callable(choose(arguments))


def test_a_mistake_is_one_line_and_exit_code_1() -> None:
    done = run_bootstrap("stack", "dev2", "--port", "80")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "failed to read port '80': it must be a whole number from 1024 to 65535."
        " For example: --port 5440"
    ]


def test_no_arguments_show_the_help() -> None:
    done = run_bootstrap()
    assert done.returncode == 2
    assert "python3 bootstrap.py up" in done.stdout


def test_help_names_every_command() -> None:
    text = run_bootstrap("--help").stdout
    for name in ("up", "down", "destroy", "stack", "env", "test", "bench", "faults"):
        assert f"bootstrap.py {name}" in text


def test_a_reader_that_has_enough_gets_no_traceback() -> None:
    script = f"exec 3>&1; {{ {sys.executable} bootstrap.py env 2>&3; echo $? >&3; }} | true"
    done = subprocess.run(
        ["sh", "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "Traceback" not in done.stdout
    assert "BrokenPipeError" not in done.stdout


def test_native_windows_is_pointed_to_wsl2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.name", "nt")
    assert bootstrap.main(["up"]) == 1
    monkeypatch.undo()
    (line,) = capsys.readouterr().out.splitlines()
    assert "WSL2" in line


def test_an_old_python_is_told_which_one_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 18, "final", 0))
    code = bootstrap.main(["up"])
    monkeypatch.undo()
    assert code == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "Python 3.10.18 is out of support. Use Python 3.11 or newer" in line


def test_an_old_python_can_read_bootstrap_itself() -> None:
    source = (PROJECT / "bootstrap.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))


def test_everything_works_on_the_standard_library_alone() -> None:
    """An isolated interpreter without site-packages can import every step."""
    modules = [f"toolchain.{path.stem}" for path in sorted((PROJECT / "toolchain").glob("*.py"))]
    script = f"import sys; sys.path[:0] = [{str(PROJECT)!r}]; import {', '.join(modules)}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
