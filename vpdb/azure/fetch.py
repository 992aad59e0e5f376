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
from vpdb.azure.production import Production, ProductionFailed, client_version, refusal
from vpdb.backups.dated_copies import keep_dated_copy
from vpdb.backups.team_dump import schema_columns
from vpdb.backups.verify import restored
from vpdb.server.docker_server import DockerServer
from vpdb.settings import Settings


@dataclass(frozen=True, slots=True)
class Fetched:
    """Production's data, complete and tried out; `difference` to what stands at `target` now."""

    backup: Backup
    target: Path
    difference: BackupDiff | None
    kept: Path | None = None


def fetch(
    server: DockerServer,
    production: Production,
    target: Path,
    agree: Callable[[Fetched], None],
    progress: Progress = quiet,
) -> Fetched:
    """Dump production and replace `target` by it, the old one kept as a dated copy.

    The dump is read as data, restored into a throw-away database and dumped from there, which
    proves it and gives it the canonical form. `agree` is asked before anything is replaced, and
    raises to stop. Whatever fails, `target` is as it was.
    """
    settings = production.settings
    if settings.azure_schema != settings.db_schema:
        raise ProductionFailed(
            f"failed to take over production's data: its schema is {settings.azure_schema}, this"
            f" stack's is {settings.db_schema}. Set `pulumi config set azureSchema` or schema"
        )
    progress("look at production", 0, 0)
    refused = refusal(production.probe(), settings, client_version(settings.container))
    if refused:
        raise ProductionFailed(refused)
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
        agree(Fetched(backup, target, difference))
        kept = _keep(target, settings, progress)
        finished = canonical
        if compression_of(target) != "none":
            finished = canonical.with_name(f"canonical{target.suffix}")
            compress(canonical, finished, progress)
        put_in_place(finished, target)
    final = read_backup(target, schema=settings.db_schema, progress=progress)
    return Fetched(final, target, difference, kept)


def _keep(target: Path, settings: Settings, progress: Progress) -> Path | None:
    """Copy what is about to be replaced under a dated name, even where the setting keeps none.

    It may be the only file with data that came from elsewhere.
    """
    if not target.exists():
        return None
    keep = max(1, settings.dump_retention)
    copy, _ = keep_dated_copy(target, keep=keep, now=datetime.now(), progress=progress)
    return copy


def _readable(path: Path, settings: Settings) -> Backup | None:
    if path.exists():
        with contextlib.suppress(BackupRefused):
            return read_backup(path, schema=settings.db_schema)
    return None
