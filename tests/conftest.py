"""What every test of this project relies on."""

from __future__ import annotations

import signal

# A shell that runs the tests in the background has their programs ignore Ctrl-C, and whoever sends
# one waits in vain. A handler of our own is not inherited: children get the system's default.
signal.signal(signal.SIGINT, signal.default_int_handler)
