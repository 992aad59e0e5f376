"""Single values of CSV files: what is taken, what is refused, and in which words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master_data.tables import Column
from master_data.values import ValueRefused, Values, converted, copy_text

PRICE = Column("price", "decimal", optional=True, precision=10, scale=2)
CODE = Column("code", "code")
LINE = Column("name", "line", optional=True)
TEXT = Column("note", "text", optional=True)
COUNT = Column("count", "integer", optional=True)
POSITION = Column("position", "smallint", optional=True)
DAY = Column("day", "date", optional=True)
FLAG = Column("flag", "boolean", optional=True)
UNIT = Column("unit", "choice", optional=True, choices=("Stück", "ml"))


@pytest.mark.parametrize(
    ("column", "raw", "value"),
    [
        (CODE, " MF-0001 ", "MF-0001"),
        (LINE, "", ""),
        (LINE, "Bäumler & Söhne", "Bäumler & Söhne"),
        (TEXT, " two\nlines\t", " two\nlines\t"),
        (TEXT, "", ""),
        (COUNT, "-12", "-12"),
        (COUNT, "2147483647", "2147483647"),
        (POSITION, "32767", "32767"),
        (PRICE, "12.50", "12.50"),
        (PRICE, "12,5", "12.5"),
        (PRICE, "12", "12"),
        (PRICE, "-0,05", "-0.05"),
        (PRICE, "00012.5", "12.5"),
        (PRICE, "1.500", "1.500"),
        (PRICE, "99999999.99", "99999999.99"),
        (DAY, "2026-11-30", "2026-11-30"),
        (DAY, "30.11.2026", "2026-11-30"),
        (DAY, "1.2.2026", "2026-02-01"),
        (DAY, "2024-02-29", "2024-02-29"),
        (FLAG, "TRUE", "t"),
        (FLAG, "nein", "f"),
        (FLAG, "1", "t"),
        (UNIT, "Stück", "Stück"),
    ],
)
def test_a_value_is_taken(column: Column, raw: str, value: str) -> None:
    assert converted(column, raw) == value


@pytest.mark.parametrize(
    ("column", "raw", "rule", "part"),
    [
        (CODE, "", "required", "must not be empty"),
        (CODE, "  ", "required", "must not be empty"),
        (TEXT, "a\0b", "nul", "NUL"),
        (LINE, "two\nlines", "single line", "one line"),
        (LINE, "tab\there", "single line", "control characters"),
        (COUNT, "12.0", "integer", "whole number such as 20, not '12.0'"),
        (COUNT, "١٢", "integer", "whole number"),
        (COUNT, "2147483648", "integer", "between -2147483648 and 2147483647"),
        (COUNT, "9" * 5_000, "integer", "between"),
        (POSITION, "32768", "integer", "between -32768 and 32767"),
        (PRICE, "12.505", "decimal", "at most 2 decimal places"),
        (PRICE, "1.234,56", "decimal", "no thousands separator"),
        (PRICE, "1,234.56", "decimal", "no thousands separator"),
        (PRICE, "1'234.50", "decimal", "no thousands separator"),
        (PRICE, "100000000", "decimal", "at most 8 digits before the point"),
        (PRICE, "12 EUR", "decimal", "a number such as 12.50, not '12 EUR'"),
        (PRICE, "NaN", "decimal", "a number"),
        (PRICE, "1e3", "decimal", "a number"),
        (DAY, "2026-02-30", "date", "a day of the calendar"),
        (DAY, "11/30/2026", "date", "such as 2026-11-30 or 30.11.2026"),
        (DAY, "2026-W01-1", "date", "such as"),
        (DAY, "31.4.2026", "date", "a day of the calendar"),
        (DAY, "0000-01-01", "date", "a day of the calendar"),
        (FLAG, "maybe", "boolean", "true or false, not 'maybe'"),
        (UNIT, "Stueck", "choice", "one of Stück, ml, not 'Stueck'"),
    ],
)
def test_a_value_is_refused(column: Column, raw: str, rule: str, part: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        converted(column, raw)
    assert refused.value.rule == rule
    assert part in str(refused.value)


def test_a_message_stays_on_one_short_line() -> None:
    with pytest.raises(ValueRefused) as refused:
        converted(LINE, "x\n" * 5_000)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("column", [CODE, LINE, TEXT, COUNT, PRICE, DAY, FLAG, UNIT])
@given(data=st.data())
def test_a_batch_is_judged_like_its_single_values(column: Column, data: st.DataObject) -> None:
    typical = st.sampled_from(["", "12", "12,5", "2026-11-30", "ja", "ml", "a\\b", "x\ty", "a\0"])
    raw = tuple(data.draw(st.lists(typical | st.text(max_size=8), min_size=1, max_size=12)))
    texts, refused = Values(column).copy_texts(raw)
    assert len(texts) == len(raw)
    for position, value in enumerate(raw):
        if position in refused:
            with pytest.raises(ValueRefused, match=re.escape(str(refused[position]))):
                converted(column, value)
        else:
            assert texts[position] == copy_text(converted(column, value))


def test_more_distinct_values_than_are_remembered() -> None:
    values = Values(CODE)
    for start in range(0, 120_000, 4_000):
        raw = tuple(f"C{number}" for number in range(start, start + 4_000))
        assert tuple(values.copy_texts(raw)[0]) == raw
