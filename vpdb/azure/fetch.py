"""A backup of production, in this project's own form."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgseed.backup.compress import compress, compression_of
from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.backup.work_folder import put_in_place, work_folder
from pgseed.diff.backups import BackupDiff, compare_backups
from pgseed.dumping import DumpOptions, dump
from pgseed.errors import BackupRefused
from pgseed.progress import Progress, quiet
from pgseed.server import Server
from vpdb.azure.production import Production, ProductionFailed, client_version, refusal
from vpdb.backups.dated_copies import keep_dated_copy
from vpdb.backups.team_dump import schema_columns
from vpdb.backups.verify import restored
from vpdb.config import Settings

Agree = Callable[["Fetched"], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Production's data, complete and tried out; `replaces` is what stands at `target` now."""

    backup: Backup
    target: Path
    replaces: Backup | None
    difference: BackupDiff | None
    kept: Path | None = None


def check(production: Production) -> None:
    """Connect once, and raise ProductionFailed for a server that cannot or must not be dumped."""
    text = refusal(production.probe(), production, client_version(production.container))
    if text:
        raise ProductionFailed(text)


def fetch(
    server: Server,
    settings: Settings,
    production: Production,
    target: Path,
    agree: Agree,
    progress: Progress = quiet,
    now: datetime | None = None,
) -> Fetched:
    """Dump production and replace `target` by it, the old one kept as a dated copy.

    The dump is read as data, restored into a throw-away database and dumped from there, which
    proves it and gives it the canonical form. `agree` is asked before anything is replaced, and
    raises to stop. Whatever fails, `target` is as it was.
    """
    if settings.azure_schema != settings.db_schema:
        raise ProductionFailed(
            f"failed to take over production's data: its schema is {settings.azure_schema}, this"
            f" stack's is {settings.db_schema}. Set `pulumi config set azureSchema` or schema"
        )
    progress("look at production", 0, 0)
    check(production)
    with work_folder(target.parent) as folder:
        raw, canonical = folder / "production.sql", folder / "canonical.sql"
        progress("dump production", 0, 0)
        production.dump(raw)
        expected = schema_columns(server, settings, progress)
        with restored(server, settings, raw, progress) as (database, _):
            options = DumpOptions(expected=expected, progress=progress)
            backup = dump(
                server, database, canonical, schema=settings.db_schema, options=options
            ).backup
        old = _readable(target, settings)
        difference = compare_backups(old, backup, progress=progress) if old else None
        fetched = Fetched(backup, target, old, difference)
        agree(fetched)
        kept = keep_aside(target, settings.dump_retention, now or datetime.now())
        final = write_or_move(canonical, target, settings, progress)
        return Fetched(final, target, old, difference, kept)


def write_or_move(canonical: Path, target: Path, settings: Settings, progress: Progress) -> Backup:
    """Put the canonical file in place, compressed where the target's name asks for it."""
    finished = canonical
    if compression_of(target) != "none":
        finished = canonical.with_name(f"canonical{target.suffix}")
        compress(canonical, finished, progress)
    put_in_place(finished, target)
    return read_backup(target, schema=settings.db_schema, progress=progress)


def keep_aside(target: Path, keep: int, now: datetime) -> Path | None:
    """Copy the file that is about to be replaced under a dated name, however many there are.

    The newest copies stay as the setting says, but this one always does: it may be the only one
    of data that came from elsewhere.
    """
    if not target.exists():
        return None
    return keep_dated_copy(target, keep=max(1, keep), now=now)[0]


def _readable(path: Path, settings: Settings) -> Backup | None:
    """What stands at the target; None where it is missing or damaged (the emergency, perhaps)."""
    if path.exists():
        with contextlib.suppress(BackupRefused):
            return read_backup(path, schema=settings.db_schema)
    return None
