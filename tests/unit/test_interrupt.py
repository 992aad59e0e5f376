"""How the Pulumi program's process ends when it is interrupted, and when it is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def program(then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"import components, time; print('ready', flush=True); {then}"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupted_program_prints_nothing() -> None:
    process = program("time.sleep(60)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors == ""
    assert process.returncode != 0


def test_every_other_end_keeps_its_traceback() -> None:
    process = program("1 / 0")
    _, errors = process.communicate(timeout=60)
    assert "ZeroDivisionError" in errors
    assert process.returncode == 1
