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
from vpdb import docker
from vpdb.azure.explain import explain
from vpdb.config import Settings
from vpdb.queries import query

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
    """What a server says of itself before it is dumped."""

    version: int
    read_only: bool
    encrypted: bool
    schema_exists: bool
    may_use_schema: bool
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Production:
    """How to reach the production database; `container` is where the client programs run."""

    container: str
    host: str
    database: str
    user: str
    db_schema: str
    password: str = field(repr=False)
    roots: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, password: str, roots: bytes) -> Production:
        return cls(
            container=settings.container,
            host=settings.azure_host,
            database=settings.azure_database,
            user=settings.azure_user,
            db_schema=settings.azure_schema,
            password=password,
            roots=roots,
        )

    @property
    def conninfo(self) -> str:
        """The connection string without the password: verified TLS, read-only, with time limits."""
        parts = {
            "host": self.host,
            "port": "5432",
            "dbname": self.database,
            "user": self.user,
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
        command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1"]
        command += ["-v", f"schema={self.db_schema}", "-d", self.conninfo, "-f", "-"]
        done = self._run(command, query(script_name).encode(), subprocess.PIPE)
        return json.loads(done)

    def probe(self) -> Probe:
        """Connect once and look; ProductionFailed names what is in the way."""
        answer = self.psql("azure_probe")
        return Probe(**{**answer, "unreadable": tuple(answer["unreadable"])})

    def dump(self, target: Path) -> None:
        """Write pg_dump's data of the schema to a file; ProductionFailed leaves a partial one."""
        with target.open("wb") as out:
            # Quoted, so that pg_dump does not take the name for a pattern.
            pattern = '"' + self.db_schema.replace('"', '""') + '"'
            command = ["pg_dump", "--data-only", f"--schema={pattern}", "--no-password"]
            command += ["--lock-wait-timeout=30s", "--encoding=UTF8", "--dbname", self.conninfo]
            self._run(command, b"", out)

    def _run(self, command: Sequence[str], stdin: bytes, stdout: int | IO[bytes]) -> bytes:
        # `-e NAME` without a value takes it from docker's own environment: it stands in no
        # argument list, neither here nor in the container.
        process = subprocess.Popen(
            [
                *("docker", "exec", "-i", "-e", "PGPASSWORD", self.container),
                *("sh", "-c", _WITH_ROOTS, "sh", str(len(self.roots)), *command),
            ],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PGPASSWORD": self.password},
        )
        try:
            output, errors = process.communicate(self.roots + stdin)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise self.failure(errors.decode(errors="replace"))
        return output or b""

    def failure(self, stderr: str) -> ProductionFailed:
        """Word what psql or pg_dump said."""
        cause, remedy = explain(stderr)
        return ProductionFailed(f"failed to read {self.database} on {self.host}: {cause}. {remedy}")


def refusal(probe: Probe, production: Production, client_version: int) -> str:
    """Return why this server cannot be dumped; "" when it can.

    Versions are majors times 10,000, as server_version_num. A pg_dump refuses newer servers, and
    with good reason: it does not know what they hold.
    """
    place = f"failed to dump {production.database} on {production.host}"
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
            f"{place}: there is no schema {production.db_schema}."
            " Correct `pulumi config set azureSchema`"
        )
    if not probe.may_use_schema or probe.unreadable:
        what = ", ".join(probe.unreadable[:5]) or f"schema {production.db_schema}"
        return (
            f"{place}: user {production.user} may not read {what}."
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
