"""A copy of the checkout with a stack of its own, driven through the real Pulumi CLI."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from vpdb.image import content_tag
from vpdb.settings import BASE_IMAGE_VARIABLE, project_defaults

CHECKOUT = Path(__file__).resolve().parents[2]
BACKUP = "backups/production_backup_data_only.sql"
PASSWORD = "velpharma"


@dataclass(frozen=True)
class Plan:
    """What `pulumi preview` says: resource -> operation, without what stays; and the whole text."""

    operations: dict[str, str]
    text: str
    warnings: list[str]


@dataclass
class Project:
    """One working copy; `stack` is the stack that commands mean."""

    folder: Path
    stack: str
    port: int
    env: dict[str, str] = field(repr=False)

    @property
    def settings_file(self) -> Path:
        return self.folder / f"Pulumi.{self.stack}.yaml"

    @property
    def container(self) -> str:
        return f"velpharma-{self.stack}"

    @property
    def volume(self) -> str:
        return f"velpharma-{self.stack}-data"

    @property
    def backup(self) -> Path:
        return self.folder / BACKUP

    def run(self, *command: str, check: bool = True, timeout_s: float = 240) -> str:
        """Run a command in the copy; give stdout and stderr together."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}")
        return done.stdout

    def pulumi(self, *args: str, check: bool = True) -> str:
        return self.run("pulumi", *args, "--non-interactive", "--color=never", check=check)

    def up(self, *args: str) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", self.stack, *args)

    def refused_up(self, told: str) -> str:
        """Run an `up` that has to fail with a line like `told`, no traceback; give all it said."""
        output = self.pulumi("up", "--yes", "--skip-preview", "--stack", self.stack, check=False)
        assert "error" in output, output
        assert "Traceback" not in output
        assert re.search(told, output), output
        return output

    def bootstrap(self, *args: str, check: bool = True) -> str:
        return self.run(sys.executable, "bootstrap.py", *args, check=check)

    def vpdb(self, *args: str, check: bool = True) -> str:
        python = self.folder / ".venv" / "bin" / "python"
        return self.run(str(python), "-m", "vpdb", *args, "--stack", self.stack, check=check)

    def diff(self) -> str:
        """Give what `pulumi preview --diff` shows."""
        return self.pulumi("preview", "--diff", "--stack", self.stack)

    def plan(self) -> Plan:
        """Run `pulumi preview` for what it plans and says."""
        text = self.pulumi("preview", "--json", "--stack", self.stack)
        document = json.loads(text[text.index("{") :])
        operations = {
            step["urn"].rsplit("::", 1)[-1] + "/" + step["urn"].rsplit("::", 2)[-2]: step["op"]
            for step in document.get("steps", [])
            if step["op"] != "same"
        }
        said = document.get("diagnostics", [])
        warnings = [note["message"] for note in said if note["severity"] != "info"]
        return Plan(operations, text, warnings)

    def outputs(self) -> dict[str, Any]:
        text = self.pulumi("stack", "output", "--json", "--show-secrets", "--stack", self.stack)
        result: dict[str, Any] = json.loads(text)
        return result

    def configure(self, **values: object) -> None:
        """Write the stack's settings anew: `port` and what is given. The CLI takes 0.5 s a key."""
        first = self.settings_file.read_text().partition("config:")[0]
        settings = {"port": self.port, **values}
        lines = [f"  velpharma:{key}: {json.dumps(value)}\n" for key, value in settings.items()]
        self.settings_file.write_text(f"{first}config:\n{''.join(lines)}")

    def rest(self) -> None:
        """Go back to what is committed, with the database up."""
        self.tidy()
        self.up()

    def tidy(self) -> None:
        """Go back to the committed files and to no setting but the port."""
        self.run("git", "checkout", "-q", "--", ".")
        for csv in (self.folder / "data").glob("*.csv"):
            csv.unlink()
        self.configure()

    def container_id(self) -> str:
        return docker("inspect", "--format", "{{.Id}}", self.container)

    def query(self, sql: str, *, password: str = PASSWORD) -> list[tuple[Any, ...]]:
        """Ask the live database as the application role."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname="velpdevdb",
            user="velpharma",
            password=password,
            connect_timeout=10,
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def databases(self) -> list[str]:
        """Name what lasts of the server's databases; spares come and go.

        What ended commands still drop behind their backs is waited for.
        """
        psql = ("exec", self.container, "psql", "-U", "postgres", "-qAtc")
        dropping = (
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DROP DATABASE%'"
        )
        while docker(*psql, f"SELECT EXISTS ({dropping})").strip() != "f":
            time.sleep(0.05)
        names = docker(*psql, "SELECT datname FROM pg_database ORDER BY 1").split()
        return [name for name in names if "_spare_" not in name]

    def kept(self) -> list[str]:
        """Name the databases that a reload has put aside."""
        return [name for name in self.databases() if name.startswith("velpdevdb_kept_")]

    def counts(self) -> tuple[int, int]:
        """Give the live numbers of products and adverse drug reactions."""
        ((products, reactions),) = self.query(
            "SELECT (SELECT count(*) FROM vpv4.products),"
            " (SELECT count(*) FROM vpv4.adverse_drug_reactions)"
        )
        return products, reactions

    def content_hash(self) -> str:
        """Give a hash over every row of every table in the schema."""
        tables = self.query(
            "SELECT quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_schema = 'vpv4' AND table_type = 'BASE TABLE' ORDER BY 1"
        )
        hashes = []
        for (table,) in tables:
            rows = self.query(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                f" FROM vpv4.{table} t"
            )
            hashes.append(f"{table}={rows[0][0]}")
        return ";".join(hashes)

    def edit_backup(self, old: str, new: str) -> None:
        text = self.backup.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in the backup"
        self.backup.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    def second_stack(self, stack: str) -> Project:
        return Project(self.folder, stack, free_port(), self.env)

    def remove(self) -> list[str]:
        """Destroy this stack, whatever state a test left it in; name what that left behind.

        That goes too: containers, volume, image.
        """
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", self.stack, check=False)
        left = self.leftovers()
        self.pulumi("stack", "rm", "--yes", "--force", self.stack, check=False)
        docker("rm", "--force", self.container, check=False)
        docker("volume", "rm", "--force", self.volume, check=False)
        base = self.env.get(BASE_IMAGE_VARIABLE) or project_defaults(self.folder)[1]["baseImage"]
        image = content_tag(self.folder / "postgres", base_image=base)
        docker("rmi", "--force", image, check=False)
        # A killed pulumi leaves its language host and providers behind; they name the folder.
        subprocess.run(["pkill", "-KILL", "-f", f"{self.folder}( |/|$)"], check=False)
        return left

    def leftovers(self) -> list[str]:
        """Name the containers, volumes and networks that the engine has of this stack."""
        listings = (
            docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={self.container}$"),
            docker("volume", "ls", "--quiet", "--filter", f"name={self.volume}$"),
            docker("network", "ls", "--format", "{{.Name}}", "--filter", f"name={self.stack}"),
        )
        return [name for listing in listings for name in listing.split()]


def docker(*args: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(args)}: {done.stderr}")
    return done.stdout.strip()


def free_port() -> int:
    """Give a port nobody listens on, below those the system hands out for outgoing connections.

    Pulumi's own processes talk to one another over such ports.
    """
    while True:
        port = secrets.choice(range(15000, 30000))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def copy_checkout(target: Path) -> None:
    """Copy what git tracks or would track, with the environment linked in."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listing.split("\0")):
        source, copy = CHECKOUT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    # An image of its own, so that a test may remove it under nobody else's containers.
    with (target / "postgres" / "Dockerfile").open("a") as dockerfile:
        dockerfile.write(f"LABEL velpharma.test={secrets.token_hex(6)}\n")
    (target / ".venv").symlink_to(CHECKOUT / ".venv")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for args in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "copy"]):
        subprocess.run([*git, *args], cwd=target, check=True, capture_output=True)


def tool_environment() -> dict[str, str]:
    """Give the environment that `python3 bootstrap.py env` prepares a shell with."""
    text = subprocess.run(
        [sys.executable, "bootstrap.py", "env"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shell = subprocess.run(
        ["sh", "-c", f"{text}\nenv -0"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    env = dict(line.split("=", 1) for line in shell.split("\0") if "=" in line)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_STACK", "VELPHARMA_STACK"):
        env.pop(name, None)
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    return env


def new_project(folder: Path) -> Project:
    """Copy the checkout and make a stack of a unique name in it, on a free port."""
    copy_checkout(folder)
    project = Project(folder, f"e2e-{secrets.token_hex(4)}", free_port(), tool_environment())
    project.pulumi("stack", "init", project.stack)
    project.configure()
    return project
