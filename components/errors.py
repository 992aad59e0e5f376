"""The edge where a failure of the engine becomes one line of Pulumi's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from pgseed.errors import SeedError


@contextmanager
def as_run_errors() -> Iterator[None]:
    """Show a SeedError raised by the program as one diagnostic line, without a traceback."""
    try:
        yield
    except SeedError as error:
        raise pulumi.RunError(str(error)) from None


@contextmanager
def as_provider_errors() -> Iterator[None]:
    """Show a SeedError raised inside a dynamic provider without a traceback.

    pulumi/dynamic/__main__.py formats every exception with `traceback.format_exc()`, which
    honours `sys.tracebacklimit`; the provider process has nothing else to print.
    """
    try:
        yield
    except SeedError:
        sys.tracebacklimit = 0
        raise
