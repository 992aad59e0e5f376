"""Dated copies of dumps: which to keep, which to compress, which to remove; and what is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgseed.backup.compress import compress
from pgseed.backup.reader import read_backup
from pgseed.backup.work_folder import work_folder
from pgseed.errors import BackupRefused
from pgseed.progress import Progress, quiet

_DATE = "%Y%m%d_%H%M%S"
_DATED = re.compile(r"(?P<stem>.+)_(?P<date>\d{8}_\d{6})(?P<suffix>\.sql(?:\.gz|\.zst)?)")
_BACKUP = re.compile(r".+\.(sql|sql\.gz|sql\.zst|dump)")


@dataclass(frozen=True, slots=True)
class Retention:
    """Names of files to compress and to remove; what is in neither stays as it is."""

    compress: tuple[str, ...]
    remove: tuple[str, ...]


def dated_name(name: str, now: datetime) -> str:
    """`production_backup_data_only.sql` -> `production_backup_data_only_20261122_185412.sql`."""
    stem, dot, suffix = name.partition(".sql")
    return f"{stem}_{now.strftime(_DATE)}{dot}{suffix}"


def date_of(name: str) -> datetime | None:
    """The date in a dated copy's name; None for other files and for no real date."""
    match = _DATED.fullmatch(name)
    with suppress(ValueError):
        return datetime.strptime(match["date"], _DATE) if match else None
    return None


def plan_retention(names: Iterable[str], current: str, keep: int) -> Retention:
    """Decide about the dated copies of `current` among `names`: the newest `keep` stay.

    Of those all but the newest are compressed. Where a copy is there plain and compressed, an
    interrupted run left the plain one. Files with other names are never touched.
    """
    stem = current.partition(".sql")[0]
    dates: dict[datetime, list[str]] = {}
    for name in names:
        match, date = _DATED.fullmatch(name), date_of(name)
        if match is not None and date is not None and match["stem"] == stem:
            dates.setdefault(date, []).append(name)
    squeeze: list[str] = []
    remove: list[str] = []
    for place, date in enumerate(sorted(dates, reverse=True)):
        plain = [name for name in dates[date] if name.endswith(".sql")]
        packed = [name for name in dates[date] if not name.endswith(".sql")]
        if place >= keep:
            remove += dates[date]
        elif packed:
            remove += plain
        elif place > 0:
            squeeze += plain
    return Retention(tuple(sorted(squeeze)), tuple(sorted(remove)))


def keep_dated_copy(
    target: Path,
    *,
    keep: int,
    now: datetime,
    in_use: Path | None = None,
    progress: Progress = quiet,
) -> tuple[Path | None, Retention]:
    """Copy a file under a dated name, unless `keep` is 0, then thin out older copies."""
    copy = target.parent / dated_name(target.name, now) if keep else None
    if copy is not None:
        with work_folder(target.parent) as work:
            shutil.copyfile(target, work / copy.name)
            (work / copy.name).replace(copy)
    return copy, thin_out(target, keep, in_use, progress)


def thin_out(
    target: Path, keep: int, in_use: Path | None = None, progress: Progress = quiet
) -> Retention:
    """Compress and remove older dated copies of a file, but for the one that is `in_use`."""
    folder = target.parent
    names = (path.name for path in folder.iterdir() if path != in_use)
    retention = plan_retention(names, target.name, keep)
    with work_folder(folder) as work:
        for name in retention.compress:
            compress(folder / name, work / f"{name}.gz", progress)
            (work / f"{name}.gz").replace(folder / f"{name}.gz")
            (folder / name).unlink()
    for name in retention.remove:
        (folder / name).unlink()
    return retention


@dataclass(frozen=True, slots=True)
class ListedBackup:
    """One line of `vpdb backups`; `problem` says why a file could not be read."""

    path: Path
    date: datetime
    kind: str = ""
    size_bytes: int = 0
    rows: int = 0
    data_hash: str = ""
    problem: str = ""


def list_backups(folder: Path, *, schema: str, progress: Progress = quiet) -> list[ListedBackup]:
    """Read every backup in a folder; the newest first, by the date in the name or of the file."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if not _BACKUP.fullmatch(path.name) or not path.is_file():
            continue
        status = path.stat()
        date = date_of(path.name) or datetime.fromtimestamp(int(status.st_mtime))
        size = status.st_size
        try:
            held = read_backup(path, schema=schema, progress=progress)
            found.append(ListedBackup(path, date, held.kind, size, held.rows, held.data_hash))
        except BackupRefused as refused:
            found.append(ListedBackup(path, date, size_bytes=size, problem=str(refused)))
    return sorted(found, key=lambda backup: (backup.date, backup.path.name), reverse=True)
