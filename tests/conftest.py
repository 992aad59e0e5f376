"""What every test of this project relies on."""

from __future__ import annotations

import signal

import pytest

# A shell that runs the tests in the background has their programs ignore Ctrl-C, and whoever sends
# one waits in vain. A handler of our own is not inherited: children get the system's default.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one process run a whole file (`--dist loadgroup`), which shares what it set up."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
