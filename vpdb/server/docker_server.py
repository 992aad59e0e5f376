"""The stack's server in its container, as the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pgseed.errors import ScriptFailed
from pgseed.server import Connection, Server, psql_command
from vpdb import docker
from vpdb.server.orphans import remove_orphans

# The container's own port.
PORT = 5432
ADMIN_ROLE = "vpdb"


@dataclass(frozen=True, slots=True)
class DockerServer(Server):
    """A server that this stack created; its administrator is a role of the cluster's mark."""

    container: str
    stack: str
    host: str
    port: int
    admin_password: str = field(repr=False)

    def parameters(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "user": ADMIN_ROLE,
            "password": self.admin_password,
            "gssencmode": "disable",
            "sslmode": "disable",
        }

    def session_settings(self) -> dict[str, str]:
        return {
            "log_min_duration_statement": "-1",
            # What people look at in pg_stat_statements is their own work.
            "pg_stat_statements.track": "none",
        }

    def psql(
        self,
        database: str,
        script: bytes,
        variables: Mapping[str, str] | None = None,
        timeout_s: float = 600,
    ) -> None:
        """Feed a trusted script to the container's own psql; stop at its first error."""
        command = [*psql_command(variables or {}), "-U", "postgres", "-d", database]
        try:
            docker.execute(self.container, command, stdin=script, timeout_s=timeout_s)
        except docker.DockerFailed as error:
            raise ScriptFailed(error.stderr) from error

    def tidy(self, admin: Connection, report: Callable[[str], None]) -> None:
        for number in remove_orphans(self.container, admin):
            report(f"remove base/{number}, left by a killed server")

    def help_text(self) -> str:
        return f"Look at the server's log: docker logs {self.container}"
