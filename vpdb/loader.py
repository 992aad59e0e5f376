"""An external loader (VelPharma's .NET one): a command line that fills the live database.

The setting `loader` is split like a shell would, but no shell runs: `{host}`, `{port}`,
`{database}`, `{user}` and, where asked for, `{connection}` stand for the values. The password comes
by environment (PGPASSWORD, which Npgsql and libpq both know); only `{connection}`, a .NET
connection string, brings it into the argument list, where others on this machine can see it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pgseed.errors import SeedError
from vpdb import connection
from vpdb.config import ENCRYPTED, PASSWORD_VARIABLE, Settings
from vpdb.errors import SettingRefused

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
# What a loader gets after SIGTERM before it is killed, in seconds.
_GRACE_S = 10


class LoaderFailed(SeedError):
    """The external loader could not be started, or ended with a failure."""


def command_line(settings: Settings) -> list[str]:
    """Give the loader's arguments; SettingRefused for a line that cannot be meant."""
    values = {
        "host": settings.address,
        "port": str(settings.port),
        "database": settings.database,
        "user": settings.user,
        "connection": connection.dotnet(settings, settings.password),
    }
    try:
        words = shlex.split(settings.loader)
    except ValueError as error:
        raise SettingRefused(
            f"failed to read setting loader: {error} in {settings.loader!r}. For example:"
            " dotnet run --project ../VelLoader -- --host {host} --port {port}"
        ) from None
    if not words:
        raise SettingRefused(
            "failed to read setting loader: it is empty. For example:"
            " dotnet run --project ../VelLoader -- --host {host} --port {port}"
        )
    return [_filled(word, values) for word in words]


def shown(settings: Settings) -> str:
    """The command line for people and logs: placeholders as they were written."""
    return settings.loader


def run(settings: Settings) -> None:
    """Run the loader in the project folder, its output streaming to ours.

    Raises LoaderFailed. On Ctrl-C, or when this process is told to end, the loader is ended first
    and waited for, so that nobody writes after bulk mode is over.
    """
    command = command_line(settings)
    if settings.password == ENCRYPTED:
        raise LoaderFailed(
            "failed to run the loader: the stack's password is encrypted."
            f" Run it by `pulumi up`, or give the password in {PASSWORD_VARIABLE}"
        )
    try:
        process = subprocess.Popen(
            command,
            cwd=settings.project_dir,
            env=environment(settings, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=_our_stdout(),
        )
    except FileNotFoundError:
        raise LoaderFailed(
            f"failed to run the loader: there is no command {command[0]!r}."
            " Correct `pulumi config set loader`"
        ) from None
    except OSError as error:
        raise LoaderFailed(
            f"failed to run the loader {command[0]}: {error.strerror}."
            " Correct `pulumi config set loader`"
        ) from None
    try:
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    if code:
        how = (
            f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        )
        raise LoaderFailed(
            f"failed to load: the loader `{shown(settings)}` {how}."
            " Its own output above says why; nothing was dumped"
        )


def environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """What the loader finds in its environment: libpq's variables, the password among them."""
    return {
        **base,
        "PGHOST": settings.address,
        "PGPORT": str(settings.port),
        "PGDATABASE": settings.database,
        "PGUSER": settings.user,
        "PGPASSWORD": settings.password,
    }


def uses_connection_string(settings: Settings) -> bool:
    """Whether the password will stand in the loader's argument list."""
    return "{connection}" in settings.loader


def _filled(word: str, values: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            known = " ".join(f"{{{name}}}" for name in values)
            raise SettingRefused(
                f"failed to read setting loader: there is no placeholder {match[0]}."
                f" The ones there are: {known}"
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(fill, word)


def _our_stdout() -> int | None:
    # Python's buffered lines come first; a stdout without a file (a test's) is inherited as it is.
    sys.stdout.flush()
    with suppress(OSError, ValueError):
        return sys.stdout.fileno()
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def csv_files(data_dir: Path) -> Sequence[Path]:
    """The CSVs of the month, by name."""
    return sorted(path for path in data_dir.glob("*.csv") if path.is_file())
