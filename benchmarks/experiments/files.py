"""Files in and out: a backup's content id, a dump of the live database, the month's CSV files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data import backup_of_scale, csvs_of_scale
from benchmarks.measure import Contender
from benchmarks.probes.memory import peak_python_mb
from benchmarks.shell import PYTHON, run, timed
from benchmarks.stack import DATABASE, SCHEMA, Bench, Stack


@contextmanager
def identity(bench: Bench) -> Iterator[list[Contender]]:
    """The content id, in a process of its own but timed inside it; against `sha256sum`."""
    backup = str(backup_of_scale(bench.scale))

    def content_id() -> float:
        return float(
            run(str(PYTHON), "-m", "benchmarks.probes.identity", backup, cwd=bench.checkout)
        )

    yield [
        Contender.single("content id", content_id),
        Contender.single("sha256sum", lambda: timed("sha256sum", backup)),
    ]


@contextmanager
def dump(bench: Bench) -> Iterator[list[Contender]]:
    """`vpdb dump` of the live database against the server's own pg_dump, each into a file."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()
        ours, theirs = stack.folder / "ours.sql", stack.folder / "theirs.sql"
        pg_dump = ("pg_dump", "-U", "postgres", "--data-only", "--schema", SCHEMA, DATABASE)
        command = ("docker", "exec", stack.container, *pg_dump)

        def remove(path: Path) -> None:
            path.unlink(missing_ok=True)
            stack.checkpoint()

        yield [
            Contender.single(
                "vpdb dump", lambda: stack.vpdb("dump", "--out", str(ours)), lambda: remove(ours)
            ),
            Contender.single(
                "pg_dump", lambda: timed(*command, stdout=theirs), lambda: remove(theirs)
            ),
        ]


@contextmanager
def csv_load(bench: Bench) -> Iterator[list[Contender]]:
    """`vpdb load` against single-row INSERTs, each from the shell into empty tables."""
    with _empty_stack(bench) as stack:
        files = csvs_of_scale(bench.scale)
        arguments = [str(path) for path in files]
        rival = (str(PYTHON), "-m", "benchmarks.rivals.single_inserts", SCHEMA)
        env = {**os.environ, **stack.connection}
        yield [
            Contender.single(
                "vpdb load", lambda: stack.vpdb("load", *arguments), lambda: _empty(stack)
            ),
            Contender.single(
                "single INSERTs",
                lambda: timed(*rival, str(files[0].parent), env=env),
                lambda: _empty(stack),
            ),
        ]


@contextmanager
def csv_memory(bench: Bench) -> Iterator[list[Contender]]:
    """The peak of `vpdb load`; at scale 35 the files hold a million reactions."""
    with _empty_stack(bench) as stack:
        files = [str(path) for path in csvs_of_scale(bench.scale)]

        def peak() -> float:
            command = stack.vpdb_command("load", *files)
            return peak_python_mb(command, cwd=stack.folder, env=stack.env)

        yield [Contender.single("vpdb load memory", peak, lambda: _empty(stack))]


@contextmanager
def _empty_stack(bench: Bench) -> Iterator[Stack]:
    with bench.stack() as stack:
        stack.config("source", "empty")
        stack.start()
        yield stack


def _empty(stack: Stack) -> None:
    """Empty every table of the schema; the next run loads into the same state."""
    tables = stack.psql(
        "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ')"
        f" FROM pg_tables WHERE schemaname = '{SCHEMA}'",
        database=DATABASE,
    )
    stack.psql(f"TRUNCATE {tables} RESTART IDENTITY", "CHECKPOINT", database=DATABASE)
