"""What `pulumi up` would load: the source, why that one, and the content id. Files only."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pgseed.errors import BackupRefused
from pgseed.progress import Progress, quiet
from pgseed.seed import Seed
from vpdb.git import ask_git
from vpdb.settings import Settings, project_defaults

if TYPE_CHECKING:
    from pgseed.backup.model import Backup

Source = Literal["backup", "seed", "empty"]

INIT_DIR = Path("postgres/init")
USER_SQL = "01-create-user.sql"
# The files that make a database what it is before rows come; both count for the content id.
SCHEMA_SQL = ("02-create-schema.sql", "03-create-extensions.sql")
# Files behind backupUrl, each under its hash.
DOWNLOADS = Path(".velpharma/downloads")
# What backups were found to hold.
READINGS = Path(".velpharma/readings")
SEED_SQL = "_05-seed-base.sql.disabled"


@dataclass(frozen=True, slots=True)
class Content:
    """One choice of what the live database should hold, and why it was chosen.

    `path` is the file with the rows, None for an empty schema.
    """

    seed: Seed
    source: Source
    reason: str
    path: Path | None

    @property
    def content_id(self) -> str:
        return self.seed.id

    @property
    def label(self) -> str:
        return self.seed.label

    @property
    def tables(self) -> dict[str, int]:
        return self.seed.rows

    @property
    def backup(self) -> Backup | None:
        return self.seed.backup


def choose_content(
    project_dir: Path, settings: Settings, progress: Progress | None = None
) -> Content:
    """Choose the source as the settings and the files say, and read it.

    Raises BackupRefused for a damaged or missing file, SeedError for missing schema files,
    FetchFailed for a backupUrl that cannot be had.
    """
    init = project_dir / INIT_DIR
    default_backup = project_dir / str(project_defaults(project_dir)[1]["backup"])
    named = settings.backup
    if settings.backup_url and settings.source in ("auto", "backup"):
        from vpdb.download import fetch_backup  # only where needed: it brings http and ssl

        named = fetch_backup(
            settings.backup_url,
            settings.backup_sha256,
            project_dir / DOWNLOADS,
            progress=progress or quiet,
        )
    source, path, reason = choose_source(
        wanted=settings.source,
        backup=named,
        # A broken link or a directory is refused by whoever reads it, never passed over.
        backup_exists=os.path.lexists(named),
        backup_is_default=named == default_backup,
        seed=init / SEED_SQL,
        seed_exists=(init / SEED_SQL).is_file(),
    )
    if named is not settings.backup and source == "backup":
        reason = "the setting backupUrl names it"
    backup = _read(path, source, project_dir, settings, progress) if path else None
    empty = empty_seed(project_dir, settings)
    if path is None:
        return Content(empty, source, reason, path)
    inside = path.is_relative_to(project_dir)
    label = path.relative_to(project_dir).as_posix() if inside else str(path)
    return Content(replace(empty, backup=backup, source=source, label=label), source, reason, path)


def empty_seed(project_dir: Path, settings: Settings) -> Seed:
    """Return the seed of the schema files alone; raises SeedError for a missing one."""
    init = project_dir / INIT_DIR
    return Seed(
        schema_files=tuple(init / name for name in SCHEMA_SQL),
        owner=settings.user,
        schema=settings.db_schema,
        role_file=init / USER_SQL,
        source="empty",
        label="empty schema",
    )


def seed_with_commit(project_dir: Path, seed: Seed) -> Seed:
    """Return the seed with the short id of the checked-out commit, where there is one."""
    return replace(seed, commit=ask_git(project_dir, "rev-parse", "--short=12", "HEAD"))


def _read(
    path: Path, source: Source, project_dir: Path, settings: Settings, progress: Progress | None
) -> Backup:
    # Imported here: not for those who only need the names, nor what reads for what is known.
    if source == "seed":
        from pgseed.backup.reader import read_backup

        return read_backup(path, schema=settings.db_schema, progress=progress, seed=True)
    from pgseed.backup.reading_cache import ReadingCache

    cache = ReadingCache(project_dir / READINGS)
    return cache.read(path, schema=settings.db_schema, progress=progress)


def choose_source(
    *,
    wanted: str,
    backup: Path,
    backup_exists: bool,
    backup_is_default: bool,
    seed: Path,
    seed_exists: bool,
) -> tuple[Source, Path | None, str]:
    """Decide the source, its file and the reason in words; `wanted` is the setting `source`."""
    if wanted == "backup" or (wanted == "auto" and not backup_exists and not backup_is_default):
        # Falling back here would load other data than the settings name, without a word.
        if not backup_exists:
            raise _missing(backup, "source" if wanted == "backup" else "backup")
        return "backup", backup, "the setting source names it"
    if wanted == "seed":
        if not seed_exists:
            raise _missing(seed, "source")
        return "seed", seed, "the setting source names it"
    if wanted == "empty":
        return "empty", None, "the setting source says so"
    if backup_exists:
        why = "it is there" if backup_is_default else "the setting backup names it"
        return "backup", backup, why
    if seed_exists:
        return "seed", seed, f"there is no {backup.name}"
    return "empty", None, f"there is neither {backup.name} nor {seed.name}"


def _missing(path: Path, key: str) -> BackupRefused:
    return BackupRefused(
        path,
        f"there is no such file, and the setting {key} asks for it",
        remedy=f"Put the file there or run `pulumi config rm {key}`",
    )
