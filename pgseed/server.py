"""One stack's PostgreSQL server, reached over TCP; find.py finds it."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg2
import psycopg2.extensions

from pgseed.errors import SeedError, ServerUnreachable
from vpdb import docker

PORT = 5432
ADMIN_ROLE = "vpdb"
# Where the lock is; no stack's live database may have this name.
MAINTENANCE_DATABASE = "postgres"

# What a session of ours has, whatever ALTER DATABASE or ALTER ROLE … SET say: values that reach
# PostgreSQL with the connection win over both. Texts of rows are then the same on every machine.
SESSION = {
    "search_path": "pg_catalog",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "row_security": "off",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_table_access_method": "heap",
    "log_min_duration_statement": "-1",
    # What people look at in pg_stat_statements is their own work.
    "pg_stat_statements.track": "none",
    # A session of ours ends soon after its program was killed, also in the middle of a statement.
    "client_connection_check_interval": "500ms",
}

# How long the container's own address may keep silent before the published port is tried.
_DIRECT_S = 2.0

# For statements that end by themselves, also when their program was killed: a CREATE DATABASE that
# is cut in the middle leaves files behind.
UNATTENDED = {"client_connection_check_interval": "0"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server this stack created; the ways to talk to it.

    `direct` is the container's own address where this machine reaches it: past the proxy process
    behind the published port, which copies every byte and takes as long as the server for it.
    """

    container: str
    stack: str
    host: str
    port: int
    server_id: str
    admin_password: str = field(repr=False)
    direct: tuple[str, int] | None = None

    def connect(
        self,
        database: str,
        *,
        autocommit: bool = True,
        purpose: str = "",
        timeout_s: float = 10,
        settings: Mapping[str, str] | None = None,
    ) -> psycopg2.extensions.connection:
        """Open a session as the stack's administrator; `purpose` shows in pg_stat_activity.

        `settings` are added to SESSION. Raises ServerUnreachable.
        """
        options = " ".join(f"-c {k}={v}" for k, v in {**SESSION, **(settings or {})}.items())
        # A container that was started again may have another address; its port stays. Nobody may
        # be at the old one, or a stranger, who knows no such password.
        places = [(*self.direct, min(timeout_s, _DIRECT_S))] if self.direct else []
        failure: psycopg2.OperationalError | None = None
        for host, port, limit_s in (*places, (self.host, self.port, timeout_s)):
            try:
                connection = psycopg2.connect(
                    host=host,
                    port=port,
                    dbname=database,
                    user=ADMIN_ROLE,
                    password=self.admin_password,
                    connect_timeout=max(1, round(limit_s)),
                    application_name=application_name(purpose),
                    options=options,
                    client_encoding="UTF8",
                    gssencmode="disable",
                    sslmode="disable",
                )
            except psycopg2.OperationalError as error:
                failure = error
            else:
                connection.autocommit = autocommit
                return connection
        raise ServerUnreachable(
            f"failed to connect to database {database} on port {self.port}:"
            f" {first_line(failure) if failure else 'no address'}."
            f" Look at the server's log: docker logs {self.container}"
        ) from failure

    @contextmanager
    def session(
        self, database: str, *, autocommit: bool = True, purpose: str = ""
    ) -> Iterator[psycopg2.extensions.connection]:
        """Open a session for the time of a `with` block."""
        connection = self.connect(database, autocommit=autocommit, purpose=purpose)
        try:
            yield connection
        finally:
            connection.close()

    def psql(
        self,
        database: str,
        script: bytes,
        variables: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 600,
    ) -> str:
        """Feed a trusted script to the container's own psql; stop at its first error.

        Raises DockerFailed whose `stderr` is psql's, as `psql:<stdin>:LINE: ERROR: …`.
        """
        flags = [part for k, v in (variables or {}).items() for part in ("-v", f"{k}={v}")]
        command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", *flags]
        output = docker.execute(
            self.container,
            [*command, "-U", "postgres", "-d", database, "-f", "-"],
            stdin=script,
            timeout_s=timeout_s,
        )
        return output.decode(errors="replace")

    def wait(self, deadline_s: float) -> None:
        """Return once the server takes connections; ServerUnreachable after `deadline_s`."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                self.connect(MAINTENANCE_DATABASE, timeout_s=2).close()
            except ServerUnreachable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.03)
            else:
                return


def application_name(purpose: str) -> str:
    """Name a session so that others see who holds what: purpose, user, process (63 bytes)."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    tail = f" by {user}, process {os.getpid()}"
    head = f"vpdb {purpose}".strip().encode("ascii", "replace").decode()
    return head[: 63 - len(tail)] + tail


def first_line(error: BaseException) -> str:
    """Give the line of a PostgreSQL or Docker error that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.rstrip(".")


@contextmanager
def told_as(action: str, advice: str = "") -> Iterator[None]:
    """Turn a PostgreSQL error inside the block into `failed to <action>: <cause>. <advice>`."""
    try:
        yield
    except psycopg2.Error as error:
        cause = first_line(error)
        detail = (error.diag.message_detail or "").strip() if error.diag else ""
        text = f"failed to {action}: {cause}{f' ({detail})' if detail else ''}"
        if isinstance(error, psycopg2.OperationalError) and error.pgcode is None:
            raise ServerUnreachable(
                f"{text}. {advice or 'Run it again when the server is back'}"
            ) from None
        raise SeedError(f"{text}{f'. {advice}' if advice else ''}") from None
