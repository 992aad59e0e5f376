"""A working copy of a checkout with a stack of its own, as a developer has one.

Only commands are run on it, never the code of this checkout: so it may be a copy of another one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Contender, nothing
from benchmarks.shell import (
    CHECKOUT,
    PYTHON,
    docker,
    free_port,
    remove,
    run,
    timed,
    tool_environment,
)

BACKUP = Path("backups/production_backup_data_only.sql")
INIT = Path("postgres/init")
# What Pulumi.yaml sets where nobody says otherwise.
DATABASE, SCHEMA, USER, PASSWORD = "velpdevdb", "vpv4", "velpharma", "velpharma"

# A volume in memory; only what is written takes room. Owner and mode are those of the folder in the
# image, which Docker gives to a volume on the disk only.
MEMORY = {"type": "tmpfs", "device": "tmpfs", "o": "size=6g,uid=999,gid=999,mode=1777"}
# What stands before the copy's program then. A volume that was made by hand would be replaced.
_IN_MEMORY = f"""\
import pulumi

def in_memory(args):
    if args.type_ == "docker:index/volume:Volume":
        args.props["driver_opts"] = {MEMORY}
        return pulumi.ResourceTransformationResult(args.props, args.opts)

pulumi.runtime.register_stack_transformation(in_memory)
"""

# Without a journal ext4 passes the inodes of files deleted in the last minute over, one by one, for
# every new file, and those not yet written to disk for six (fs/ext4/ialloc.c: recently_deleted()).
# A database or volume that the round before has dropped would make the next one take half a second
# of work more, which nobody meets who does this once a day, or has a journal.
_REST_S = 61.0
_LONGEST_WORK_S = 30.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One measurement: which contenders, at how many times the real size, of which checkout."""

    scale: int
    wanted: frozenset[str]
    checkout: Path = CHECKOUT
    on_disk: bool = False

    @property
    def in_memory(self) -> bool:
        """Whether servers have their volumes in memory: where the real size is measured."""
        return self.scale == 1 and not self.on_disk

    def wants(self, *names: str) -> bool:
        """Tell whether any of these contenders is needed by a row that was chosen."""
        return bool(self.wanted & set(names))

    @contextmanager
    def stack(self) -> Iterator[Stack]:
        """Make a stack in a copy of the checkout; take it away whatever happens."""
        name, env = f"bench-{secrets.token_hex(3)}", tool_environment()
        folder = Path(tempfile.mkdtemp(prefix="velpharma-bench-"))
        stack = Stack(folder, name, free_port(), self.in_memory, env)
        try:
            _copy_checkout(self.checkout, folder)
            if self.in_memory:
                program = folder / "__main__.py"
                program.write_text(_IN_MEMORY + program.read_text(encoding="utf-8"))
            stack.pulumi("stack", "init", name)
            stack.config("port", str(stack.port))
            yield stack
        finally:
            stack.remove()


Experiment = Callable[[Bench], AbstractContextManager[list[Contender]]]


@dataclass
class Stack:
    """One stack in a copy of a checkout; whatever was made for it goes with `remove`."""

    folder: Path
    name: str
    port: int
    in_memory: bool
    env: dict[str, str] = field(repr=False)
    images_before: set[str] = field(default_factory=lambda: _images())
    images: set[str] = field(default_factory=set)

    @property
    def container(self) -> str:
        return f"velpharma-{self.name}"

    @property
    def volume(self) -> str:
        return f"{self.container}-data"

    @property
    def backup(self) -> Path:
        return self.folder / BACKUP

    @property
    def connection(self) -> dict[str, str]:
        """The PG* variables with which the application role reaches the live database."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": PASSWORD,
            "PGDATABASE": DATABASE,
        }

    def use_backup(self, backup: Path) -> None:
        """Put a copy of a backup where the stack's is."""
        shutil.copyfile(backup, self.backup)

    def start(self) -> None:
        """Have the stack up for the first time, and its volume stay where it is from then on."""
        self.up()
        if self.in_memory:
            # While it runs, the volume stays mounted: a replaced container finds its data.
            image = docker("inspect", "--format", "{{.Image}}", self.container)
            docker(
                *("run", "--detach", "--no-healthcheck", "--name", self.volume),
                *("--volume", f"{self.volume}:/held", "--entrypoint", "sleep", image, "infinity"),
            )

    def run(self, *command: str) -> str:
        """Run a command in the copy; return what it printed."""
        return run(*command, cwd=self.folder, env=self.env)

    def timed(self, *command: str) -> float:
        """Run a command in the copy; return the seconds it took."""
        return timed(*command, cwd=self.folder, env=self.env)

    def pulumi(self, *arguments: str) -> float:
        """Run `pulumi …` in the copy; return the seconds it took."""
        return self.timed("pulumi", *arguments, "--non-interactive", "--color=never")

    def config(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value, "--stack", self.name)

    def up(self) -> float:
        """Run `pulumi up` without its preview; return the seconds it took."""
        seconds = self.pulumi(*self.up_command)
        self.images.add(docker("inspect", "--format", "{{.Image}}", self.container))
        return seconds

    @property
    def up_command(self) -> tuple[str, ...]:
        return ("up", "--yes", "--skip-preview", "--stack", self.name)

    def let_go(self) -> None:
        """Let the volume be removed."""
        remove("container", self.volume)

    def destroy(self) -> None:
        """Take away container and volume by Pulumi, and have a disk forget them."""
        self.let_go()
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", self.name)
        if not self.in_memory:
            _rest()

    def vpdb_command(self, *arguments: str) -> tuple[str, ...]:
        return (str(PYTHON), "-m", "vpdb", *arguments, "--stack", self.name)

    def vpdb(self, *arguments: str) -> float:
        """Run `python -m vpdb …`; return the seconds it took."""
        return self.timed(*self.vpdb_command(*arguments))

    def probe(self, name: str, *arguments: str) -> str:
        """Run a probe of the copy's own, in a process of its own; return what it printed."""
        return self.run(str(PYTHON), "-m", f"benchmarks.probes.{name}", *arguments)

    def psql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements inside the container as the superuser, each on its own."""
        flags = [part for statement in statements for part in ("-c", statement)]
        psql = ("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database)
        return docker("exec", self.container, *psql, *flags)

    def copy_database(self, name: str) -> None:
        """Make a database of this name with the content that is live."""
        template = self.psql(
            "SELECT datname FROM pg_database"
            f" WHERE datname LIKE '{DATABASE}\\_template\\_%' LIMIT 1"
        )
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")

    def checkpoint(self) -> None:
        """Have everything written, so that no run pays for the one before it."""
        self.psql("CHECKPOINT")

    def settled(
        self, prepare: Callable[[], None] = nothing, *, rest: bool = False
    ) -> Callable[[], None]:
        """Prepare, then wait for what commands still do behind their backs.

        `rest`: until a disk has forgotten, too, what was deleted.
        """

        def both() -> None:
            prepare()
            others = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            end = time.monotonic() + _LONGEST_WORK_S
            while self.psql(others) != "0" and time.monotonic() < end:
                time.sleep(0.05)
            if rest and not self.in_memory:
                _rest()

        return both

    def remove(self) -> None:
        """Take away exactly what this stack made."""
        for container in (self.container, self.volume):
            remove("container", container)
        remove("volume", self.volume)
        for image in self.images - self.images_before:
            remove("image", image)
        shutil.rmtree(self.folder, ignore_errors=True)


def _rest() -> None:
    os.sync()
    time.sleep(_REST_S)


def _images() -> set[str]:
    return set(docker("images", "--quiet", "--no-trunc", "velpharma-postgres").split())


def _copy_checkout(checkout: Path, target: Path) -> None:
    """Copy what git tracks or would track, with the environment linked in."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, run(*listing, cwd=checkout).split("\0")):
        source, copy = checkout / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    (target / ".venv").symlink_to(CHECKOUT / ".venv")
    (target / "data").mkdir(exist_ok=True)
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "copy")):
        run("git", *identity, *arguments, cwd=target)
