"""Quiet on an interrupt.

Pulumi's own Python language host interrupts the program (SIGINT) when a resource has failed. The
program would then print 20 to 70 lines of traceback beside the one line that says what is wrong.
"""

from __future__ import annotations

import sys
from types import TracebackType


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what ended the program, unless somebody interrupted it."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _show
