"""Interleaved runs and what is read off them; no service is touched here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One side of a comparison: `run` does the work once and gives the value of each of `names`.

    Seconds, or MB where memory is counted. `prepare` brings the world back to where a run begins
    and is not counted.
    """

    names: tuple[str, ...]
    run: Callable[[], Mapping[str, float]]
    prepare: Callable[[], None] = nothing

    @classmethod
    def single(
        cls, name: str, run: Callable[[], float], prepare: Callable[[], None] = nothing
    ) -> Contender:
        """Make a contender of which one value is read off."""
        return cls((name,), lambda: {name: run()}, prepare)

    def marked(self, mark: str) -> Contender:
        """Return the same contender with a mark behind each of its names."""
        return Contender(
            tuple(name + mark for name in self.names),
            lambda: {name + mark: value for name, value in self.run().items()},
            self.prepare,
        )


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one contender, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


def interleave(
    turns: Sequence[Sequence[Contender]],
    rounds: int,
    *,
    warm_up: int = 1,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Series]:
    """Run all contenders in turn, round after round (A B A B …), and return each one's values.

    A machine that slows down for a while then slows all of them down. Contenders that share a turn
    change places from round to round, so that none has the better one. The values of the first
    `warm_up` rounds (cold caches, first imports) are thrown away.
    """
    values: dict[str, list[float]] = {}
    for number in range(warm_up + rounds):
        label = f"round {number - warm_up + 1} of {rounds}" if number >= warm_up else "warm-up"
        order = [one for turn in turns for one in (turn if number % 2 else reversed(turn))]
        for contender in order:
            contender.prepare()
            found = contender.run()
            for name in contender.names:
                say(f"{label}: {name} {found[name]:.3f}")
                if number >= warm_up:
                    values.setdefault(name, []).append(found[name])
    return {name: Series(tuple(numbers)) for name, numbers in values.items()}


def ratios(top: Series, bottom: Series) -> Series:
    """Divide round by round: both sides of a round met the machine in the same state."""
    return Series(tuple(a / b for a, b in zip(top.values, bottom.values, strict=True)))


def chosen(wanted: Iterable[str] | None, known: Mapping[str, object]) -> list[str]:
    """Return the names wanted, in the order known; all of them without a wish.

    Raises ValueError that names the unknown one and what there is.
    """
    if wanted is None:
        return list(known)
    names = set(wanted)
    unknown = sorted(names - set(known))
    if unknown:
        raise ValueError(f"there is no row {unknown[0]}; the rows are {', '.join(known)}")
    return [name for name in known if name in names]
