"""The full reset script, with a container, volume, image tag and port of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.shell import CHECKOUT, free_port, remove, timed
from benchmarks.stack import MEMORY, Stack

_SCRIPT = CHECKOUT / "benchmarks" / "rivals" / "full_reset.sh"


@contextmanager
def full_reset(stack: Stack) -> Iterator[Callable[[], float]]:
    """Yield a function that runs the script on a stack's files and returns the seconds."""
    name = f"velpharma-bench-script-{secrets.token_hex(3)}"
    memory = ",volume-driver=local" + "".join(
        f',"volume-opt={option}={value}"' for option, value in MEMORY.items()
    )
    env = {
        **stack.env,
        "NAME": name,
        "PORT": str(free_port()),
        "CONTEXT": str(stack.folder / "postgres"),
        "BACKUP": str(stack.backup),
        "VOLUME": f"type=volume,source={name}{memory if stack.in_memory else ''}",
    }
    try:
        yield lambda: timed("sh", str(_SCRIPT), env=env)
    finally:
        for kind in ("container", "volume", "image"):
            remove(kind, name)
