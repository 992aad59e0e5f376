"""The edge where a failure of the engine becomes one line of Pulumi's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from vpdb.errors import VpdbError


@contextmanager
def as_run_errors() -> Iterator[None]:
    """Show a VpdbError raised by the program as one diagnostic line, without a traceback."""
    try:
        yield
    except VpdbError as error:
        raise pulumi.RunError(str(error)) from None


@contextmanager
def as_provider_errors() -> Iterator[None]:
    """Show a VpdbError raised inside a dynamic provider without a traceback.

    pulumi/dynamic/__main__.py formats every exception with `traceback.format_exc()`, which
    honours `sys.tracebacklimit`; the provider process has nothing else to print.
    """
    try:
        yield
    except VpdbError:
        sys.tracebacklimit = 0
        raise
