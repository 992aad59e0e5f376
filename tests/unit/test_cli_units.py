"""How sizes, counts and times are written."""

from __future__ import annotations

import pytest

from pgseed import units


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (10240, "10 kB"), (24 << 20, "24 MB"),
     (1300 << 20, "1.3 GB"), (1 << 60, "1024 PB")],
)  # fmt: skip
def test_sizes(number: int, text: str) -> None:
    assert units.size(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.4, "0.4"), (7, "7"), (842, "842"), (999.7, "1.0k"), (29222, "29.2k"),
     (999_999, "1.0M"), (1.3e6, "1.3M"), (5e12, "5.0T")],
)  # fmt: skip
def test_short_counts(number: float, text: str) -> None:
    assert units.short_count(number) == text
    assert len(units.short_count(number)) <= 5


def test_counts() -> None:
    assert units.count(29222) == "29,222"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.00 s"), (0.05, "0.05 s"), (0.3, "0.3 s"), (9.94, "9.9 s"), (59.4, "59 s"),
     (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (7980, "2 h 13 min"), (90000, "1 d 1 h")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (30, "30 s ago"), (300, "5 min ago"), (7300, "2 h ago"), (300000, "3 d ago")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert units.ago(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.31, "0.3s"), (12, "12s"), (125, "2:05"), (7384, "2:03:04"), (200_000, "2d 7h")],
)
def test_clocks_fit_a_column(seconds: float, text: str) -> None:
    assert units.clock(seconds) == text
    assert len(text) <= 8
