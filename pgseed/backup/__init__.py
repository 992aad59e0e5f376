"""Backup files, read as data: what they hold, or why they are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgseed.backup.model import Backup


def read(path: str | Path, *, schema: str) -> Backup:
    """Read a backup that holds rows for `schema` and nothing else.

    Raises BackupRefused (file, line, cause, remedy) for what is damaged or not data.
    """
    from pgseed.backup.reader import read_backup  # the cache of readings needs no reader

    return read_backup(Path(path), schema=schema)
