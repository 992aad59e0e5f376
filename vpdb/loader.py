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
from collections.abc import Mapping

from pgseed.errors import SeedError
from vpdb import connection
from vpdb.errors import SettingRefused
from vpdb.settings import ENCRYPTED, PASSWORD_VARIABLE, Settings

_EXAMPLE = "dotnet run --project ../VelLoader -- --host {host} --port {port}"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
# What a loader gets after SIGTERM before it is killed, in seconds.
_GRACE_S = 10


class LoaderFailed(SeedError):
    """The external loader could not be started, or ended with a failure."""


def command_line(settings: Settings) -> list[str]:
    """Return the loader's arguments; SettingRefused for a line that cannot be meant."""
    values = _place(settings) | {"connection": connection.dotnet(settings, settings.password)}
    try:
        words = shlex.split(settings.loader)
    except ValueError as error:
        raise _refused(f"{error} in {settings.loader!r}") from None
    if not words:
        raise _refused("it is empty")
    return [_filled(word, values) for word in words]


def run(settings: Settings) -> None:
    """Run the loader in the project folder, its output streaming to ours. Raises LoaderFailed."""
    command = command_line(settings)
    if settings.password == ENCRYPTED:
        raise LoaderFailed(
            "failed to run the loader: the stack's password is encrypted."
            f" Run it by `pulumi up`, or give the password in {PASSWORD_VARIABLE}"
        )
    libpq = {f"PG{name.upper()}": value for name, value in _place(settings).items()}
    libpq["PGPASSWORD"] = settings.password
    sys.stdout.flush()  # what was printed so far comes before the loader's output
    try:
        folder, environment = settings.project_dir, {**os.environ, **libpq}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    except OSError as error:
        cause = f" {command[0]}: {error.strerror}"
        if isinstance(error, FileNotFoundError):
            cause = f": there is no command {command[0]!r}"
        raise LoaderFailed(
            f"failed to run the loader{cause}. Correct `pulumi config set loader`"
        ) from None
    try:
        code = process.wait()
    except BaseException:  # Ctrl-C or SIGTERM: nobody may write after bulk mode is over
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    if code:
        how = f"ended with code {code}"
        if code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        raise LoaderFailed(
            f"failed to load: the loader `{settings.loader}` {how}."
            " Its own output above says why; nothing was dumped"
        )


def _place(settings: Settings) -> dict[str, str]:
    return {
        "host": settings.address,
        "port": str(settings.port),
        "database": settings.database,
        "user": settings.user,
    }


def _refused(cause: str) -> SettingRefused:
    return SettingRefused(f"failed to read setting loader: {cause}. For example: {_EXAMPLE}")


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
