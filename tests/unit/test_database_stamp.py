"""The stamp in a database's comment."""

from __future__ import annotations

import pytest

from pgseed.databases.stamp import Stamp

FULL = Stamp(
    "a" * 64,
    source="backup",
    label="backups/ü's.sql",
    commit="abc",
    loaded_at="2026-11-22T10:00:00+00:00",
    tool="1.0.0",
    horizon=2**40,
    catalog="c" * 32,
    rows={'vpv4."Mixed Case"': 3},
    kept_because="vpv4.products (1 changed)",
)


def test_a_stamp_comes_back_as_it_was_written() -> None:
    assert Stamp.from_comment(FULL.to_comment()) == FULL
    assert Stamp.from_comment(Stamp("", state="replaced").to_comment()) == Stamp(
        "", state="replaced"
    )


@pytest.mark.parametrize(
    "comment",
    [None, "", "the team's database", "{", "[]", "null", '{"content_id": "a"}', '{"made_by": "x"}'],
)
def test_somebody_elses_comment_is_no_stamp(comment: str | None) -> None:
    assert Stamp.from_comment(comment) is None


def test_a_newer_tools_fields_are_passed_over() -> None:
    assert Stamp.from_comment('{"made_by": "vpdb", "content_id": "a", "new": 1}') == Stamp("a")
