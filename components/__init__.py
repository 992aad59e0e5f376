"""The Pulumi program's parts; each of its processes, the providers' too, imports this package."""

import atexit
import gc
import sys
from types import TracebackType

# Pulumi and gRPC have made a hundred thousand objects that stay. An interpreter looks through them
# for what could be freed while it imports what comes next, 25 ms in each process, and again when it
# ends: 0.2 s and more, for which `pulumi up` waits twice.
gc.freeze()
atexit.register(gc.freeze)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what ended the program, unless somebody interrupted it.

    Pulumi's Python language host interrupts the program when a resource has failed. The program
    would then print 20 to 70 lines of traceback beside the one line that says what is wrong.
    """
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _show
