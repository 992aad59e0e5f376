"""What a developer waits for: `up`, a reload, a reset, a start from nothing, single commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.data import ChangingBackup, backup_of_scale
from benchmarks.measure import Contender
from benchmarks.probes.outage import watched
from benchmarks.rivals.dslr import Dslr
from benchmarks.rivals.full_reset import full_reset
from benchmarks.rivals.minimal import minimal_program
from benchmarks.shell import PYTHON, CommandFailed
from benchmarks.stack import DATABASE, INIT, Bench, Stack


@contextmanager
def daily(bench: Bench) -> Iterator[list[Contender]]:
    """`up` without a change, with a changed backup; reset; outage; against script and DSLR."""
    with bench.stack() as stack, full_reset(stack) as script:
        stack.use_backup(backup_of_scale(bench.scale))
        backup = ChangingBackup(stack.backup)
        stack.start()
        contenders = [
            Contender.single("up no-op", stack.up, stack.settled(rest=True)),
            Contender.single("up changed", stack.up, stack.settled(backup.change, rest=True)),
            Contender.single(
                "vpdb reset",
                lambda: stack.vpdb("reset", "--yes"),
                stack.settled(lambda: _mess_up(stack)),
            ),
            Contender.single("script", script, stack.settled(rest=True)),
            # Behind reset, script and outage the database is as it was loaded.
            Contender.single("outage", lambda: _outage(stack), stack.settled(backup.change)),
        ]
        if bench.wants("dslr restore"):
            dslr = Dslr.on_copy(stack)
            restore = stack.settled(lambda: _mess_up(stack, dslr.database))
            contenders.append(Contender.single("dslr restore", dslr.restore, restore))
        yield contenders


@contextmanager
def minimal(bench: Bench) -> Iterator[list[Contender]]:
    """`up` without a change, of this program and of one with a volume and a container alone."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()
        with minimal_program(stack) as smallest_up:
            yield [
                Contender.single("up no-op", stack.up, stack.settled()),
                Contender.single("minimal up", smallest_up),
            ]


@contextmanager
def schema_edit(bench: Bench) -> Iterator[list[Contender]]:
    """`up` with a schema file that gives a table another column, the backup as it was."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()
        file = stack.folder / INIT / "02-create-schema.sql"
        schema, edits = file.read_text(encoding="utf-8"), iter(range(1_000))

        def edit() -> None:
            line = f'ALTER TABLE :"schema".products ADD COLUMN edit_{next(edits)} text;\n'
            file.write_text(schema + line, encoding="utf-8")

        yield [
            Contender.single("up no-op", stack.up, stack.settled(rest=True)),
            Contender.single("up edited", stack.up, stack.settled(edit, rest=True)),
        ]


@contextmanager
def from_nothing(bench: Bench) -> Iterator[list[Contender]]:
    """`up` of a stack without container and volume, image built; against the script."""
    with bench.stack() as stack, full_reset(stack) as script:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()
        contenders = [
            Contender.single("up from nothing", stack.up, stack.destroy),
            Contender.single("script", script, stack.settled(rest=True)),
        ]
        yield contenders


@contextmanager
def commands(bench: Bench) -> Iterator[list[Contender]]:
    """What a person types on a database in step, each from the shell."""
    with bench.stack() as stack:
        stack.use_backup(backup_of_scale(bench.scale))
        stack.start()

        def pulumi(*arguments: str) -> Contender:
            command = (*arguments, "--stack", stack.name)
            return Contender.single(
                f"pulumi {arguments[0]}", lambda: stack.pulumi(*command), stack.settled()
            )

        def vpdb(*arguments: str) -> Contender:
            command = f"vpdb {arguments[0]}"
            return Contender.single(command, lambda: stack.vpdb(*arguments), stack.settled())

        def drop_snapshot() -> None:
            with suppress(CommandFailed):  # the first time there is none
                stack.vpdb("snapshots", "--drop", "bench", "--yes")

        def replacing(output: str) -> float:
            """Type the command that an output of the stack names."""
            command = stack.run("pulumi", "stack", "output", output, "--stack", stack.name)
            return stack.timed("sh", "-c", f"{command.strip()} {flags}")

        flags = f"--yes --skip-preview --non-interactive --stack {stack.name}"
        help_page = (str(PYTHON), "-m", "vpdb", "--help")
        contenders = [
            pulumi("preview"),
            pulumi("up", "--yes"),
            vpdb("status"),
            Contender.single("vpdb --help", lambda: stack.timed(*help_page)),
            vpdb("doctor"),
            vpdb("dump", "--out", str(stack.folder / "dump.sql")),
            vpdb("verify"),
            Contender.single(
                "vpdb snapshot",
                lambda: stack.vpdb("snapshot", "bench"),
                stack.settled(drop_snapshot),
            ),
            vpdb("restore", "bench", "--yes"),
            Contender.single("up reset", lambda: replacing("reloadData"), stack.settled()),
            Contender.single(
                "up wiped", lambda: replacing("wipeVolume"), stack.settled(stack.let_go)
            ),
        ]
        yield contenders


def _outage(stack: Stack) -> float:
    """Reload while a client keeps connecting; return the longest time without an answer."""
    with watched(stack.connection) as seen:
        stack.up()
    return seen.longest_s


def _mess_up(stack: Stack, database: str = DATABASE) -> None:
    """Change rows as somebody does who then wants a fresh start."""
    stack.psql(
        "DELETE FROM vpv4.adverse_drug_reactions WHERE product_id % 10 = 0", database=database
    )
