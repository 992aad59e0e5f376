"""Judgements on the backup file and on git."""

from __future__ import annotations

from pgseed import units
from vpdb.backups.git_settings import LIMIT_BYTES
from vpdb.doctor.facts import Facts
from vpdb.doctor.finding import Finding, note, ok, skipped, trouble, warning


def backup(facts: Facts) -> Finding:
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


def backup_size(facts: Facts) -> Finding:
    """Is the backup small enough for git?"""
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


def team(facts: Facts) -> Finding:
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
