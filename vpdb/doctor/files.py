"""The files of the checkout: the backup, what would be loaded, git."""

from __future__ import annotations

from dataclasses import replace

from pgseed import units
from pgseed.backup.work_folder import leftovers
from pgseed.errors import BackupRefused, SeedError
from vpdb.backups.git_settings import LIMIT_BYTES
from vpdb.doctor.facts import BackupFile, Facts, Team, Wanted
from vpdb.doctor.finding import Finding, note, ok, skipped, trouble, warning
from vpdb.git import ask_git
from vpdb.seed_source import INIT_DIR, choose_content
from vpdb.settings import Settings

_COMPRESSED = (".gz", ".zst")


def look_at_content(settings: Settings) -> tuple[Wanted, BackupFile]:
    """Choose what `pulumi up` would load, and look at the backup on the way."""
    path = settings.backup
    lfs = ask_git(settings.project_dir, "check-attr", "filter", "--", str(path))
    found = BackupFile(
        path=path,
        exists=path.is_file(),
        size_bytes=path.stat().st_size if path.is_file() else 0,
        compressed=path.suffix in _COMPRESSED,
        git_lfs=lfs.endswith("lfs"),
        leftovers=tuple(leftovers(path.parent)),
    )
    try:
        content = choose_content(settings.project_dir, settings)
    except SeedError as error:
        if isinstance(error, BackupRefused) and error.path == path and found.exists:
            where = f", line {error.line}" if error.line else ""
            refused = f"{path.name}{where}: {error.cause}"
            found = replace(found, refused=refused, remedy=error.remedy)
        return Wanted(error=str(error)), found
    seed = content.seed
    return Wanted(content=seed.id, schema=seed.schema_id, source=content.label), found


def look_at_team(settings: Settings) -> Team:
    """Compare backup and schema with what is committed here and on the upstream branch.

    The network is not asked: the upstream is as last fetched.
    """
    folder = settings.project_dir
    if ask_git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        return Team()
    paths = [str(INIT_DIR)]
    if settings.backup.is_relative_to(folder):
        paths.append(str(settings.backup.relative_to(folder)))
    modified = ask_git(folder, "status", "--porcelain", "--untracked-files=no", "--", *paths)
    upstream = ask_git(folder, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    behind = ""
    if upstream:
        behind = ask_git(folder, "rev-list", "--count", "HEAD..@{upstream}", "--", *paths)
    return Team(
        in_git=True,
        modified=bool(modified),
        behind=int(behind) if behind.isdigit() else 0,
        upstream=upstream,
    )


def check_backup(facts: Facts) -> Finding:
    """Is the backup there, whole, and data?"""
    found = facts.backup
    if found is None:
        return skipped("nothing could be read")
    name = found.path.name
    if not found.exists:
        if facts.wanted and not facts.wanted.error:
            return note(
                f"there is no {name}; {facts.wanted.source} is loaded instead",
                "`git checkout` or `python -m vpdb dump` brings one",
            )
        reason = facts.wanted.error if facts.wanted else "nothing to load"
        return trouble(f"there is no {found.path}", reason)
    if found.refused:
        return trouble(found.refused, found.remedy or "Restore it: `git checkout -- backups/`")
    if found.leftovers:
        return note(
            f"a killed dump left {found.leftovers[0].name} in backups/",
            "`python -m vpdb doctor --fix` removes it",
            "remove_leftovers",
        )
    return ok(f"{name}, {units.size(found.size_bytes)}, is whole")


def check_backup_size(facts: Facts) -> Finding:
    found = facts.backup
    if found is None or not found.exists:
        return skipped("there is no backup")
    if found.size_bytes <= LIMIT_BYTES or found.git_lfs:
        held = ", kept by Git LFS" if found.git_lfs else ""
        return ok(f"{units.size(found.size_bytes)}{held}")
    compressed = (
        ""
        if found.compressed
        else "`python -m vpdb dump --out backups/production_backup_data_only.sql.zst` with"
        " `pulumi config set backup`, or "
    )
    return warning(
        f"{found.path.name} has {units.size(found.size_bytes)}; GitHub warns from 50 MB and"
        " refuses 100 MB",
        f"Use {compressed}Git LFS, or backupUrl; backups/README.md shows each",
    )


def check_team(facts: Facts) -> Finding:
    """Has the team newer data than this checkout?"""
    found = facts.team
    if not found.in_git:
        return skipped("not a git checkout")
    if found.behind:
        commits = f"{found.behind} commit" + ("s" if found.behind > 1 else "")
        return warning(
            f"{found.upstream} has {commits} on the backup or the schema that are not here",
            "Run `git pull`, then `pulumi up`",
        )
    if found.modified:
        return note(
            "the backup or the schema here is not what is committed",
            "`git status`, `python -m vpdb diff` show it; commit it or restore it with"
            " `git checkout`",
        )
    if not found.upstream:
        return ok("as committed; the branch has no upstream to compare with")
    return ok(f"as {found.upstream} when last fetched")
