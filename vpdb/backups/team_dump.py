"""The dump of the live database as the team's backup: written, adopted, copied under its date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pgseed.backup.model import Backup
from pgseed.backup.reading_cache import ReadingCache
from pgseed.dumping import DumpOptions, dump, read_notes
from pgseed.errors import BackupRefused, SeedError
from pgseed.live.database import LiveDatabase
from pgseed.progress import Progress, quiet
from vpdb.backups.dated_copies import date_of, dated_name, keep_dated_copy, thin_out
from vpdb.backups.git_settings import size_advice
from vpdb.backups.schema_part import container_schema
from vpdb.live import live_database
from vpdb.seed_source import READINGS, choose_content, empty_seed
from vpdb.server.docker_server import DockerServer
from vpdb.settings import Settings, project_defaults

FULL_NAME = "production_backup.sql"
"""What a full dump's dated name is made from."""


@dataclass(frozen=True, slots=True)
class Dumped:
    """A finished dump; `adopted` says whether the next `pulumi up` reloads nothing."""

    backup: Backup
    changed: bool
    adopted: bool
    why_not_adopted: str
    copy: Path | None
    removed: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class DumpWish:
    """What to dump; by itself, the team's backup with the notes that it has.

    `out` names another file. A full dump (schema and rows) goes to a dated file of its own.
    `notes` replace the former ones. `database` is the oid of the only one that will do.
    `over_newer` takes a team's backup for its own that is not what the live database came from.
    """

    out: Path | None = None
    full: bool = False
    notes: Sequence[str] | None = None
    database: int | None = None
    over_newer: bool = False


def dump_live(
    server: DockerServer, settings: Settings, wish: DumpWish, progress: Progress = quiet
) -> Dumped:
    """Dump the live database. Whatever fails, the file that was there is untouched."""
    now = datetime.now()
    name, schema = settings.database, settings.db_schema
    team = target_of_team(settings)
    target = wish.out or (team.parent / dated_name(FULL_NAME, now) if wish.full else team)
    live = live_database(server, settings, progress)
    if target == team and not wish.over_newer:
        refuse_newer(live, settings)
    elif target == team and _is_newer(live, settings, team):
        former = datetime.fromtimestamp(team.stat().st_mtime)
        keep_dated_copy(team, keep=max(1, settings.dump_retention), now=former)
    horizon = live.dump_horizon()
    if wish.full:
        options = DumpOptions(schema_text=container_schema(server.container, name, schema))
    else:
        notes = read_notes(team) if wish.notes is None else wish.notes
        options = DumpOptions(schema_columns(server, settings, progress), notes=notes)
    options = replace(options, oid=wish.database, progress=progress)
    written = dump(server, name, target, schema=schema, options=options)
    if wish.full or target != settings.backup:
        why_not = f"the settings load {settings.backup.name}"
    elif settings.source not in ("auto", "backup"):
        why_not = f"the setting source says {settings.source}"
    else:
        content = choose_content(settings.project_dir, settings)
        why_not = live.adopt_dump(content.seed, written.database, horizon)
    copy, removed = None, tuple[str, ...]()
    # Of an unchanged dump the newest copy is there; another one would only push an older one out.
    if not wish.out and written.changed:
        copy, removed = _keep(target, settings, now, full=wish.full)
    backup = written.backup
    advice = "" if wish.full else size_advice(_shown(target, settings), backup.size_bytes)
    return Dumped(backup, written.changed, not why_not, why_not, copy, removed, advice)


def refuse_newer(live: LiveDatabase, settings: Settings) -> None:
    """Raise SeedError where the team's backup has other rows than the database was loaded from."""
    team = target_of_team(settings)
    if _is_newer(live, settings, team):
        raise SeedError(
            f"failed to dump over {_shown(team, settings)}: it holds other rows than {live.name}"
            " was loaded from. Load it first (`pulumi up` keeps local changes), dump elsewhere with"
            " `python -m vpdb dump --out FILE`, or replace it with `python -m vpdb dump"
            " --over-newer`"
        )


def _is_newer(live: LiveDatabase, settings: Settings, team: Path) -> bool:
    """Tell whether the file holds other rows than the live database was loaded from."""
    stamp = live.stamp()
    is_known = stamp is not None and (stamp.data_hash or stamp.source == "empty")
    if stamp is None or not is_known or not team.exists():
        return False
    try:
        there = ReadingCache(settings.project_dir / READINGS).read(team, schema=settings.db_schema)
    except BackupRefused:
        return False  # a damaged file is worth less than a dump
    return there.data_hash != stamp.data_hash


def schema_columns(
    server: DockerServer, settings: Settings, progress: Progress = quiet
) -> dict[str, tuple[str, ...]]:
    """Return what the schema files give: the columns of each table."""
    empty = empty_seed(settings.project_dir, settings)
    return live_database(server, settings, progress).columns(empty)


def target_of_team(settings: Settings) -> Path:
    """The file that is the team's backup: the one of the settings, unless that is a dated copy."""
    if date_of(settings.backup.name) is None:
        return settings.backup
    return settings.project_dir / str(project_defaults(settings.project_dir)[1]["backup"])


def _keep(
    target: Path, settings: Settings, now: datetime, *, full: bool
) -> tuple[Path | None, tuple[str, ...]]:
    """Copy under a date and thin out older copies; a full dump has its date already."""
    keep = settings.dump_retention
    try:
        if full:
            return target, thin_out(target.parent / FULL_NAME, max(1, keep), settings.backup).remove
        copy, retention = keep_dated_copy(target, keep=keep, now=now, in_use=settings.backup)
    except OSError as error:
        raise SeedError(
            f"failed to keep a dated copy of {target.name}: {error.strerror}. The dump itself is"
            " written; free space and dump again"
        ) from None
    return copy, retention.remove


def _shown(path: Path, settings: Settings) -> Path:
    folder = settings.project_dir
    return path.relative_to(folder) if path.is_relative_to(folder) else path
