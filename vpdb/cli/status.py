"""`status`: what am I on, what would `pulumi up` load, what differs here, what is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from pgseed.errors import BackupRefused, FileMissing, SeedError
from vpdb.cli.common import Json, Stack, finding_server, hanging, print_json, settings_of
from vpdb.errors import SettingRefused
from vpdb.settings import Settings

if TYPE_CHECKING:
    from pgseed.databases.stamp import Database
    from vpdb.stack_status import StackStatus

UNREACHABLE = 5
_LABEL = 10


def status(as_json: Json = False, stack: Stack = None) -> None:
    """Say what the database holds, and whether it is what this checkout has.

    \b
    Exit codes:
    0  in step with this checkout
    3  stale: `pulumi up` would load other data
    4  changed locally, whether stale or not
    5  not reachable
    1  the backup cannot be read, so nobody knows what `pulumi up` would load

    \b
    Examples:
    python -m vpdb status
    python -m vpdb status --json | jq .stale
    """
    settings = settings_of(stack)
    names = ("stack", "container", "address", "port", "database")
    where = {name: getattr(settings, name) for name in names}
    try:
        found, refusal = look(settings)
    except SeedError as error:
        if as_json and error.exit_code == UNREACHABLE:
            reason = " ".join(str(error).split())
            print_json({**where, "reachable": False, "error": reason})
            raise typer.Exit(UNREACHABLE) from None
        raise
    if as_json:
        document = {**where, "reachable": True, **found.to_dict()}
        print_json({**document, "refused": str(refusal) if refusal else None})
    else:
        for line in describe(settings, found, refusal, time.time()):
            typer.echo(line)
    if refusal and not found.data.changes:
        raise typer.Exit(refusal.exit_code)
    raise typer.Exit(found.data.exit_code)


def look(settings: Settings) -> tuple[StackStatus, SeedError | None]:
    """Read the files while Docker is asked for the server, then compare.

    The second value is why the files give nothing to load; None when they do.
    """
    with finding_server(settings, timeout_s=1.0) as found:
        from vpdb.seed_source import choose_content
        from vpdb.stack_status import look_at

        content, refusal = None, None
        try:
            content = choose_content(settings.project_dir, settings)
        except (BackupRefused, FileMissing, SettingRefused) as error:
            refusal = error
        server = found()
    return look_at(server, settings, content), refusal


def describe(
    settings: Settings, looked: StackStatus, refusal: SeedError | None, now: float
) -> list[str]:
    """Word a status; the first line is the verdict. Colours are the terminal's plain ones."""
    from pgseed.units import size
    from vpdb.stamp_text import stamp_note

    found = looked.data
    place = f"{settings.database} on {settings.address}:{settings.port} (stack {settings.stack})"
    verdict, colour = looked.verdict(refusal)
    lines = [
        typer.style(hanging(verdict, 0), fg=colour, bold=True),
        _line("database", f"{place}, {size(found.size_bytes)}"),
        _line("holds", stamp_note(found.live, now) if found.exists else "nothing"),
    ]
    wanted = looked.content
    if refusal:
        lines.append(_line("pulumi up", f"refuses: {refusal}", "red"))
    elif wanted and found.is_stale:
        loads = f"loads {wanted.content_id[:12]} from {wanted.label} ({wanted.reason})"
        lines.append(_line("pulumi up", loads, "yellow"))
        before = found.live.rows if found.live else {}
        lines += [_line("", change) for change in row_changes(before, wanted.tables)]
    if found.changes:
        lines.append(_line("changed", found.changes.describe(most=8), "yellow"))
    if mode := looked.bulk_mode:
        from vpdb.bulk import overdue

        late = overdue(mode, settings, now)
        lines.append(_line("bulk mode", late or mode.describe(now), "yellow"))
    for database in (*found.kept[::-1], *found.snapshots[::-1], *found.templates[::-1]):
        lines.append(_line(database.kind, _stored(database, now)))
    return lines


def row_changes(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Word how the row counts would change, table by table."""
    from pgseed.units import count

    return [
        f"{table}: {count(old)} -> {count(after.get(table, 0))} rows"
        for table, old in sorted(before.items())
        if old != after.get(table, 0)
    ]


def _stored(database: Database, now: float) -> str:
    from pgseed import units
    from vpdb.stamp_text import moment, printable, stamp_note

    stamp = database.stamp
    text = f"{database.name}, {units.size(database.size_bytes)}, {stamp_note(stamp, now)}"
    if stamp and stamp.kept_at:
        text += f"; kept {units.ago(now - moment(stamp.kept_at))}: {printable(stamp.kept_because)}"
    return text


def _line(label: str, text: str, colour: str | None = None) -> str:
    text = hanging(text, _LABEL)
    return typer.style(f"{label:<{_LABEL}}", dim=True) + (
        typer.style(text, fg=colour) if colour else text
    )
