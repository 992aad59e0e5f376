"""How a client reaches the live database, in the forms that clients take."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote

from vpdb.settings import Settings

PLACEHOLDER = "YOUR_PASSWORD"
"""Stands where a password would, unless the caller asks for the real one."""


def psql(settings: Settings, password: str | None) -> str:
    """Return a psql command line; the password by environment, as a shell assignment."""
    target = (
        f"host={_conninfo(settings.address)} port={settings.port}"
        f" dbname={_conninfo(settings.database)} user={_conninfo(settings.user)}"
    )
    secret = f"PGPASSWORD={shlex.quote(password)} " if password is not None else ""
    return f"{secret}psql {shlex.quote(target)}"


def dotnet(settings: Settings, password: str | None) -> str:
    """Return Npgsql's form; values quoted as DbConnectionStringBuilder does."""
    fields = {
        "Host": settings.address,
        "Port": str(settings.port),
        "Database": settings.database,
        "Username": settings.user,
        "Password": PLACEHOLDER if password is None else password,
        "Search Path": settings.db_schema,
    }
    return ";".join(f"{key}={_dotnet_value(value)}" for key, value in fields.items())


def jdbc(settings: Settings, password: str | None) -> str:
    """Return the PostgreSQL JDBC driver's URL, which takes everything as parameters."""
    secret = "" if password is None else f"&password={quote(password, safe='')}"
    return (
        f"jdbc:postgresql://{_host(settings.address)}:{settings.port}"
        f"/{quote(settings.database, safe='')}?user={quote(settings.user, safe='')}{secret}"
        f"&currentSchema={quote(settings.db_schema, safe='')}"
    )


def env(settings: Settings, password: str | None) -> str:
    """Return libpq's environment variables as shell lines, for `eval`."""
    fields = {
        "PGHOST": settings.address,
        "PGPORT": str(settings.port),
        "PGDATABASE": settings.database,
        "PGUSER": settings.user,
    }
    if password is not None:
        fields["PGPASSWORD"] = password
    return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in fields.items())


def url(settings: Settings, password: str | None) -> str:
    """Return the URL that libpq and most drivers take."""
    secret = "" if password is None else f":{quote(password, safe='')}"
    return (
        f"postgresql://{quote(settings.user, safe='')}{secret}@{_host(settings.address)}"
        f":{settings.port}/{quote(settings.database, safe='')}"
    )


FORMATS: Mapping[str, Callable[[Settings, str | None], str]] = {
    form.__name__: form for form in (psql, dotnet, jdbc, env, url)
}


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _conninfo(value: str) -> str:
    # https://www.postgresql.org/docs/17/libpq-connect.html, "Keyword/Value Connection Strings"
    if value and not set(value) & set(" '\\"):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _dotnet_value(value: str) -> str:
    if value and not set(value) & set(" ;='\"\t\n"):
        return value
    return '"' + value.replace('"', '""') + '"'
