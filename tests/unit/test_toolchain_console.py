"""Running tools: what shows, what a failure says, and that an interrupt leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolchain.console import SetupFailed, answer, last_line, run_long
from toolchain.lock import only_one
from toolchain.processes import is_alive

PROJECT = Path(__file__).resolve().parents[2]


def test_output_goes_into_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    run_long(["sh", "-c", "echo one; echo two >&2"], title="count", log=log)
    assert sorted(log.read_text().split()) == ["one", "two"]


def test_standard_output_can_be_kept_apart(tmp_path: Path) -> None:
    log, out = tmp_path / "x.log", tmp_path / "out"
    run_long(["sh", "-c", "echo data; echo note >&2"], title="x", log=log, stdout=out)
    assert (out.read_text(), log.read_text()) == ("data\n", "note\n")


def test_a_failure_is_one_line_with_cause_remedy_and_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    script = "for i in 1 2 3 4 5; do echo line $i; done; exit 3"
    with pytest.raises(SetupFailed) as raised:
        run_long(["sh", "-c", script], title="do it", log=log, remedy="Try that")
    assert str(raised.value) == (
        f"failed to do it: line 3 / line 4 / line 5. Try that; the whole output is in {log}"
    )


def test_a_silent_failure_names_the_exit_code(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="failed to do it: exit code 3"):
        run_long(["sh", "-c", "exit 3"], title="do it", log=tmp_path / "x.log")


def test_a_missing_command_and_a_silence_are_answers() -> None:
    assert answer(["velpharma-no-such-command"]).returncode == 127
    assert answer(["sleep", "5"], timeout_s=0.1).returncode == 127


def test_the_last_line_is_what_says_something() -> None:
    assert last_line("a\nerror: no room.\n\n") == "error: no room"
    assert last_line("\n") == "no reason given"


def wait_for_end(pids: list[int]) -> bool:
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(is_alive(pid) for pid in pids)


def run_python(script: str) -> subprocess.Popen[bytes]:
    # A child of a shell without job control starts with SIGINT ignored; Python then never sees it.
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_whole_group(tmp_path: Path, sent: signal.Signals) -> None:
    note = tmp_path / "pids"
    process = run_python(
        "import sys; from pathlib import Path\n"
        "from toolchain.console import run_long, unwind_on_sigterm\n"
        "unwind_on_sigterm()\n"
        f"run_long(['sh', '-c', 'sleep 60 & echo $$ $! > {note}; wait'],"
        f" title='wait', log=Path('{tmp_path}/x.log'))\n"
    )
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text().split()) and time.monotonic() < deadline:
        time.sleep(0.02)
    pids = [int(pid) for pid in note.read_text().split()]
    assert all(is_alive(pid) for pid in pids)
    os.kill(process.pid, sent)
    assert process.wait(timeout=10) != 0
    assert wait_for_end(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_command_is_being_started_ends_it_too(
    tmp_path: Path, sent: signal.Signals
) -> None:
    note = tmp_path / "pid"
    process = run_python(
        "import signal, subprocess; from pathlib import Path\n"
        "from toolchain.console import run_long, unwind_on_sigterm\n"
        "unwind_on_sigterm()\n"
        "class Interrupted(subprocess.Popen):\n"
        "    def __init__(self, *arguments, **named):\n"
        "        super().__init__(*arguments, **named)\n"
        f"        Path('{note}').write_text(str(self.pid))\n"
        f"        signal.raise_signal({int(sent)})\n"
        "subprocess.Popen = Interrupted\n"
        f"run_long(['sleep', '60'], title='wait', log=Path('{tmp_path}/x.log'))\n"
    )
    assert process.wait(timeout=20) != 0
    assert wait_for_end([int(note.read_text())])


HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from toolchain.lock import only_one\n"
    "with only_one(Path(sys.argv[1]), 'work'):\n"
    "    print('held', flush=True); time.sleep(float(sys.argv[2]))\n"
)


def hold(lock: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), str(seconds)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(tmp_path / "lock", 0.8) as first:
        started = time.monotonic()
        with only_one(tmp_path / "lock", "set up"):
            assert time.monotonic() - started > 0.4
        assert f"about to set up (process {first.pid})" in capsys.readouterr().out


def test_a_killed_run_holds_nobody_up(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", 60) as first:
        first.kill()
        started = time.monotonic()
        with only_one(tmp_path / "lock", "set up"):
            assert time.monotonic() - started < 5
