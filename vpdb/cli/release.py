"""`release`: the monthly release in one command."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from vpdb.cli.common import Stack, server_of, settings_of, working
from vpdb.errors import SettingRefused
from vpdb.settings import Settings

if TYPE_CHECKING:
    from pgseed.progress import Progress
    from vpdb.release import Released


def release(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The month, as 2026-11.")],
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit the new backup; pushing stays with you.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, from the files alone.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Load every CSV in data/ in bulk mode, then dump the team's backup.

    Bulk mode is switched off again also when the load fails. A release of the same CSVs that is
    in the committed backup already does nothing. The setting `loader` names another loader than
    the built-in one.

    \b
    Examples:
    python -m vpdb release 2026-11
    python -m vpdb release 2026-11 --commit
    """
    from pgseed.units import size
    from vpdb import release as engine
    from vpdb.settings import RELEASE_NAME

    settings = settings_of(stack)
    if not RELEASE_NAME.fullmatch(name):
        raise SettingRefused(
            f"failed to read release {name!r}: it must be a month as YYYY-MM."
            " For example: python -m vpdb release 2026-11"
        )
    plan = engine.plan_release(settings, name)
    if plan.why_not:
        typer.echo(f"nothing to do: {plan.why_not}")
        return
    typer.echo(f"release {plan.name} with {settings.loader or 'the built-in loader'}:")
    for file in plan.files:
        typer.echo(f"  {file.path.name}  {size(file.size_bytes)}  {file.sha256[:12]}")
    if dry_run:
        return
    # As an exception, so that bulk mode ends before the process does.
    signal.signal(signal.SIGTERM, _end)
    server = server_of(settings)
    with working() as progress:
        released = engine.make_release(
            server, settings, plan, lambda paths: _load(settings, paths, progress), progress
        )
    typer.echo("\n".join(told(released)))
    if commit:
        made = engine.commit(settings, released)
        typer.echo(f"committed as {made}" if made else "nothing to commit: the backup is the same")


def told(released: Released) -> list[str]:
    """Word a release: rows before and after, the file, the commit message."""
    from pgseed.units import count
    from vpdb.cli.dumps import told as told_dump
    from vpdb.release import commit_message, row_counts

    width = max((len(table) for table in released.after), default=0)
    lines = ["rows before and after:"]
    for table, (old, new) in row_counts(released).items():
        lines.append(f"  {table:<{width}}  {count(old):>12}  {count(new):>12}  {new - old:+,}")
    if released.dumped:
        lines += told_dump(released.dumped)
        if released.dumped.advice:
            lines.append(released.dumped.advice)
    return [*lines, "commit message:", "", commit_message(released), ""]


def _load(settings: Settings, paths: Sequence[Path], progress: Progress) -> None:
    """Load by the setting's loader, else by the built-in one with no bad row allowed."""
    from master_data.csv_file import find_files
    from vpdb import loader
    from vpdb.cli.data import DATA_DIR, describe, run_load
    from vpdb.release import ReleaseFailed

    if settings.loader:
        loader.run(settings)
        return
    known = find_files(settings.project_dir / DATA_DIR)
    foreign = [path.name for path in paths if path not in known]
    if foreign:
        raise ReleaseFailed(
            f"failed to load {', '.join(foreign)}: the built-in loader knows no table of that name."
            f" Move it out of {DATA_DIR}/, or set `loader`"
        )
    result = run_load(settings, list(paths), progress)
    typer.echo("\n".join(describe(result)))
    if not result.committed:
        raise ReleaseFailed(
            f"failed to load the CSVs: {result.rejected} rows are bad. Mend them (data/rejected/"
            " says where and why) and run the release again"
        )


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
