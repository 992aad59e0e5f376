"""Backup files: compare, list and show them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pgseed.errors import SeedError
from vpdb.cli.common import (
    Json,
    Stack,
    found_path,
    hanging,
    print_json,
    server_of,
    settings_of,
    working,
)
from vpdb.settings import Settings

if TYPE_CHECKING:
    from pgseed.backup.model import Backup
    from pgseed.progress import Progress
    from vpdb.backups.dated_copies import ListedBackup

LIVE = "live"
DIFFERENT = 3
PIPE_WIDTH = 200  # columns that a table may take when nobody's terminal limits it
_REMARK = 16  # columns that what is said last of a backup needs at least


def textconv(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The backup that git wants to show.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Tell git in this checkout to show backups so.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Print a backup a value a line, for `git diff` and `git log -p`.

    \b
    Examples:
    python -m vpdb textconv --install
    git diff backups/
    """
    import shlex
    import subprocess

    from pgseed.diff.text import write_textconv
    from vpdb.backups.git_settings import DIFF_CONFIGURATION

    if install:
        folder = settings_of(stack).project_dir
        for key, value in DIFF_CONFIGURATION:
            # Git runs it in a plain shell, where this Python may not be the first on PATH.
            value = value.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
            subprocess.run(["git", "config", key, value], cwd=folder, check=True)
        typer.echo("git shows backups value by value in this checkout")
    elif file is None:
        raise typer.BadParameter("FILE is missing", param_hint="FILE")
    else:
        write_textconv(file, sys.stdout.buffer)


def backups(as_json: Json = False, stack: Stack = None) -> None:
    """List the backup files: date, kind, size, rows, and which is current or loaded.

    Current is the one that `pulumi up` loads; another one is chosen with
    `pulumi config set backup FILE`.

    \b
    Examples:
    python -m vpdb backups
    """
    from vpdb.backups.dated_copies import list_backups

    settings = settings_of(stack)
    with working() as progress:
        found = list_backups(settings.backup.parent, schema=settings.db_schema, progress=progress)
    loaded = _loaded_content(settings)
    rows = [_listed(settings, one, loaded) for one in found]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo(f"no backups in {settings.backup.parent}")
    else:
        _print_table([_cells(one, row) for one, row in zip(found, rows, strict=True)])


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A backup file, or `live`.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A backup file, or `live`.")],
    examples: Annotated[int, typer.Option(min=0, help="Rows to show of each kind, per table.")] = 3,
    as_json: Json = False,
    stack: Stack = None,
) -> None:
    """Say which rows were added, removed and changed, per table, by primary key.

    `live` stands for the live database. Exit code 0 when nothing differs, 3 when something does.

    \b
    Examples:
    python -m vpdb diff backups/production_backup_data_only.sql live
    python -m vpdb diff old.sql.gz new.sql.zst --examples 10
    """
    from pgseed.diff.backups import compare_backups
    from pgseed.diff.text import describe

    settings = settings_of(stack)
    with (
        working() as progress,
        _read(settings, old, progress) as before,
        _read(settings, new, progress) as after,
    ):
        keys = _keys(settings)
        found = compare_backups(before, after, keys=keys, examples=examples, progress=progress)
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo("\n".join(describe(found)))
    if not found.is_empty:
        raise typer.Exit(DIFFERENT)


@contextmanager
def _read(settings: Settings, name: str, progress: Progress) -> Iterator[Backup]:
    """Read one side; the live database is dumped into a folder of its own first."""
    from pgseed.backup.reader import read_backup

    if name != LIVE:
        path = found_path(settings, Path(name))
        yield read_backup(path, schema=settings.db_schema, progress=progress)
        return
    import tempfile

    from pgseed.dumping import DumpOptions, dump

    server = server_of(settings)
    schema, options = settings.db_schema, DumpOptions(progress=progress)
    with tempfile.TemporaryDirectory(prefix="vpdb-diff-") as folder:
        file = Path(folder) / "live.sql"
        yield dump(server, settings.database, file, schema=schema, options=options).backup


def _keys(settings: Settings) -> Mapping[str, Sequence[str]] | None:
    """Read the tables' primary keys from the live database; None where it does not answer."""
    from vpdb.queries import query

    try:
        server = server_of(settings, timeout_s=1.0)
    except SeedError:
        return None
    with server.session(settings.database, purpose="diff") as session, session.cursor() as cursor:
        cursor.execute(query("diff_keys"), {"schema": settings.db_schema})
        return dict(cursor.fetchall())


def _loaded_content(settings: Settings) -> str:
    from vpdb.live import live_database

    try:
        stamp = live_database(server_of(settings, timeout_s=1.0), settings).stamp()
    except SeedError:
        return ""
    return stamp.content_id if stamp else ""


def _listed(settings: Settings, one: ListedBackup, loaded: str) -> dict[str, object]:
    """Describe a backup; its content id is the one that loading it would give."""
    from vpdb.seed_source import empty_seed

    content = None
    if not one.problem:
        content = empty_seed(settings.project_dir, settings).id_with(one.data_hash)
    return {
        "file": str(one.path),
        "date": one.date.isoformat(),
        "kind": one.kind or None,
        "size_bytes": one.size_bytes,
        "rows": one.rows,
        "content_id": content,
        "problem": one.problem or None,
        "current": one.path == settings.backup,
        "loaded": content == loaded,
    }


def _cells(one: ListedBackup, row: Mapping[str, object]) -> tuple[str, ...]:
    from pgseed.units import count, size

    return (
        one.path.name,
        one.date.strftime("%Y-%m-%d %H:%M"),
        one.kind or "unreadable",
        size(one.size_bytes),
        count(one.rows) if one.kind else "",
        str(row["content_id"] or "")[:12],
        one.problem or ", ".join(mark for mark in ("current", "loaded") if row[mark]),
    )


def _print_table(table: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    screen = Console(width=width, highlight=False, emoji=False, markup=False)
    heads = ("file", "date", "kind", "size", "rows", "content", "")
    widths = [max(map(len, column)) + 2 for column in zip(heads, *table, strict=True)][:-1]
    if sum(widths) + _REMARK <= screen.width:
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for head in heads:
            side: Literal["left", "right"] = "right" if head in ("size", "rows") else "left"
            grid.add_column(head, justify=side, overflow="fold")
        for cells in table:
            grid.add_row(*cells)
        screen.print(grid)
        return
    # Too narrow for columns: a name in halves finds nothing, so each stands on a line of its own.
    for name, date, kind, size, rows, content, note in table:
        typer.echo(name)
        said = (date, kind, size, f"{rows} rows" if rows else "", content, note)
        typer.echo("  " + hanging("  ".join(filter(None, said)), 2))
