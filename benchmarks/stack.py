"""A working copy of the project with a stack of its own, as a developer has one."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

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
from vpdb.config import Settings, load_settings
from vpdb.docker import image_exists
from vpdb.image import content_tag
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server

BACKUP = Path("backups/production_backup_data_only.sql")


@dataclass
class Stack:
    """One stack in a copy of the checkout; whatever was made for it goes with `remove`."""

    folder: Path
    name: str
    port: int
    env: dict[str, str] = field(repr=False)
    image: str
    image_was_there: bool

    @classmethod
    def create(cls) -> Stack:
        """Copy the checkout, make a stack of a unique name in it; nothing runs yet."""
        folder = Path(tempfile.mkdtemp(prefix="velpharma-bench-"))
        stack = cls(
            folder, f"bench-{secrets.token_hex(3)}", free_port(), tool_environment(), "", True
        )
        try:
            _copy_checkout(folder)
            stack.pulumi("stack", "init", stack.name)
            stack.config("port", str(stack.port))
            settings = stack.settings
            stack.image = content_tag(folder / "postgres", base_image=settings.base_image)
            stack.image_was_there = image_exists(stack.image)
        except BaseException:
            stack.remove()
            raise
        return stack

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder, self.name)

    @property
    def container(self) -> str:
        return f"velpharma-{self.name}"

    @property
    def backup(self) -> Path:
        return self.folder / BACKUP

    def use_backup(self, backup: Path) -> None:
        """Put a backup where the stack's is; the same bytes on disk, so it must stay unchanged."""
        self.backup.unlink(missing_ok=True)
        try:
            self.backup.hardlink_to(backup)
        except OSError:  # another file system
            shutil.copyfile(backup, self.backup)

    def server(self) -> DockerServer:
        return find_server(self.container, self.name, timeout_s=30)

    def pulumi(self, *arguments: str) -> float:
        """Run `pulumi …` in the copy; give the seconds it took."""
        flags = ("--non-interactive", "--color=never")
        return timed("pulumi", *arguments, *flags, cwd=self.folder, env=self.env)

    def config(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value, "--stack", self.name)

    def up(self) -> float:
        return self.pulumi(*self.up_command)

    @property
    def connection(self) -> dict[str, str]:
        """The PG* variables with which the application role reaches the live database."""
        settings = self.settings
        return {
            "PGHOST": settings.address,
            "PGPORT": str(settings.port),
            "PGUSER": settings.user,
            "PGPASSWORD": settings.password,
            "PGDATABASE": settings.database,
        }

    @property
    def up_command(self) -> tuple[str, ...]:
        return ("up", "--yes", "--skip-preview", "--stack", self.name)

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", self.name)

    def vpdb(self, *arguments: str) -> float:
        """Run `python -m vpdb …`; give the seconds it took."""
        command = (str(PYTHON), "-m", "vpdb", *arguments, "--stack", self.name)
        return timed(*command, cwd=self.folder, env=self.env)

    def psql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements inside the container as the superuser, each on its own."""
        flags = [part for statement in statements for part in ("-c", statement)]
        return docker(
            "exec",
            self.container,
            *("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, *flags),
        )

    def copy_database(self, name: str) -> None:
        """Make a database of this name with the content that is live."""
        live = self.settings.database
        template = self.psql(
            f"SELECT datname FROM pg_database WHERE datname LIKE '{live}\\_template\\_%' LIMIT 1"
        )
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")

    def checkpoint(self) -> None:
        """Have everything written, so that no run pays for the one before it."""
        self.psql("CHECKPOINT")

    def remove(self) -> None:
        """Take away exactly what this stack made."""
        remove("container", self.container)
        remove("volume", f"{self.container}-data")
        if not self.image_was_there:
            remove("image", self.image)
        shutil.rmtree(self.folder, ignore_errors=True)


def _copy_checkout(target: Path) -> None:
    """Copy what git tracks or would track, with the environment linked in."""
    listing = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listing.split("\0")):
        source, copy = CHECKOUT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    (target / ".venv").symlink_to(CHECKOUT / ".venv")
    (target / "data").mkdir(exist_ok=True)
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "copy")):
        run("git", *identity, *arguments, cwd=target)
