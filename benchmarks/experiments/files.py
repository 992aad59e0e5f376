"""Files in and out: the content id of a backup, and a dump of the live database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench, temporary_stack
from benchmarks.data import backup_of_scale
from benchmarks.measure import Contender
from benchmarks.shell import PYTHON, run, timed


@contextmanager
def identity(bench: Bench) -> Iterator[list[Contender]]:
    """The content id, in a process of its own but timed inside it; against `sha256sum`."""
    backup = backup_of_scale(bench.scale)

    def content_id() -> float:
        return float(run(str(PYTHON), "-m", "benchmarks.probes.identity", str(backup)))

    yield [
        Contender.single("content id", content_id),
        Contender.single("sha256sum", lambda: timed("sha256sum", str(backup))),
    ]


@contextmanager
def dump(bench: Bench) -> Iterator[list[Contender]]:
    """`vpdb dump` of the live database against the server's own pg_dump, each into a file."""
    with temporary_stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.up()
        settings = stack.settings
        ours, theirs = stack.folder / "ours.sql", stack.folder / "theirs.sql"
        pg_dump = (
            *("docker", "exec", stack.container),
            *("pg_dump", "-U", "postgres", "--data-only", "--schema", settings.db_schema),
            settings.database,
        )

        def remove(path: Path) -> None:
            path.unlink(missing_ok=True)
            stack.checkpoint()

        yield [
            Contender.single(
                "vpdb dump", lambda: stack.vpdb("dump", "--out", str(ours)), lambda: remove(ours)
            ),
            Contender.single(
                "pg_dump", lambda: timed(*pg_dump, stdout=theirs), lambda: remove(theirs)
            ),
        ]
