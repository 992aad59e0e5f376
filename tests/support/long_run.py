"""Cases that only the long run has: every test run has some of their kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def faults(*values: object) -> Iterable[Any]:
    """Give parameters of a test as cases of `python3 bootstrap.py faults`."""
    return [pytest.param(value, marks=pytest.mark.faults) for value in values]
