"""Work done ahead in a thread: in order, bounded, honest about failures, ended when unwanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from master_data.ahead import Ahead


def test_items_come_in_order_and_all_of_them() -> None:
    with Ahead(iter(range(1_000)), depth=3) as numbers:
        assert list(numbers) == list(range(1_000))


def test_not_more_than_the_depth_is_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(items(), depth=3) as numbers:
        assert next(iter(numbers)) == 0
        time.sleep(0.2)
        assert len(made) <= 6


def test_a_failure_reaches_the_one_who_iterates() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Ahead(items(), depth=3) as numbers:
        iterator = iter(numbers)
        assert next(iterator) == 1
        with pytest.raises(ValueError, match="broken"):
            next(iterator)


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        while True:
            yield 1

    with Ahead(endless(), depth=2):
        pass
    assert threading.active_count() == before
