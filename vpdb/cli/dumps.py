"""`dump` and `verify`: write the team's backup, and prove that one restores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpdb.cli.common import Json, Stack, found_path, print_json, server_of, settings_of, working
from vpdb.settings import Settings

if TYPE_CHECKING:
    from vpdb.backups.team_dump import Dumped


def dump(
    full: Annotated[
        bool, typer.Option("--full", help="Schema and rows, into a dated file of its own.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write there instead (.sql, .sql.gz, .sql.zst)."
        ),
    ] = None,
    over_newer: Annotated[
        bool,
        typer.Option("--over-newer", help="Also over a file that changed since it was loaded."),
    ] = False,
    lfs: Annotated[
        bool, typer.Option("--lfs", help="Have .gitattributes keep the backup in Git LFS.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Write the live database as the team's backup: the same data give the same bytes.

    It replaces the file only when it is complete and was read back; a dated copy is kept beside
    it. The next `pulumi up` here reloads nothing.

    \b
    Examples:
    python -m vpdb dump
    python -m vpdb dump --out /tmp/mine.sql.zst
    python -m vpdb dump --full
    """
    from vpdb.backups.team_dump import DumpWish, dump_live, target_of_team

    settings = settings_of(stack)
    wish = DumpWish(out, full, over_newer=over_newer)
    with working() as progress:
        done = dump_live(server_of(settings), settings, wish, progress)
    typer.echo("\n".join(told(done)))
    if lfs:
        _keep_in_lfs(settings, target_of_team(settings))
    elif done.advice:
        typer.echo(done.advice, err=True)


def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The backup; without one, the settings'.")
    ] = None,
    as_json: Json = False,
    stack: Stack = None,
) -> None:
    """Restore a backup into a throw-away database, check it, and say how long it took.

    Every constraint has to hold, every count to be right, and the restored data, dumped again,
    have to be the backup's. The quarterly recovery test in one command.

    \b
    Examples:
    python -m vpdb verify
    python -m vpdb verify backups/production_backup_20251015_120024.sql.gz
    """
    from pgseed.units import count, duration
    from vpdb.backups.verify import verify as restore_and_compare

    settings = settings_of(stack)
    server = server_of(settings)
    path = found_path(settings, file) if file else settings.backup
    with working() as progress:
        found = restore_and_compare(server, settings, path, progress)
    if as_json:
        times = {"restore_s": round(found.restore_s, 2), "total_s": round(found.total_s, 2)}
        held = {"rows": dict(found.rows), "constraints": found.constraints}
        print_json({"file": str(path), **held, **times})
        return
    typer.echo(
        f"{path.name} restores: {count(sum(found.rows.values()))} rows in {len(found.rows)} tables,"
        f" {found.constraints} constraints hold, dumped again it is the same"
    )
    typer.echo(f"restored in {duration(found.restore_s)}, verified in {duration(found.total_s)}")


def told(done: Dumped) -> list[str]:
    """Word a dump: what was written, what became of older ones, whether it was adopted."""
    from pgseed.units import count, size

    backup = done.backup
    what = f"{backup.path.name}: {count(backup.rows)} rows, {size(backup.size_bytes)}"
    lines = [f"wrote {what}" if done.changed else f"unchanged: {what}"]
    if done.copy and done.copy != backup.path:
        lines.append(f"dated copy {done.copy.name}")
    lines += [f"removed {name}, beyond dumpRetention" for name in done.removed]
    lines.append(
        "the live database is what this backup holds: `pulumi up` reloads nothing"
        if done.adopted
        else f"not what `pulumi up` loads: {done.why_not_adopted}"
    )
    return lines


def _keep_in_lfs(settings: Settings, target: Path) -> None:
    from vpdb.backups.git_settings import with_lfs

    path = settings.project_dir / ".gitattributes"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    pattern = f"/{target.relative_to(settings.project_dir).as_posix()}"
    path.write_text(with_lfs(text, pattern), encoding="utf-8")
    typer.echo(f".gitattributes keeps {pattern} in Git LFS; run `git lfs install` once, then")
    typer.echo(f"git add .gitattributes {pattern[1:]}")
