"""A large backup into a database: ours, `psql -f`, `pg_restore -j2`, DSLR, and the floor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.bench import Bench, temporary_stack
from benchmarks.data import ChangingBackup, backup_of_scale
from benchmarks.measure import Contender, nothing
from benchmarks.probes.memory import peak_python_mb
from benchmarks.rivals.bare_copy import load_bare
from benchmarks.rivals.dslr import Dslr
from benchmarks.shell import CHECKOUT, PYTHON, docker, run
from benchmarks.stack import Stack
from pgseed.backup.reader import read_backup

_RIVALS = CHECKOUT / "benchmarks" / "rivals"
_DUMP = "/tmp/bench_dump"


@contextmanager
def load(bench: Bench) -> Iterator[list[Contender]]:
    """First loads of a content, reloads of one whose template is there, and the rivals' loads.

    All on one server, each into a database of its own, statistics included. Both sides are timed
    inside their own process or shell: neither Python's start nor `docker exec` counts. Every run
    begins behind a checkpoint.
    """
    with temporary_stack() as stack:
        backup = ChangingBackup(backup_of_scale(bench.scale), stack.backup)
        stack.up()
        live = stack.settings.database
        contenders = [
            Contender(
                ("build", "first load"),
                lambda: _first_load(stack),
                lambda: _before(stack, backup.change),
            ),
            Contender.single(
                "cached reload",
                lambda: _reload(stack, "cloned")["reload"],
                # Its template is still there: the newest three stay.
                lambda: _before(stack, backup.go_back),
            ),
        ]
        if bench.wants("mended load"):
            contenders.append(
                Contender.single(
                    "mended load",
                    lambda: _reload(stack, "built")["reload"],
                    lambda: _before(stack, backup.mend),
                )
            )
        if bench.wants("dslr restore"):
            dslr = Dslr.on_copy(stack)
            contenders.append(Contender.single("dslr restore", dslr.restore, stack.checkpoint))
        if bench.wants("psql -f"):
            shutil.copyfile(stack.backup, stack.folder / "data" / "bench.sql")
            contenders.append(_in_container(stack, "psql -f", "psql_load.sh", "/data/bench.sql"))
        if bench.wants("pg_restore -j2"):
            _write_directory_dump(stack, live)
            contenders.append(_in_container(stack, "pg_restore -j2", "pg_restore_load.sh", _DUMP))
        if bench.wants("bare COPY"):
            blocks = read_backup(stack.backup, schema=stack.settings.db_schema).blocks
            stack.copy_database("bench_bare")
            contenders.append(
                Contender.single(
                    "bare COPY",
                    lambda: load_bare(stack.server(), "bench_bare", stack.backup, blocks),
                    lambda: _without_bare_tables(stack),
                )
            )
        yield bench.keep(contenders)


@contextmanager
def loader_memory(bench: Bench) -> Iterator[list[Contender]]:
    """The largest Python process of a real `pulumi up` that loads a changed backup."""
    with temporary_stack() as stack:
        backup = ChangingBackup(backup_of_scale(bench.scale), stack.backup)
        stack.up()

        def peak() -> float:
            command = ["pulumi", *stack.up_command, "--non-interactive", "--color=never"]
            return peak_python_mb(command, cwd=stack.folder, env=stack.env)

        yield [Contender.single("loader memory", peak, backup.change)]


def _reload(stack: Stack, action: str) -> Mapping[str, float]:
    """Load what the backup holds now, in a process of its own; `action` is what it must be."""
    command = (str(PYTHON), "-m", "benchmarks.probes.engine", str(stack.folder), stack.name)
    answer: dict[str, float | str] = json.loads(run(*command, env=stack.env))
    done = answer.pop("action")
    if done != action:
        raise AssertionError(f"the engine {done} the content; it should have {action} it")
    return {name: float(seconds) for name, seconds in answer.items()}


def _first_load(stack: Stack) -> Mapping[str, float]:
    times = _reload(stack, "built")
    return {"build": times["build"], "first load": times["reload"]}


def _before(stack: Stack, step: Callable[[], None] = nothing) -> None:
    step()
    stack.checkpoint()


def _in_container(stack: Stack, name: str, script: str, source: str) -> Contender:
    """A rival that runs inside the container, on its socket, into a new database each time."""
    database = f"bench_{script.split('_load')[0]}"
    docker("cp", str(_RIVALS / script), f"{stack.container}:/tmp/{script}")

    def drop() -> None:
        stack.psql(f"DROP DATABASE IF EXISTS {database}", "CHECKPOINT")

    def load_once() -> float:
        return float(docker("exec", stack.container, "sh", f"/tmp/{script}", database, source))

    return Contender.single(name, load_once, drop)


def _write_directory_dump(stack: Stack, live: str) -> None:
    command = ["pg_dump", "-U", "postgres", "-Fd", "-Z0", "-j2", "-f", _DUMP, live]
    docker("exec", stack.container, *command)


def _without_bare_tables(stack: Stack) -> None:
    stack.psql("DROP SCHEMA IF EXISTS bare CASCADE", "CHECKPOINT", database="bench_bare")
