"""A backup into a database: ours, `psql -f`, `pg_restore -j2`, DSLR."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data import (
    ChangingBackup,
    backup_of_scale,
    small_tables_backup,
    small_tables_schema,
)
from benchmarks.measure import Contender, nothing
from benchmarks.probes.memory import peak_python_mb
from benchmarks.rivals.dslr import Dslr
from benchmarks.shell import CHECKOUT, docker, run
from benchmarks.stack import DATABASE, INIT, SCHEMA, Bench, Stack

_RIVALS = CHECKOUT / "benchmarks" / "rivals"
_DUMP = "/tmp/bench_dump"


@contextmanager
def load(bench: Bench) -> Iterator[list[Contender]]:
    """First loads of a content, reloads of one whose template is there, and the rivals' loads.

    All on one server, each into a database of its own, statistics included. Both sides are timed
    inside their own process or shell: neither Python's start nor `docker exec` counts. Every run
    begins behind a checkpoint.
    """
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        backup = ChangingBackup(stack.backup)
        stack.start()
        contenders = [
            _first_load(stack, backup),
            Contender.single(
                "cached reload",
                lambda: _reload(stack, "cloned")["reload"],
                # Its template is still there: the newest three stay.
                lambda: _before(stack, backup.go_back),
            ),
        ]
        if bench.wants("dslr restore"):
            dslr = Dslr.on_copy(stack)
            contenders.append(Contender.single("dslr restore", dslr.restore, stack.checkpoint))
        if bench.wants("psql -f"):
            contenders.append(_psql(stack))
        if bench.wants("pg_restore -j2"):
            pg_dump = ("pg_dump", "-U", "postgres", "-Fd", "-Z0", "-j2", "-f", _DUMP, DATABASE)
            docker("exec", stack.container, *pg_dump)
            contenders.append(_in_container(stack, "pg_restore -j2", "pg_restore_load.sh", _DUMP))
        yield contenders


@contextmanager
def small_tables(bench: Bench) -> Iterator[list[Contender]]:
    """1,200 small tables, by us and by `psql -f`."""
    with bench.stack() as stack:
        (stack.folder / INIT / "02-create-schema.sql").write_text(small_tables_schema())
        (stack.folder / INIT / "03-create-extensions.sql").write_text("SELECT 1;\n")
        stack.backup.write_text(small_tables_backup())
        backup = ChangingBackup(stack.backup)
        stack.start()
        yield [_first_load(stack, backup), _psql(stack)]


@contextmanager
def single_inserts(bench: Bench) -> Iterator[list[Contender]]:
    """A backup that holds an INSERT a row, by us and by `psql -f`."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()
        pg_dump = ("pg_dump", "-U", "postgres", "--data-only", "--inserts", "--schema", SCHEMA)
        stack.backup.unlink()
        run("docker", "exec", stack.container, *pg_dump, DATABASE, stdout=stack.backup)
        yield [_first_load(stack, ChangingBackup(stack.backup)), _psql(stack)]


@contextmanager
def loader_memory(bench: Bench) -> Iterator[list[Contender]]:
    """The largest Python process of a real `pulumi up` that loads a changed backup."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        backup = ChangingBackup(stack.backup)
        stack.start()

        def peak() -> float:
            command = ["pulumi", *stack.up_command, "--non-interactive", "--color=never"]
            return peak_python_mb(command, cwd=stack.folder, env=stack.env)

        yield [Contender.single("loader memory", peak, backup.change)]


def _first_load(stack: Stack, backup: ChangingBackup) -> Contender:
    def once() -> Mapping[str, float]:
        times = _reload(stack, "built")
        return {"build": times["build"], "first load": times["reload"]}

    return Contender(("build", "first load"), once, lambda: _before(stack, backup.change))


def _reload(stack: Stack, action: str) -> Mapping[str, float]:
    """Load what the backup holds now, in a process of its own; `action` is what it must be."""
    answer: dict[str, float | str] = json.loads(
        stack.probe("engine", str(stack.folder), stack.name)
    )
    done = answer.pop("action")
    if done != action:
        raise AssertionError(f"the engine {done} the content; it should have {action} it")
    return {name: float(seconds) for name, seconds in answer.items()}


def _before(stack: Stack, step: Callable[[], None] = nothing) -> None:
    step()
    stack.checkpoint()


def _psql(stack: Stack) -> Contender:
    """`psql -f` of a copy of the backup, which stays as it is now."""
    shutil.copyfile(stack.backup, stack.folder / "data" / "bench.sql")
    docker("cp", str(stack.folder / INIT), f"{stack.container}:/tmp/init")
    return _in_container(stack, "psql -f", "psql_load.sh", "/data/bench.sql")


def _in_container(stack: Stack, name: str, script: str, source: str) -> Contender:
    """A rival that runs inside the container, on its socket, into a new database each time."""
    database = f"bench_{Path(script).stem}"
    docker("cp", str(_RIVALS / script), f"{stack.container}:/tmp/{script}")

    def drop() -> None:
        stack.psql(f"DROP DATABASE IF EXISTS {database}", "CHECKPOINT")

    def load_once() -> float:
        return float(docker("exec", stack.container, "sh", f"/tmp/{script}", database, source))

    return Contender.single(name, load_once, drop)
