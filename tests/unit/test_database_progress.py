"""Progress, worded for people."""

from __future__ import annotations

import io

import pytest

from pgseed.progress import Meter, describe, print_lines, while_heard


def test_a_report_says_how_much_how_fast_and_how_long_still() -> None:
    text = describe("load rows: 10 of 40 rows", 50 * 1024**2, 200 * 1024**2, 2.0)
    assert text == "load rows: 10 of 40 rows, 50 MB of 200 MB (25 %), 25 MB/s, 6.0 s left"
    assert describe("clone x", 0, 0, 5.0) == "clone x"
    assert describe("load rows", 0, 1024**2, 0.0) == "load rows, 1.0 MB"


def test_a_phase_is_named_at_once_and_then_now_and_again() -> None:
    now = [0.0]
    meter = Meter(every_s=2.0, clock=lambda: now[0])
    lines = []
    for second in range(6):
        now[0] = float(second)
        lines.append(meter.line(f"load rows: {second} rows", second * 1000, 10_000))
    assert [line is not None for line in lines] == [True, False, True, False, True, False]
    assert lines[0] == "load rows, 9.8 kB"
    assert "load rows: 2 rows, 2.0 kB of 9.8 kB (20 %)" in str(lines[2])
    assert meter.line("clone", 0, 0) == "clone"


def test_each_phase_gives_a_line() -> None:
    log = io.StringIO()
    progress = print_lines(log)
    progress("build", 0, 0)
    progress("clone", 0, 0)
    assert log.getvalue() == "build\nclone\n"


def test_work_goes_on_where_nobody_reads_its_progress_any_more() -> None:
    class Deaf(io.StringIO):
        """What a killed pulumi leaves its commands: a pipe without a reader."""

        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        print_lines(Deaf())("vacuum and analyze", 0, 0)
    while_heard(print_lines(Deaf()))("vacuum and analyze", 0, 0)
    heard = io.StringIO()
    while_heard(print_lines(heard))("vacuum and analyze", 0, 0)
    assert heard.getvalue() == "vacuum and analyze\n"
