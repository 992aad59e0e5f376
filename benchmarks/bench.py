"""What an experiment gets: the size of data, the contenders wanted, a place to clean up after."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from benchmarks.measure import Contender
from benchmarks.stack import Stack


@dataclass(frozen=True, slots=True)
class Bench:
    """One measurement: which contenders, at how many times the real size."""

    scale: int
    wanted: frozenset[str]

    def wants(self, *names: str) -> bool:
        """Tell whether any of these contenders is needed by a row that was chosen."""
        return bool(self.wanted & set(names))

    def keep(self, contenders: list[Contender]) -> list[Contender]:
        """Leave out what no chosen row compares."""
        return [contender for contender in contenders if self.wants(*contender.names)]


Experiment = Callable[[Bench], AbstractContextManager[list[Contender]]]


@contextmanager
def temporary_stack() -> Iterator[Stack]:
    """Make a stack in a copy of the checkout; take it away whatever happens."""
    stack = Stack.create()
    try:
        yield stack
    finally:
        stack.remove()


def say(text: str) -> None:
    """Tell on stderr how far it is; stdout is for the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
