"""What the files of the checkout say: the backup, what would be loaded, git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pgseed.backup.work_folder import leftovers
from pgseed.errors import BackupRefused, SeedError
from vpdb.config import Settings
from vpdb.content import INIT_DIR, Content, choose_content
from vpdb.doctor.facts import BackupFile, Team, Wanted

_COMPRESSED = (".gz", ".zst")


def look_at_content(settings: Settings) -> tuple[Wanted, BackupFile, Content | None]:
    """Choose what `pulumi up` would load, and look at the backup on the way."""
    path = settings.backup
    exists = path.is_file()
    backup = BackupFile(
        path=path,
        exists=exists,
        size_bytes=path.stat().st_size if exists else 0,
        compressed=path.suffix in _COMPRESSED,
        git_lfs=_attribute(settings.project_dir, path, "filter") == "lfs",
        leftovers=tuple(leftovers(path.parent)),
    )
    try:
        content = choose_content(settings.project_dir, settings)
    except BackupRefused as error:
        if error.path == path and exists:
            where = f", line {error.line}" if error.line else ""
            backup = BackupFile(
                path=path,
                exists=True,
                size_bytes=backup.size_bytes,
                refused=f"{path.name}{where}: {error.cause}",
                remedy=error.remedy,
                compressed=backup.compressed,
                git_lfs=backup.git_lfs,
                leftovers=backup.leftovers,
            )
        return Wanted(error=str(error)), backup, None
    except SeedError as error:
        return Wanted(error=str(error)), backup, None
    wanted = Wanted(
        content=content.content_id,
        schema=content.seed.schema_id,
        source=content.label,
        reason=content.reason,
    )
    return wanted, backup, content


def look_at_team(settings: Settings) -> Team:
    """Compare backup and schema with what is committed here and on the upstream branch.

    The network is not asked: the upstream is as last fetched.
    """
    folder = settings.project_dir
    if _git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        return Team()
    paths = [str(INIT_DIR)]
    if settings.backup.is_relative_to(folder):
        paths.append(str(settings.backup.relative_to(folder)))
    modified = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", *paths)
    upstream = _git(folder, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    behind = ""
    if upstream:
        behind = _git(folder, "rev-list", "--count", "HEAD..@{upstream}", "--", *paths)
    return Team(
        in_git=True,
        modified=bool(modified),
        behind=int(behind) if behind.isdigit() else 0,
        upstream=upstream,
    )


def _attribute(folder: Path, path: Path, name: str) -> str:
    return _git(folder, "check-attr", name, "--", str(path)).rpartition(": ")[2]


def _git(folder: Path, *args: str) -> str:
    try:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
