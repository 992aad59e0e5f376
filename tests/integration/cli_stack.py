"""A stack without Pulumi for the command-line tests: a project folder, a container, a volume."""

from __future__ import annotations

import fcntl
import os
import pty
import secrets
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from pgseed.live.replace import LoadResult
from tests.support import memory
from tests.support.server import CHECKOUT, free_port, image_tag, wait_for
from vpdb.live import live_database
from vpdb.seed_source import choose_content
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.settings import Settings, load_settings

PASSWORD = "velpharma"


@dataclass
class Stack:
    """One working copy with a container of its own; `env` is what its commands run with."""

    folder: Path
    project: str
    port: int
    env: dict[str, str] = field(repr=False)
    stack: str = "dev"

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder, self.stack)

    @property
    def container(self) -> str:
        return f"{self.project}-{self.stack}"

    @property
    def volume(self) -> str:
        return f"{self.project}-{self.stack}-data"

    @property
    def server(self) -> DockerServer:
        return find_server(self.container, self.stack, timeout_s=120)

    def configure(self, **values: object) -> None:
        """Write the stack's settings file anew: `port` and what is given."""
        lines = ["config:"]
        for key, value in {"port": self.port, **values}.items():
            lines.append(f"  {self.project}:{key}: {value}")
        (self.folder / f"Pulumi.{self.stack}.yaml").write_text("\n".join(lines) + "\n")

    def vpdb(
        self,
        *args: str,
        stdin: str | None = None,
        timeout_s: float = 120,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m vpdb …` in the folder, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "vpdb", *args],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def create(self, *flags: str, in_memory: bool = False) -> None:
        """Make and start the container as components/server.py does, and wait for it."""
        settings = self.settings
        if in_memory:
            memory.make_volume(self.volume, image_tag())
        docker(
            *("run", "--detach", "--name", self.container),
            *("--publish", f"127.0.0.1:{self.port}:5432"),
            *(flags or ("--volume", f"{self.volume}:{memory.DATA}")),
            *("--volume", f"{self.folder / 'data'}:/data:ro", "--shm-size", "256m"),
            *("--env", "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid"),
            *("--env", f"POSTGRES_DB={settings.database}"),
            *("--env", f"VELPHARMA_SCHEMA={settings.db_schema}"),
            *("--env", f"VELPHARMA_STACK={self.stack}", "--env", f"VELPHARMA_USER={settings.user}"),
            *("--label", f"velpharma.stack={self.stack}", image_tag()),
        )
        wait_for(self.server)
        self.psql(f"ALTER ROLE {settings.user} PASSWORD '{settings.password}'")

    def load(self) -> LoadResult:
        """Load what the files give, as `pulumi up` does."""
        seed = choose_content(self.folder, self.settings).seed
        return live_database(self.server, self.settings).load(seed)

    def psql(self, sql: str, *, database: str | None = None) -> str:
        """Run SQL as superuser over the container's own socket; give what psql prints."""
        target = database or self.settings.database
        command = ["psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", target]
        return docker("exec", "-i", self.container, *command, "-c", sql)

    def connect(self, application: str = "test", **options: Any) -> Any:
        """Open a session as the application role, as a developer's program would."""
        settings = self.settings
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=options.pop("dbname", settings.database),
            user=settings.user,
            password=PASSWORD,
            application_name=application,
            connect_timeout=10,
            **options,
        )

    def remove(self) -> None:
        """Take away what this stack made, whatever state a test left it in."""
        docker("rm", "--force", "--volumes", self.container, check=False)
        memory.remove_volume(self.volume)


def new_stack(folder: Path, **values: object) -> Stack:
    """Lay out a project folder: settings, init files, the seed as its only data."""
    project = f"vpt{secrets.token_hex(3)}"
    text = (CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8")
    assert text.startswith("name: velpharma\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(text.replace("name: velpharma", f"name: {project}", 1))
    shutil.copytree(CHECKOUT / "postgres", folder / "postgres", dirs_exist_ok=True)
    for name in ("data", "backups"):
        (folder / name).mkdir(exist_ok=True)
    for script in (CHECKOUT / "data").glob("*.sql"):
        shutil.copy2(script, folder / "data")
    shutil.copy2(CHECKOUT / "requirements.txt", folder)
    env = {k: v for k, v in os.environ.items() if k not in ("VELPHARMA_STACK", "PULUMI_STACK")}
    env |= {"PYTHONPATH": str(CHECKOUT), "PULUMI_HOME": str(folder / ".pulumi-home")}
    made = Stack(folder, project, free_port(), env)
    made.configure(**values)
    return made


def docker(*args: str, check: bool = True, stdin: str | None = None) -> str:
    """Run docker; give its standard output."""
    done = subprocess.run(
        ["docker", *args], input=stdin, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(args)}: {done.stderr}")
    return done.stdout.strip()


@dataclass
class Terminal:
    """A command in a pseudo-terminal of a given size; `text` is all it has written so far."""

    process: subprocess.Popen[bytes]
    master: int
    text: str = ""

    def read(self, timeout_s: float = 0.1) -> str:
        """Take what has been written; "" at the end too."""
        while select.select([self.master], [], [], timeout_s)[0]:
            try:
                part = os.read(self.master, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            self.text += part.decode(errors="replace")
        return self.text

    def expect(self, words: str, *, timeout_s: float = 60) -> str:
        """Wait until these words were written; give everything written until then."""
        wait_until(lambda: words in self.read(0.05), timeout_s=timeout_s, what=repr(words))
        return self.text

    def forget(self) -> None:
        self.read(0.05)
        self.text = ""

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait(self, timeout_s: float = 60) -> int:
        """Wait for the end, reading on meanwhile; give the exit code."""
        wait_until(
            lambda: self.read(0.02) is not None and self.process.poll() is not None,
            timeout_s=timeout_s,
            what="the end of the command",
        )
        self.read(0.1)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@contextmanager
def terminal(
    stack: Stack, *args: str, columns: int = 80, lines: int = 24, **env: str
) -> Iterator[Terminal]:
    """Run `python -m vpdb …` in a pseudo-terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    variables = {k: v for k, v in stack.env.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "vpdb", *args],
        cwd=stack.folder,
        env={**variables, "TERM": "xterm-256color", **env},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    made = Terminal(process, master)
    try:
        yield made
    finally:
        made.close()


def wait_until(condition: Any, *, timeout_s: float = 60, what: str = "the condition") -> None:
    """Poll until `condition()` is true."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {timeout_s} s"
        time.sleep(0.05)
