"""The stack outputs: where the database is, what it holds, how to start afresh."""

from __future__ import annotations

import shlex

import pulumi

from components.seed import Seed
from components.server import PostgresServer
from vpdb import connection
from vpdb.settings import Settings


def export(settings: Settings, server: PostgresServer, seed: Seed) -> None:
    """Export every output; those that hold the password are secrets."""
    for name, value in {
        "host": settings.address,
        "port": settings.port,
        "database": settings.database,
        "user": settings.user,
        "password": pulumi.Output.secret(settings.password),
        "psql": pulumi.Output.secret(connection.url(settings, settings.password)),
        "dotnet": pulumi.Output.secret(connection.dotnet(settings, settings.password)),
        "contentId": seed.content_id,
        "source": seed.source,
        "rows": seed.tables,
        "reloadData": seed.urn.apply(replace_command),
        "wipeVolume": server.volume.urn.apply(replace_command),
    }.items():
        pulumi.export(name, value)


def replace_command(urn: str) -> str:
    """Give the exact command that replaces one resource: a URN is checked, a glob is not."""
    return f"pulumi up --replace {shlex.quote(urn)}"
