"""The failures a user can act on; each reads `failed to <verb> <object>: <cause>. <what to do>`."""

from __future__ import annotations

from pathlib import Path


class SeedError(Exception):
    """A failure to show as one line, without a traceback; `exit_code` is the command line's."""

    exit_code = 1


class NameRefused(SeedError):
    """A name that PostgreSQL would cut or fold; the text gives rule, value and a valid example."""


class FileMissing(SeedError):
    """A file that a seed is made of is not there."""


class BackupRefused(SeedError):
    """A backup file is damaged or holds something that is not data.

    `line` counts from 1 in the uncompressed file; 0 stands for the file as a whole.
    """

    def __init__(self, path: Path, cause: str, *, line: int = 0, remedy: str = "") -> None:
        self.path, self.line, self.cause, self.remedy = path, line, cause, remedy
        where = f"{path}, line {line}" if line else str(path)
        advice = f". {remedy}" if remedy else ""
        super().__init__(f"failed to read backup {where}: {cause}{advice}")


class ServerUnreachable(SeedError):
    """Docker, the container or PostgreSQL in it gives no answer."""

    exit_code = 5


class ScriptFailed(SeedError):
    """psql stopped at an error; `stderr` is what it said."""

    def __init__(self, stderr: str) -> None:
        self.stderr = stderr
        super().__init__(f"failed to run a script: {stderr.strip().splitlines()[-1:]}")
