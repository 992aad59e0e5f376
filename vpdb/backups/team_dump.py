"""The dump of the live database as the team's backup: written, adopted, copied under its date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgseed.backup.compress import compress
from pgseed.backup.model import Backup
from pgseed.backup.work_folder import work_folder
from pgseed.dumping.canonical import write_dump
from pgseed.dumping.schema_part import container_schema
from pgseed.errors import SeedError
from pgseed.progress import Progress, quiet
from vpdb.backups.dated_copies import date_of, dated_name, keep_dated_copy, plan_retention
from vpdb.backups.git_size import size_advice
from vpdb.backups.release_records import read_notes
from vpdb.config import Settings, project_defaults
from vpdb.content import choose_content, empty_seed
from vpdb.live import live_database
from vpdb.server.docker_server import DockerServer

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


def dump_live(
    server: DockerServer,
    settings: Settings,
    *,
    out: Path | None = None,
    full: bool = False,
    notes: Sequence[str] | None = None,
    database: int | None = None,
    progress: Progress = quiet,
    now: datetime | None = None,
) -> Dumped:
    """Dump the live database; without `out`, as the team's backup.

    `notes` replace the remarks of the file before; None keeps them. A full dump (schema and rows)
    goes to a dated file of its own. `database` is the oid of the only one that will do. Whatever
    fails, the file that was there is untouched.
    """
    moment = now or datetime.now()
    target = out or _target(settings, full=full, moment=moment)
    live = settings.database
    schema = settings.db_schema
    kept_notes = read_notes(target_of_team(settings)) if notes is None else notes
    database_of_stack = live_database(server, settings, progress)
    horizon = database_of_stack.dump_horizon()
    dump = write_dump(
        lambda: server.connect(live, purpose="dump"),
        target,
        schema=schema,
        expected=None if full else schema_columns(server, settings, progress),
        schema_text=container_schema(server.container, live, schema) if full else None,
        notes=() if full else tuple(kept_notes),
        database=database,
        progress=progress,
    )
    why_not = _why_not_adopted(settings, target, full=full)
    if not why_not:
        content = choose_content(settings.project_dir, settings)
        why_not = database_of_stack.adopt_dump(content.seed, dump.database, horizon)
    copy, removed = None, tuple[str, ...]()
    if not out:
        copy, removed = _keep(target, settings, dump.changed, full=full, moment=moment)
    advice = size_advice(_shown(target, settings), dump.backup.size_bytes) if not full else ""
    return Dumped(dump.backup, dump.changed, not why_not, why_not, copy, removed, advice)


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


def _target(settings: Settings, *, full: bool, moment: datetime) -> Path:
    team = target_of_team(settings)
    return team.parent / dated_name(FULL_NAME, moment) if full else team


def _why_not_adopted(settings: Settings, target: Path, *, full: bool) -> str:
    if full or target != settings.backup:
        return f"the settings load {settings.backup.name}"
    if settings.source not in ("auto", "backup"):
        return f"the setting source says {settings.source}"
    return ""


def _keep(
    target: Path, settings: Settings, changed: bool, *, full: bool, moment: datetime
) -> tuple[Path | None, tuple[str, ...]]:
    """Copy under a date and thin out older copies; a full dump has its date already."""
    if not changed:
        # The newest dated copy is this very content; another one would only push an older one out.
        return None, ()
    try:
        if full:
            return target, _thin_out(target.parent, settings.dump_retention)
        copy, retention = keep_dated_copy(target, keep=settings.dump_retention, now=moment)
    except OSError as error:
        raise SeedError(
            f"failed to keep a dated copy of {target.name}: {error.strerror}. The dump itself is"
            " written; free space and dump again"
        ) from None
    return copy, retention.remove


def _thin_out(folder: Path, keep: int) -> tuple[str, ...]:
    """Compress and remove older full dumps, which have no undated file beside them."""
    retention = plan_retention((path.name for path in folder.iterdir()), FULL_NAME, max(1, keep))
    with work_folder(folder) as work:
        for name in retention.compress:
            compress(folder / name, work / f"{name}.gz")
            (work / f"{name}.gz").replace(folder / f"{name}.gz")
            (folder / name).unlink()
    for name in retention.remove:
        (folder / name).unlink()
    return retention.remove


def _shown(path: Path, settings: Settings) -> Path:
    folder = settings.project_dir
    return path.relative_to(folder) if path.is_relative_to(folder) else path
