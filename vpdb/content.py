"""What `pulumi up` would load: the source, why that one, and the content id. Files only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pgseed.errors import BackupRefused
from pgseed.progress import Progress, quiet
from vpdb.config import Settings, project_defaults
from vpdb.errors import SettingRefused

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
# Raised when the same files begin to give another database.
FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Content:
    """One choice of what the live database should hold.

    `label` names the source for people, `reason` says why it was chosen. `tables` are the rows a
    load will bring, by table as named in SQL; `schema_files` the SQL that is run before, and
    `schema_id` the part of the identity that comes from them. `init_id` identifies everything that
    is run before rows come: the role's file too, which makes no database another one.
    """

    content_id: str
    source: Source
    label: str
    reason: str
    path: Path | None
    tables: dict[str, int]
    user_file: Path
    schema_files: tuple[Path, ...]
    db_schema: str
    user: str
    schema_id: str = ""
    init_id: str = ""
    backup: Backup | None = field(default=None, repr=False)


def choose_content(
    project_dir: Path, settings: Settings, progress: Progress | None = None
) -> Content:
    """Choose the source as the settings and the files say, and read it.

    Raises BackupRefused for a damaged or missing file, SettingRefused for missing schema files,
    FetchFailed for a backupUrl that cannot be had.
    """
    init = project_dir / INIT_DIR
    default_backup = project_dir / str(project_defaults(project_dir)[1]["backup"])
    named = settings.backup
    if settings.backup_url and settings.source in ("auto", "backup"):
        from vpdb.backups.download import fetch_backup  # only where needed: it brings http and ssl

        named = fetch_backup(
            settings.backup_url,
            settings.backup_sha256,
            project_dir / DOWNLOADS,
            progress=progress or quiet,
        )
    source, path, reason = choose_source(
        wanted=settings.source,
        backup=named,
        backup_exists=named.is_file(),
        backup_is_default=named == default_backup,
        seed=init / SEED_SQL,
        seed_exists=(init / SEED_SQL).is_file(),
    )
    if named is not settings.backup and source == "backup":
        reason = "the setting backupUrl names it"
    backup = _read(path, source, project_dir, settings, progress) if path else None
    files = tuple(init / name for name in SCHEMA_SQL)
    texts = [read_sql(path) for path in files]
    names = {"db_schema": settings.db_schema, "user": settings.user}
    return Content(
        content_id=content_id(backup.data_hash if backup else "", texts, **names),
        schema_id=content_id("", texts, **names),
        init_id=content_id("", [read_sql(init / USER_SQL), *texts], **names),
        source=source,
        label=_shown(path, project_dir) if path else "empty schema",
        reason=reason,
        path=path,
        tables=dict(backup.tables) if backup else {},
        user_file=init / USER_SQL,
        schema_files=files,
        db_schema=settings.db_schema,
        user=settings.user,
        backup=backup,
    )


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
            key = "source" if wanted == "backup" else "backup"
            raise BackupRefused(
                backup,
                f"there is no such file, and the setting {key} asks for it",
                remedy=f"Put the file there or run `pulumi config rm {key}`",
            )
        return "backup", backup, "the setting source names it"
    if wanted == "seed":
        if not seed_exists:
            raise BackupRefused(
                seed,
                "there is no such file, and the setting source asks for it",
                remedy="Put the file there or run `pulumi config rm source`",
            )
        return "seed", seed, "the setting source names it"
    if wanted == "empty":
        return "empty", None, "the setting source says so"
    if backup_exists:
        why = "it is there" if backup_is_default else "the setting backup names it"
        return "backup", backup, why
    if seed_exists:
        return "seed", seed, f"there is no {backup.name}"
    return "empty", None, f"there is neither {backup.name} nor {seed.name}"


def content_id(data_hash: str, schema_sql: Iterable[bytes], *, db_schema: str, user: str) -> str:
    """Hash everything that decides what a load gives, as labelled fields: 64 hex digits."""
    digest = hashlib.sha256()
    parts = [("format", FORMAT_VERSION.encode()), ("data", data_hash.encode())]
    parts += [("sql", text) for text in schema_sql]
    parts += [("schema", db_schema.encode()), ("user", user.encode())]
    for label, value in parts:
        # The length keeps a value from reading as the next field.
        digest.update(f"{label}:{len(value)}:".encode() + value)
    return digest.hexdigest()


def read_sql(path: Path) -> bytes:
    """Read a schema file, line endings aside: a checkout on Windows is the same content."""
    try:
        return path.read_bytes().replace(b"\r\n", b"\n")
    except FileNotFoundError:
        raise SettingRefused(
            f"failed to read {path}: there is no such file. Restore it: git checkout -- {path}"
        ) from None


def _shown(path: Path, project_dir: Path) -> str:
    return (
        path.relative_to(project_dir).as_posix() if path.is_relative_to(project_dir) else str(path)
    )
