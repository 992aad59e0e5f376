"""The reload: content into the live database, built beside it and swapped in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg2.extensions

from pgseed.databases.lock import locked
from pgseed.databases.retention import find_live, find_template
from pgseed.databases.spare import lacks_spare, make_spare
from pgseed.databases.stamp import Database, list_databases
from pgseed.live.replace import (
    Action,
    LoadResult,
    changes_of,
    clean_up,
    replace_live,
    superfluous,
)
from pgseed.progress import Progress, quiet
from pgseed.server import Server
from vpdb.config import Settings

if TYPE_CHECKING:
    from vpdb.content import Content

Connection = psycopg2.extensions.connection


def load_content(
    server: Server,
    settings: Settings,
    content: Content,
    progress: Progress = quiet,
    *,
    even_if_clean: bool = False,
) -> LoadResult:
    """Make the live database hold this content, unless it does so already and is clean.

    Whatever fails, the live database stays as it was. Raises BackupRefused for rows that do not
    fit the schema, ServerUnreachable, lock.Busy, or SeedError with the cause in one line.
    """
    return load_planned(
        server,
        settings,
        content.content_id,
        lambda: content,
        progress,
        even_if_clean=even_if_clean,
    )


def load_planned(
    server: Server,
    settings: Settings,
    content_id: str,
    read: Callable[[], Content],
    progress: Progress = quiet,
    *,
    even_if_clean: bool = False,
) -> LoadResult:
    """Do as load_content() with a content that is only read where no template of it is there.

    Raises what that does, and what `read` does.
    """
    live = settings.database
    doomed: list[str] = []
    with locked(server, f"load {live}", progress, doomed=doomed) as admin:
        clean_up(server, admin, settings, progress)
        databases = list_databases(admin, live)
        present = find_live(databases)
        stamp = present.stamp if present else None
        if present and stamp and stamp.content_id == content_id and not even_if_clean:
            progress("look for local changes", 0, 0)
            content = None if find_template(databases, content_id) else read()
            if not changes_of(server, databases, present, content=content):
                doomed += superfluous(list_databases(admin, live, sizes=True), settings)
                return LoadResult("adopted", stamp)
        template, action = _template(server, admin, settings, content_id, read, databases, progress)
        return replace_live(server, admin, settings, template, action, progress, doomed)


def prepare_load(server: Server, settings: Settings, content: Content) -> None:
    """Have ready what load_content() will want, the live database untouched: template and spare.

    Does nothing where the content is live. Raises lock.Busy where another command is at work, else
    what load_content() raises.
    """
    live = settings.database
    with locked(server, f"load {live}", quiet, wait_s=0) as admin:
        present = find_live(list_databases(admin, live))
        if present and present.stamp and present.stamp.content_id == content.content_id:
            return
        clean_up(server, admin, settings, quiet)
        databases = list_databases(admin, live)
        template, _ = _template(
            server, admin, settings, content.content_id, lambda: content, databases, quiet
        )
        databases = list_databases(admin, live, sizes=True)
        template = next(d for d in databases if d.oid == template.oid)
        if lacks_spare(databases, template, settings):
            make_spare(admin, template, live)


def _template(
    server: Server,
    admin: Connection,
    settings: Settings,
    content_id: str,
    read: Callable[[], Content],
    databases: list[Database],
    progress: Progress,
) -> tuple[Database, Action]:
    """Find the finished template of a content, or build it; tell what a load from it has done."""
    found = find_template(databases, content_id)
    if found is not None:
        return found, "cloned"
    from pgseed.template.build import build_template  # brings all that reads backups

    live = settings.database
    name = build_template(
        server, admin, live, read(), commit=commit_of(settings), progress=progress
    )
    return next(d for d in list_databases(admin, live) if d.name == name), "built"


def commit_of(settings: Settings) -> str:
    """Give the short id of the checked-out commit; empty outside a Git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=settings.project_dir,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
