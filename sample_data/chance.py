"""Random choices that come out the same on every Python version and platform."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Chance:
    """Choices drawn from one seed."""

    def __init__(self, seed: int) -> None:
        # The one method whose sequence for a seed Python promises ("Notes on Reproducibility").
        self._draw = Random(seed).random

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 to `limit` - 1."""
        return int(self._draw() * limit)

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included."""
        return low + int(self._draw() * (high - low + 1))

    def one_in(self, n: int) -> bool:
        return self._draw() * n < 1.0

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._draw() * len(choices))]


class Weighted(Generic[T]):
    """Choices of unequal weight; whole-number weights, so that no rounding can differ."""

    def __init__(self, *choices: tuple[T, int]) -> None:
        self._choices = tuple(choice for choice, _ in choices)
        self._bounds = tuple(accumulate(weight for _, weight in choices))

    def draw(self, chance: Chance) -> T:
        return self._choices[bisect(self._bounds, chance.below(self._bounds[-1]))]
