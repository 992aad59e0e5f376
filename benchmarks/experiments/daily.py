"""What a developer waits for: up, reload, reset, a start from nothing; against a full reset."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.bench import Bench, temporary_stack
from benchmarks.data import ChangingBackup, backup_of_scale
from benchmarks.measure import Contender, nothing
from benchmarks.probes.outage import watched
from benchmarks.rivals.dslr import Dslr
from benchmarks.shell import CHECKOUT, free_port, remove, timed
from benchmarks.stack import Stack
from vpdb.live import live_database

# Without a journal ext4 passes the inodes of files deleted in the last minute over, one by one, for
# every new file, and those not yet written to disk for six (fs/ext4/ialloc.c: recently_deleted()).
# A database or volume that the round before has dropped would make the next one take half a second
# of work more, which nobody meets who does this once a day, or has a journal.
_REST_S = 61.0

_SCRIPT = CHECKOUT / "benchmarks" / "rivals" / "full_reset.sh"


@dataclass(frozen=True, slots=True)
class FullReset:
    """The shell page's full reset, with a container, volume and port of its own."""

    name: str
    port: int
    stack: Stack

    def run(self) -> float:
        env = {
            **self.stack.env,
            "NAME": self.name,
            "PORT": str(self.port),
            "CONTEXT": str(self.stack.folder / "postgres"),
            "BASE_IMAGE": self.stack.settings.base_image,
            "BACKUP": str(self.stack.backup),
        }
        return timed("sh", str(_SCRIPT), env=env)


@contextmanager
def full_reset(stack: Stack) -> Iterator[FullReset]:
    """Give the script for this stack's files; its container, volume and tag go afterwards."""
    name = f"velpharma-bench-script-{secrets.token_hex(3)}"
    try:
        yield FullReset(name, free_port(), stack)
    finally:
        remove("container", name)
        remove("volume", name)
        remove("image", name)


@contextmanager
def daily(bench: Bench) -> Iterator[list[Contender]]:
    """`up` without a change, with a changed backup; reset; outage; against script and DSLR."""
    with temporary_stack() as stack, full_reset(stack) as script:
        backup = ChangingBackup(backup_of_scale(bench.scale), stack.backup)
        stack.up()
        dslr = Dslr.on_copy(stack) if bench.wants("dslr restore") else None
        contenders = [
            Contender.single("up no-op", stack.up, rested(nothing)),
            Contender.single("up changed", stack.up, rested(backup.change)),
            Contender.single("up mended", stack.up, rested(backup.mend)),
            Contender.single(
                "vpdb reset",
                lambda: stack.vpdb("reset", "--yes"),
                lambda: mess_up(stack, stack.settings.database),
            ),
            Contender.single("script", script.run, rested(nothing)),
            # Behind reset, script and outage the database is as it was loaded.
            Contender.single("outage", lambda: outage(stack), backup.change),
            Contender.single("local changes", lambda: look_for_changes(stack)),
            Contender.single("vpdb status", lambda: stack.vpdb("status")),
        ]
        if dslr is not None:
            restore = Contender.single(
                "dslr restore", dslr.restore, lambda: mess_up(stack, dslr.database)
            )
            contenders.insert(4, restore)
        yield bench.keep(contenders)


@contextmanager
def from_nothing(bench: Bench) -> Iterator[list[Contender]]:
    """`up` of a stack without container and volume, image built; against the script."""
    with temporary_stack() as stack, full_reset(stack) as script:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.up()
        yield bench.keep(
            [
                Contender.single("up from nothing", stack.up, rested(stack.destroy)),
                Contender.single("script", script.run, rested(nothing)),
            ]
        )


def rested(prepare: Callable[[], None]) -> Callable[[], None]:
    """Prepare, then wait until the file system has forgotten what was deleted before."""

    def both() -> None:
        prepare()
        os.sync()
        time.sleep(_REST_S)

    return both


def outage(stack: Stack) -> float:
    """Reload while a client keeps connecting; give the longest time without an answer."""
    with watched(stack.connection) as seen:
        stack.up()
    return seen.longest_s


def look_for_changes(stack: Stack) -> float:
    """Ask as preview does whether the database, which is clean, was changed locally."""
    server, settings = stack.server(), stack.settings
    start = time.perf_counter()
    changes = live_database(server, settings).changes(detail=False)
    seconds = time.perf_counter() - start
    if changes:
        raise AssertionError(f"the database should be clean: {changes.describe()}")
    return seconds


def mess_up(stack: Stack, database: str) -> None:
    """Change rows as somebody does who then wants a fresh start."""
    stack.psql(
        "DELETE FROM vpv4.adverse_drug_reactions WHERE product_id % 10 = 0", database=database
    )
