"""A role's password, changed without sending it.

libpq computes the SCRAM-SHA-256 verifier that PostgreSQL would store, as psql's `\\password` does.
So no argument list, log or statement statistics can hold the password.
"""

from __future__ import annotations

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from pgseed.queries import named, run
from pgseed.server import MAINTENANCE_DATABASE, connect_with, pg_errors_as
from vpdb.server.docker_server import DockerServer


def set_password(server: DockerServer, user: str, password: str) -> None:
    """Set a role's password; raises SeedError for a role that is not there."""
    with (
        pg_errors_as(
            f"set the password of role {user}",
            f"Look at the server's log: docker logs {server.container}",
        ),
        server.session(MAINTENANCE_DATABASE, purpose="password") as admin,
    ):
        verifier = encrypt_password(password, user, admin, "scram-sha-256")
        run(admin, "SET log_statement = none; SET log_min_error_statement = panic")
        run(admin, named("ALTER ROLE {} PASSWORD ", user) + sql.Literal(verifier))


def ensure_password(server: DockerServer, user: str, password: str) -> None:
    try:
        connect_with(
            **{**server.parameters(), "user": user, "password": password},
            dbname=MAINTENANCE_DATABASE,
            connect_timeout=2,
        ).close()
    except psycopg2.OperationalError:
        set_password(server, user, password)
