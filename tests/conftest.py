"""What every test of this project relies on."""

from __future__ import annotations

import signal

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

# A shell that runs the tests in the background has their programs ignore Ctrl-C, and whoever sends
# one waits in vain. A handler of our own is not inherited: children get the system's default.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What the tests of several files share one stack for: a new one takes 20 s.
_STACKS = {
    "tests/e2e/test_bootstrap.py": "bootstrap's",
    "tests/e2e/test_docs.py": "bootstrap's",
    "tests/e2e/test_doctor_up.py": "Pulumi's",
    "tests/e2e/test_recovery.py": "Pulumi's",
    "tests/e2e/test_refusals.py": "Pulumi's",
    "tests/e2e/test_release.py": "Pulumi's",
    "tests/e2e/test_reload.py": "Pulumi's",
}


class _ByStack(LoadFileScheduling):  # type: ignore[misc]
    """Have one process run whole files, and all files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _STACKS.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByStack | None:
    return _ByStack(config, log) if config.getvalue("dist") == "loadfile" else None
