"""One stack's PostgreSQL server: found through Docker, proved by its mark, reached over TCP.

The mark is a file in the cluster's data directory (postgres/mark-server.sh writes it): the stack
that created the cluster, and the password of its administrator role.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg2
import psycopg2.extensions

from vpdb import docker
from vpdb.errors import GuardRefused, ServerUnreachable, VpdbError

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

# In the data directory, which the image names by this variable.
MARK_FILE = "vpdb-server.json"
_DATA_DIRECTORY = "PGDATA"


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
        begin = time.monotonic()
        failure: psycopg2.OperationalError | None = None
        for host, port in filter(None, (self.direct, (self.host, self.port))):
            try:
                connection = psycopg2.connect(
                    host=host,
                    port=port,
                    dbname=database,
                    user=ADMIN_ROLE,
                    password=self.admin_password,
                    connect_timeout=max(1, round(timeout_s)),
                    application_name=application_name(purpose),
                    options=options,
                    client_encoding="UTF8",
                    gssencmode="disable",
                    sslmode="disable",
                )
            except psycopg2.OperationalError as error:
                failure = error
                # A container that was started again may have another address; its port stays.
                if time.monotonic() - begin > timeout_s / 2:
                    break
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


def find_server(container: str, stack: str, *, timeout_s: float = 30) -> Server:
    """Wait until a stack's server answers, and prove by its mark that the stack created it.

    Raises ServerUnreachable when it stays silent for `timeout_s`, GuardRefused when the cluster
    has no mark or another stack's.
    """
    end = time.monotonic() + timeout_s
    silence = "no answer"
    while True:
        found = docker.inspect_container(container)
        if found is None:
            raise ServerUnreachable(
                f"failed to find container {container}: there is none. Run `pulumi up --refresh`"
            )
        if found.is_running and PORT in found.ports:
            server = _server_of(found, stack)
            if server is not None:
                try:
                    server.connect(MAINTENANCE_DATABASE, timeout_s=2).close()
                except ServerUnreachable as error:
                    silence = first_line(error.__cause__ or error)
                else:
                    return _past_the_proxy(server, found.network_address)
        elif found.status in ("exited", "dead", "paused"):
            raise ServerUnreachable(
                f"failed to reach container {container}: it is {found.state}."
                f" Run `docker {'unpause' if found.status == 'paused' else 'start'} {container}`"
            )
        if time.monotonic() > end:
            raise ServerUnreachable(
                f"failed to reach PostgreSQL in container {container}: {silence} for"
                f" {timeout_s:.0f} s. Look at its log: docker logs {container}"
            )
        time.sleep(0.05)


def _server_of(found: docker.Container, stack: str) -> Server | None:
    """Read a container's mark; None while its first start has not written one."""
    address, port = found.ports[PORT]
    host = address if address not in ("", "0.0.0.0", "::") else "127.0.0.1"
    text = _mark_text(found)
    # While the image's first start writes the mark, the server answers on its socket only.
    if not text and _takes_connections(host, port):
        text = _mark_text(found)
        if not text:
            raise GuardRefused(
                f"failed to use the server in container {found.name}: it has no mark, so no stack"
                " created it. Name another stack, or move that container and its volume away"
            )
    if not text:
        return None
    mark = read_mark(text, found.name, stack)
    return Server(
        container=found.name,
        stack=stack,
        host=host,
        port=port,
        server_id=mark["server_id"],
        admin_password=mark["admin_password"],
    )


def _mark_text(found: docker.Container) -> str:
    folder = found.environment.get(_DATA_DIRECTORY)
    content = docker.read_file(found.name, f"{folder}/{MARK_FILE}") if folder else None
    return (content or b"").decode()


def _takes_connections(host: str, port: int) -> bool:
    """Tell whether a PostgreSQL server listens, whoever may log in to it."""
    try:
        psycopg2.connect(
            host=host, port=port, dbname=MAINTENANCE_DATABASE, user=ADMIN_ROLE, connect_timeout=2
        ).close()
    except psycopg2.OperationalError as error:
        # The published port of a container whose server does not listen takes and ends them.
        return "FATAL" in str(error) or "password" in str(error)
    return True


def _past_the_proxy(server: Server, address: str) -> Server:
    """Go to the container itself where that works: with an engine on Linux itself, not in a VM."""
    if not address or not sys.platform.startswith("linux"):
        return server
    near = replace(server, host=address, port=PORT)
    try:
        socket.create_connection((address, PORT), timeout=0.1).close()
        # Behind another engine's equal address there is another server; it knows no such password.
        near.connect(MAINTENANCE_DATABASE, timeout_s=1).close()
    except (OSError, ServerUnreachable):
        return server
    return replace(server, direct=(address, PORT))


def read_mark(text: str, container: str, stack: str) -> dict[str, str]:
    """Judge a mark (JSON); GuardRefused unless it is this stack's."""
    mark: dict[str, str] = json.loads(text)
    if mark["stack"] != stack:
        raise GuardRefused(
            f"failed to use the server in container {container}: stack {mark['stack']} created"
            f" it, not {stack}. Run the command with `--stack {mark['stack']}`"
        )
    return mark


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
        raise VpdbError(f"{text}{f'. {advice}' if advice else ''}") from None
