"""The production server: reached by the container's own psql and pg_dump, over verified TLS."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pgseed.errors import SeedError
from pgseed.server import psql_command
from vpdb import docker
from vpdb.azure.explain import explain
from vpdb.queries import query
from vpdb.settings import Settings

# Runs in the container, fed with the roots, then (after a line that ends them) the script for psql.
# The roots go to a file because libpq takes nothing else; it is gone when the command ends.
_WITH_ROOTS = """
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
head -c "$1" > "$dir/roots.pem"
shift
export PGSSLROOTCERT="$dir/roots.pem"
"$@"
"""


class ProductionFailed(SeedError):
    """The production server could not be read; nothing local was changed."""


@dataclass(frozen=True, slots=True)
class Probe:
    version: int
    read_only: bool
    encrypted: bool
    schema_exists: bool
    may_use_schema: bool
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Production:
    """The production database of the settings; the stack's container runs the client programs."""

    settings: Settings
    password: str = field(repr=False)
    roots: bytes = field(repr=False)

    @property
    def conninfo(self) -> str:
        """The connection string without the password: verified TLS, read-only, with time limits."""
        parts = {
            "host": self.settings.azure_host,
            "port": "5432",
            "dbname": self.settings.azure_database,
            "user": self.settings.azure_user,
            "sslmode": "verify-full",
            "sslcertmode": "disable",
            "gssencmode": "disable",
            "connect_timeout": "20",
            "keepalives_idle": "15",
            "keepalives_interval": "5",
            "keepalives_count": "4",
            "tcp_user_timeout": "45000",
            "application_name": "vpdb azure-backup",
            "options": "-c default_transaction_read_only=on -c lock_timeout=30s",
        }
        return " ".join(f"{key}={_quoted(value)}" for key, value in parts.items())

    def psql(self, script_name: str) -> Any:
        """Run one of this package's psql scripts there; give the JSON it prints."""
        command = [*psql_command({"schema": self.settings.azure_schema}), "-d", self.conninfo]
        return json.loads(self._run(command, query(script_name).encode(), subprocess.PIPE))

    def probe(self) -> Probe:
        """Connect once and look; ProductionFailed names what is in the way."""
        answer = self.psql("azure_probe")
        return Probe(**{**answer, "unreadable": tuple(answer["unreadable"])})

    def dump(self, target: Path) -> None:
        """Write pg_dump's data of the schema to a file; ProductionFailed leaves a partial one."""
        with target.open("wb") as out:
            # Quoted, so that pg_dump does not take the name for a pattern.
            pattern = '"' + self.settings.azure_schema.replace('"', '""') + '"'
            command = ["pg_dump", "--data-only", f"--schema={pattern}", "--no-password"]
            command += ["--lock-wait-timeout=30s", "--encoding=UTF8", "--dbname", self.conninfo]
            self._run(command, b"", out)

    def _run(self, command: Sequence[str], stdin: bytes, stdout: int | IO[bytes]) -> bytes:
        # `-e NAME` without a value takes it from docker's own environment: it stands in no
        # argument list, neither here nor in the container.
        done = subprocess.run(
            [
                *("docker", "exec", "-i", "-e", "PGPASSWORD", self.settings.container),
                *("sh", "-c", _WITH_ROOTS, "sh", str(len(self.roots)), *command),
            ],
            input=self.roots + stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PGPASSWORD": self.password},
            check=False,
        )
        if done.returncode:
            cause, remedy = explain(done.stderr.decode(errors="replace"))
            place = f"{self.settings.azure_database} on {self.settings.azure_host}"
            raise ProductionFailed(f"failed to read {place}: {cause}. {remedy}")
        return done.stdout or b""


def refusal(probe: Probe, settings: Settings, client_version: int) -> str:
    """Return why this server cannot be dumped; "" when it can.

    Versions are majors times 10,000, as server_version_num. A pg_dump refuses newer servers, and
    with good reason: it does not know what they hold.
    """
    place = f"failed to dump {settings.azure_database} on {settings.azure_host}"
    if probe.version // 10000 > client_version // 10000:
        return (
            f"{place}: it runs PostgreSQL {probe.version // 10000}, and pg_dump in the container is"
            f" {client_version // 10000}. Raise baseImage in Pulumi.yaml to"
            f" postgres:{probe.version // 10000}-trixie, then `pulumi up --replace` of the volume"
        )
    if not probe.encrypted:
        return f"{place}: the connection is not encrypted. Nothing was read"
    if not probe.schema_exists:
        return (
            f"{place}: there is no schema {settings.azure_schema}."
            " Correct `pulumi config set azureSchema`"
        )
    if not probe.may_use_schema or probe.unreadable:
        what = ", ".join(probe.unreadable[:5]) or f"schema {settings.azure_schema}"
        return (
            f"{place}: user {settings.azure_user} may not read {what}."
            " Have the role granted SELECT on the schema's tables"
        )
    return ""


def client_version(container: str) -> int:
    """Return the major version of the container's pg_dump, times 10,000."""
    # "pg_dump (PostgreSQL) 17.6 (Debian …)"; a test version is 18beta1
    said = docker.execute(container, ["pg_dump", "--version"]).decode()
    return int(re.findall(r"\d+", said)[0]) * 10000


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
