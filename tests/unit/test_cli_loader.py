"""The external loader's command line, environment and failures, with real processes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vpdb import loader
from vpdb.errors import SettingRefused
from vpdb.settings import Settings, load_settings

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "s3cr et;'x"


def settings(line: str, folder: Path = CHECKOUT) -> Settings:
    return replace(load_settings(CHECKOUT, "dev"), loader=line, password=SECRET, project_dir=folder)


def python(code: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_placeholders_are_filled_word_by_word_without_a_shell() -> None:
    line = "dotnet run -- --host={host} -p {port} 'a b' {database};{user} $(id)"
    assert loader.command_line(settings(line)) == [
        *("dotnet", "run", "--", "--host=127.0.0.1", "-p", "5434", "a b"),
        *("velpdevdb;velpharma", "$(id)"),
    ]


def test_the_password_is_in_no_argument_unless_the_connection_string_is_asked_for() -> None:
    quiet = settings("load {host} {port} {database} {user}")
    assert not any(SECRET in word for word in loader.command_line(quiet))
    (_, text) = loader.command_line(settings("load {connection}"))
    assert f'Password="{SECRET}"' in text


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("load {hots}", "no placeholder {hots}"),
        ("load 'open", "No closing quotation"),
        (" ", "empty"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(line: str, part: str) -> None:
    with pytest.raises(SettingRefused, match=part):
        loader.command_line(settings(line))


def test_it_runs_in_the_project_with_the_password_in_its_environment(tmp_path: Path) -> None:
    code = "import os; open('seen', 'w').write(os.environ['PGPASSWORD'] + os.environ['PGPORT'])"
    loader.run(settings(python(code), tmp_path))
    assert (tmp_path / "seen").read_text() == f"{SECRET}5434"


def test_its_output_streams_through(capfd: pytest.CaptureFixture[str]) -> None:
    loader.run(settings(python("print('row 1'); import sys; print('hm', file=sys.stderr)")))
    captured = capfd.readouterr()
    assert captured.out == "row 1\n"
    assert captured.err == "hm\n"


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("raise SystemExit(3)", "ended with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
    ],
)
def test_its_failure_is_ours_and_holds_no_secret(code: str, part: str) -> None:
    with pytest.raises(loader.LoaderFailed, match=part) as failure:
        loader.run(settings(python(code) + " {connection}"))
    assert SECRET not in str(failure.value)


@pytest.mark.parametrize("line", ["no-such-loader-9", "/etc/passwd"])
def test_a_command_that_cannot_be_run_is_named(line: str) -> None:
    with pytest.raises(loader.LoaderFailed, match="pulumi config set loader"):
        loader.run(settings(line))


def test_an_interrupted_wait_ends_the_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    made = settings(python(code), tmp_path)

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        calls = 0

        def wait(self, timeout: float | None = None) -> int:
            Interrupted.calls += 1
            if Interrupted.calls == 1:
                while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
                    pass
                raise KeyboardInterrupt
            return int(super().wait(timeout))

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        loader.run(made)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
