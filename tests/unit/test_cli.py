"""The command line without any service: help, errors, questions, connection strings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
import typer

from pgseed.errors import SeedError, ServerUnreachable
from tests.support.imports import heavy
from vpdb import connection
from vpdb.cli import app as cli
from vpdb.cli import common
from vpdb.cli.access import load_lines
from vpdb.cli.status import row_changes
from vpdb.errors import GuardRefused
from vpdb.settings import Settings, load_settings

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = load_settings(CHECKOUT, "dev")
SECRET = "p'w d;\"x/é"
COMMANDS = sorted(set(cli.COMMANDS) - {"bulk"})


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(CHECKOUT)
    for name in ("VELPHARMA_STACK", "PULUMI_STACK", "VELPHARMA_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    yield
    os.environ.pop("VELPHARMA_STACK", None)


class TestHelp:
    @pytest.mark.parametrize("name", cli.COMMANDS)
    def test_the_table_of_commands_is_true(self, name: str) -> None:
        app = cli.command_line(name)
        names = [command.name for command in app.registered_commands]
        assert [*names, *(group.name for group in app.registered_groups)] == [name]

    def test_the_list_of_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["--help"]) == 0
        text = capsys.readouterr().out
        for name in COMMANDS:
            assert name in text

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_explains_itself_with_an_example_and_takes_a_stack(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"python -m vpdb {name}" in text.split("Usage:", 1)[1].split("\n", 1)[1]
        assert "--stack" in text

    def test_no_commands_help_imports_anything_heavy(self) -> None:
        code = (
            "import sys; from vpdb.cli.app import main\n"
            "for command in ['', *sys.argv[1:]]:\n"
            "    main([*command.split(), '--help'])\n"
            "    print(command, *sys.modules, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=True
        )
        answers = done.stderr.splitlines()
        assert len(answers) == len(COMMANDS) + 1
        for line in answers:
            command, *imported = line.split(" ")
            lasting = ("psycopg2", "yaml", "pgseed.databases", "pgseed.backup", "pgseed.live")
            assert heavy(imported, *lasting) == set(), f"vpdb {command} --help"

    def test_wrong_usage_is_exit_code_2(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["no-such-command"]) == 2
        assert cli.main(["monitor", "--interval", "soon"]) == 2
        assert "Traceback" not in capsys.readouterr().err


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (SeedError("failed to do it: because.\nTry again"), 1),
            (GuardRefused("failed to touch it: not ours"), 1),
            (ServerUnreachable("failed to reach it: silent"), 5),
            (psycopg2.OperationalError("server closed the\nconnection"), 5),
            (KeyboardInterrupt(), 130),
        ],
    )
    def test_each_is_one_line_and_an_exit_code(
        self,
        error: BaseException,
        code: int,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(_stack: str | None) -> Settings:
            raise error

        monkeypatch.setattr("vpdb.cli.access.settings_of", fail)
        assert cli.main(["connection"]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == (0 if code == 130 else 1)

    def test_a_bad_stack_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["connection", "--stack", "a b"]) == 1
        assert capsys.readouterr().err.startswith("failed to read stack name 'a b'")
        assert cli.main(["--stack", "a b", "connection"]) == 1

    def test_outside_the_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # The module's own folder is found from anywhere.
        monkeypatch.chdir(tmp_path)
        assert cli.main(["connection"]) == 0
        assert "port=5434" in capsys.readouterr().out

    def test_a_fault_of_ours_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vpdb.cli.access.settings_of", lambda stack: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cli.main(["connection"])

    def test_a_pipe_that_closes_early_is_no_traceback(self) -> None:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "vpdb", "connection", "--format", "env"],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(write)
        assert done.stderr == ""
        assert done.returncode == 1


class TestQuestions:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))

    def test_without_a_terminal_it_refuses_and_names_the_way_out(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
        with pytest.raises(common.NotConfirmed, match="Add --yes"):
            common.confirm("reset velpdevdb", ["This ends a session: psql."], yes=False)
        assert "psql" in capsys.readouterr().err

    def test_yes_still_says_what_is_lost(self, capsys: pytest.CaptureFixture[str]) -> None:
        common.confirm("reset velpdevdb", ["This ends a session: psql."], yes=True)
        assert "psql" in capsys.readouterr().err

    @pytest.mark.usefixtures("terminal")
    def test_a_no_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no(*_args: object, **_options: object) -> None:
            raise typer.Abort

        monkeypatch.setattr(typer, "confirm", no)
        with pytest.raises(typer.Abort):
            common.confirm("reset", [], yes=False)


class TestConnection:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(SETTINGS, password=SECRET)

    @pytest.mark.parametrize("form", connection.FORMATS)
    def test_no_form_holds_the_password_unless_given(self, form: str, settings: Settings) -> None:
        assert SECRET[:3] not in connection.FORMATS[form](settings, None)

    def test_psql_understands_its_own_line(self, settings: Settings) -> None:
        odd = replace(settings, database="a-b", user="O'Neil")
        assert connection.psql(odd, None) == (
            """psql 'host=127.0.0.1 port=5434 dbname=a-b user='"'"'O\\'"'"'Neil'"'"''"""
        )
        # The shell hands over one argument; libpq reads it back.
        words = subprocess.run(
            ["sh", "-c", f"set -- {connection.psql(odd, None)}; printf %s \"$2\""],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert psycopg2.extensions.parse_dsn(words)["user"] == "O'Neil"

    def test_the_url_is_read_back_by_libpq(self, settings: Settings) -> None:
        parts = psycopg2.extensions.parse_dsn(connection.url(settings, SECRET))
        assert parts["password"] == SECRET
        assert (parts["host"], parts["port"]) == ("127.0.0.1", "5434")

    def test_an_ipv6_address_stands_in_brackets(self, settings: Settings) -> None:
        assert "@[::1]:5434/" in connection.url(replace(settings, address="::1"), None)

    def test_the_environment_survives_a_shell(self, settings: Settings) -> None:
        script = f'{connection.env(settings, SECRET)}\nprintf %s "$PGPASSWORD"'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == SECRET

    def test_dotnet_quotes_like_its_own_builder(self, settings: Settings) -> None:
        text = connection.dotnet(settings, SECRET)
        assert text.startswith("Host=127.0.0.1;Port=5434;Database=velpdevdb;Username=velpharma;")
        assert 'Password="p\'w d;""x/é"' in text
        assert "Password=YOUR_PASSWORD" in connection.dotnet(settings, None)

    def test_jdbc(self, settings: Settings) -> None:
        assert connection.jdbc(settings, None) == (
            "jdbc:postgresql://127.0.0.1:5434/velpdevdb?user=velpharma&currentSchema=vpv4"
        )
        assert "&password=p%27w%20d%3B%22x%2F%C3%A9&" in connection.jdbc(settings, SECRET)

    def test_the_command_prints_no_password_by_itself(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project(tmp_path, "password: hush")
        monkeypatch.chdir(tmp_path)
        for form in connection.FORMATS:
            assert cli.main(["connection", "--format", form]) == 0
        assert "hush" not in capsys.readouterr().out
        assert cli.main(["connection", "--format", "url", "--show-password"]) == 0
        assert ":hush@" in capsys.readouterr().out

    def test_an_encrypted_password_is_pulumis_to_show(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project(tmp_path, "password:\n    secure: v1:abc")
        monkeypatch.chdir(tmp_path)
        assert cli.main(["connection", "--show-password"]) == 1
        assert "pulumi config get password --stack dev" in capsys.readouterr().err


class TestHanging:
    TEXT = "content 84950a16b05a from backups/production_backup_data_only.sql, loaded just now"

    def test_on_a_terminal_lines_end_between_words_and_stand_below_each_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setenv("COLUMNS", "60")
        lines = ("holds     " + common.hanging(self.TEXT, 10)).split("\n")
        assert len(lines) == 3
        assert max(map(len, lines)) <= 60
        assert all(line.startswith(" " * 10) for line in lines[1:])
        assert " ".join(" ".join(lines).split()) == f"holds {self.TEXT}"

    def test_in_a_pipe_it_stays_a_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        assert common.hanging(self.TEXT, 10) == self.TEXT

    def test_a_terminal_that_is_too_narrow_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setenv("COLUMNS", "5")
        assert self.TEXT.split() == common.hanging(self.TEXT, 10).split()


def test_the_log_of_loads_keeps_whole_messages() -> None:
    log = [
        "2026 UTC [1] velpharma@velpdevdb psql: ERROR:  x\n",
        "\tof two lines\n",
        "2026 UTC [2] vpdb@postgres vpdb load velpdevdb: LOG:  vpdb: swap\n",
        "\tand more\n",
        "2026 UTC [3] LOG:  checkpoint\n",
    ]
    assert list(load_lines(log)) == log[2:4]


def test_row_changes_name_what_grows_shrinks_and_goes() -> None:
    before = {"vpv4.a": 10, "vpv4.b": 5, "vpv4.c": 1}
    assert row_changes(before, {"vpv4.a": 1200, "vpv4.b": 5}) == [
        "vpv4.a: 10 -> 1,200 rows",
        "vpv4.c: 1 -> 0 rows",
    ]


def project(folder: Path, *lines: str) -> None:
    """Lay out a project whose stack file holds these settings."""
    (folder / "postgres" / "init").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text((CHECKOUT / "Pulumi.yaml").read_text())
    body = "".join(f"  velpharma:{line}\n" for line in lines)
    (folder / "Pulumi.dev.yaml").write_text(f"config:\n{body}")
