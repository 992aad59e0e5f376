"""The month's CSV files into an empty schema: our loader, and an INSERT a row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench, temporary_stack
from benchmarks.data import csvs_of_scale
from benchmarks.measure import Contender
from benchmarks.probes.memory import peak_python_mb
from benchmarks.shell import PYTHON, timed
from benchmarks.stack import Stack


@contextmanager
def csv_load(bench: Bench) -> Iterator[list[Contender]]:
    """`vpdb load` against single-row INSERTs, each from the shell into empty tables."""
    with temporary_stack() as stack:
        stack.config("source", "empty")
        stack.up()
        files = csvs_of_scale(bench.scale)
        arguments = [str(path) for path in files]
        settings = stack.settings
        env = {**os.environ, **stack.connection}

        def single_inserts() -> float:
            command = (str(PYTHON), "-m", "benchmarks.rivals.single_inserts", settings.db_schema)
            return timed(*command, str(files[0].parent), env=env)

        yield [
            Contender.single(
                "vpdb load", lambda: stack.vpdb("load", *arguments), lambda: _empty(stack)
            ),
            Contender.single("single INSERTs", single_inserts, lambda: _empty(stack)),
        ]


@contextmanager
def csv_memory(bench: Bench) -> Iterator[list[Contender]]:
    """The peak of `vpdb load`; at scale 35 the files hold a million reactions."""
    with temporary_stack() as stack:
        stack.config("source", "empty")
        stack.up()
        files = [str(path) for path in csvs_of_scale(bench.scale)]

        def peak() -> float:
            command = [str(PYTHON), "-m", "vpdb", "load", *files, "--stack", stack.name]
            return peak_python_mb(command, cwd=stack.folder, env=stack.env)

        yield [Contender.single("vpdb load memory", peak, lambda: _empty(stack))]


def _empty(stack: Stack) -> None:
    """Empty every table of the schema; the next run loads into the same state."""
    schema = stack.settings.db_schema
    tables = stack.psql(
        "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ')"
        f" FROM pg_tables WHERE schemaname = '{schema}'",
        database=stack.settings.database,
    )
    stack.psql(
        f"TRUNCATE {tables} RESTART IDENTITY", "CHECKPOINT", database=stack.settings.database
    )
