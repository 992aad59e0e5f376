"""A PostgreSQL server to work on: what is asked of it, and sessions that are set up alike."""

from __future__ import annotations

import getpass
import os
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions

from pgseed.errors import ScriptFailed, SeedError, ServerUnreachable

Connection = psycopg2.extensions.connection

# Where the lock is taken; no live database may have this name.
MAINTENANCE_DATABASE = "postgres"

# What every session has, whatever ALTER DATABASE or ALTER ROLE … SET say: values that reach
# PostgreSQL with the connection win over both. Texts of rows are then the same on every machine.
# Each of them may be set by any role.
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
    # A session ends soon after its program was killed, also in the middle of a statement.
    "client_connection_check_interval": "500ms",
}

# For statements that end by themselves, also when their program was killed: a CREATE DATABASE that
# is cut in the middle leaves files behind.
UNATTENDED = {"client_connection_check_interval": "0"}


class Server(ABC):
    """A server: how to connect to it, and how to run a script of psql's on it.

    A subclass says where the server is and proves that it is the one meant.
    """

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return libpq's connection parameters, all but the database's name."""

    @abstractmethod
    def psql(
        self, database: str, script: bytes, variables: Mapping[str, str] | None = None
    ) -> None:
        """Feed a trusted script to psql and stop at its first error.

        Raises ScriptFailed with what psql says, as `psql:<stdin>:LINE: ERROR: …`.
        """

    def session_settings(self) -> dict[str, str]:
        """Return what sessions on this server have besides SESSION; nothing by itself."""
        return {}

    def tidy(self, admin: Connection, report: Callable[[str], None]) -> None:  # noqa: B027
        """Remove what a killed server left outside any database; nothing by itself.

        `admin` holds the lock; `report` takes a line for each thing removed.
        """

    def help_text(self) -> str:
        """Return the sentence that ends a failure to connect."""
        return "See whether the server runs and takes this connection"

    def connect(
        self,
        database: str,
        *,
        autocommit: bool = True,
        purpose: str = "",
        timeout_s: float = 10,
        settings: Mapping[str, str] | None = None,
    ) -> Connection:
        """Open a session; `purpose` shows in pg_stat_activity, `settings` are added to SESSION.

        Raises ServerUnreachable.
        """
        values = {**SESSION, **self.session_settings(), **(settings or {})}
        try:
            connection = connect_with(
                **self.parameters(),
                dbname=database,
                connect_timeout=max(1, round(timeout_s)),
                application_name=application_name(purpose),
                options=" ".join(f"-c {name}={value}" for name, value in values.items()),
                client_encoding="UTF8",
            )
        except psycopg2.OperationalError as error:
            raise ServerUnreachable(
                f"failed to connect to database {database}: {first_line(error)}. {self.help_text()}"
            ) from error
        connection.autocommit = autocommit
        return connection

    @contextmanager
    def session(
        self, database: str, *, autocommit: bool = True, purpose: str = ""
    ) -> Iterator[Connection]:
        with closing(self.connect(database, autocommit=autocommit, purpose=purpose)) as connection:
            yield connection


class UrlServer(Server):
    """A server named by a libpq URL; psql on the PATH runs the schema files.

    The password may stand in the URL or in the environment variable PGPASSWORD.
    """

    def __init__(self, url: str) -> None:
        self._parameters: dict[str, Any] = psycopg2.extensions.parse_dsn(url)
        self._parameters.pop("dbname", None)
        if "PGPASSWORD" in os.environ:
            self._parameters.setdefault("password", os.environ["PGPASSWORD"])

    def parameters(self) -> dict[str, Any]:
        return self._parameters

    def psql(
        self, database: str, script: bytes, variables: Mapping[str, str] | None = None
    ) -> None:
        open_part = {k: v for k, v in self._parameters.items() if k != "password"}
        target = psycopg2.extensions.make_dsn(**open_part, dbname=database)
        command = [*psql_command(variables or {}), target]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        if "password" in self._parameters:
            environment["PGPASSWORD"] = self._parameters["password"]
        try:
            done = subprocess.run(
                command, input=script, env=environment, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise SeedError(
                "failed to run the schema files: psql is not on the PATH."
                " Install PostgreSQL's client programs"
            ) from None
        if done.returncode:
            raise ScriptFailed(done.stderr.decode(errors="replace"))


def psql_command(variables: Mapping[str, str]) -> list[str]:
    """Return the command line of a psql that reads a script and stops at its first error."""
    flags = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    return ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", *flags, "-f", "-"]


class _WithoutLibpqVariables:
    """Keeps the shell's PG… variables from libpq while connections are made, by any thread.

    PGHOSTADDR, PGSERVICE or PGOPTIONS would lead elsewhere, and PGTZ and PGDATESTYLE reach the
    server as start-up parameters, which win over `options`.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside = 0
        self._hidden: dict[str, str] = {}

    def __enter__(self) -> None:
        with self._guard:
            self._inside += 1
            for name in [name for name in os.environ if name.startswith("PG")]:
                self._hidden[name] = os.environ.pop(name)

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._inside -= 1
            if not self._inside:
                os.environ.update(self._hidden)
                self._hidden.clear()


_without_libpq_variables = _WithoutLibpqVariables()


def connect_with(**parameters: Any) -> Connection:
    """Connect with these parameters and none of the shell's; raises psycopg2.OperationalError."""
    with _without_libpq_variables:
        connection: Connection = psycopg2.connect(**parameters)
    return connection


def application_name(purpose: str) -> str:
    """Return a session's name that shows who holds what: purpose, user, process (63 bytes)."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    tail = f" by {user}, process {os.getpid()}"
    head = f"vpdb {purpose}".strip().encode("ascii", "replace").decode()
    return head[: 63 - len(tail)] + tail


def first_line(error: BaseException) -> str:
    """Return the line of a PostgreSQL or Docker error that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text.rstrip(".")


@contextmanager
def pg_errors_as(action: str, advice: str = "") -> Iterator[None]:
    """Turn a PostgreSQL error inside the block into `failed to <action>: <cause>. <advice>`."""
    try:
        yield
    except psycopg2.Error as error:
        cause = first_line(error)
        detail = (error.diag.message_detail or "").strip() if error.diag else ""
        text = f"failed to {action}: {cause}{f' ({detail})' if detail else ''}"
        if isinstance(error, psycopg2.OperationalError) and error.pgcode is None:
            advice = advice or "Run it again when the server is back"
            raise ServerUnreachable(f"{text}. {advice}") from None
        raise SeedError(f"{text}{f'. {advice}' if advice else ''}") from None
