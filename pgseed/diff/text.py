"""A comparison of backups in words, and a backup as text that `git diff` can show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pgseed.backup.copy_text import NULL, value
from pgseed.backup.files import open_file, open_source
from pgseed.backup.model import Backup, RowBlock
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import line_batches
from pgseed.diff.backups import BackupDiff, RowChange, TableDiff
from pgseed.errors import BackupRefused
from pgseed.sql_names import printable
from pgseed.units import count

_SCHEMA = re.compile(
    rb'^(?:COPY|INSERT INTO)\s+("(?:[^"]|"")+"|[A-Za-z_\x80-\xff][\w\x80-\xff$]*)\.', re.MULTILINE
)
_LONGEST_VALUE = 60


def describe(diff: BackupDiff) -> list[str]:
    """The comparison in lines: a heading per table, then its examples."""
    if diff.is_empty:
        return ["no differences"]
    lines: list[str] = []
    for table in diff.tables:
        lines += _table(table)
    for one in diff.sequences:
        before, after = ("none" if n is None else n for n in (one.before, one.after))
        lines.append(f"sequence {one.sequence}: {before} -> {after}")
    if diff.equal_tables:
        what = "other table" if diff.equal_tables == 1 else "other tables"
        lines.append(f"{count(diff.equal_tables)} {what} without differences")
    return lines


def _table(diff: TableDiff) -> list[str]:
    numbers = {"added": diff.added, "removed": diff.removed, "changed": diff.changed}
    parts = [f"{count(number)} {what}" for what, number in numbers.items() if number]
    by = f", by {', '.join(diff.key)}" if diff.key else ", no key"
    if diff.key and diff.key_is_guessed:
        by += " (the first columns: the key is not known)"
    heading = f"{diff.table}: {', '.join(parts) or 'same rows'}{by if parts else ''}"
    lines = [f"{heading} ({count(diff.rows_before)} -> {count(diff.rows_after)} rows)"]
    for columns, what in ((diff.columns_added, "added"), (diff.columns_removed, "removed")):
        if columns:
            lines.append(f"  columns {what}: {', '.join(columns)}")
    return lines + [_example(change) for change in diff.examples]


def _example(change: RowChange) -> str:
    before, after = change.before, change.after
    if change.kind == "changed":
        changes = (f"{name}: {_shown(before[name])} -> {_shown(after[name])}" for name in after)
        return f"  ~ {_pairs(change.key)}: {'; '.join(changes)}"
    return f"  - {_pairs(before)}" if change.kind == "removed" else f"  + {_pairs(after)}"


def _pairs(row: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {_shown(row[name])}" for name in row)


def _shown(text: str | None) -> str:
    return "NULL" if text is None else f"'{printable(text, _LONGEST_VALUE)}'"


def write_textconv(path: Path, out: BinaryIO) -> None:
    """Write a backup as text with a line for every value, for `git diff`.

    NULL leaves no line. What is no readable backup is written as it is, under a line that says why.
    """
    try:
        backup = read_backup(path, schema=_schema_of(path), seed=True)
    except BackupRefused as refused:
        out.write(f"# {refused.cause}\n".encode())
        with path.open("rb") as raw:
            while chunk := raw.read(1024 * 1024):
                out.write(chunk)
        return
    for block in backup.blocks:
        out.writelines(_rows(backup, block))
    for sequence in backup.sequence_values:
        called = "" if sequence.is_called else " (not called)"
        out.write(f"sequence {sequence.name}\n    value: {sequence.value}{called}\n".encode())


def _rows(backup: Backup, block: RowBlock) -> Iterator[bytes]:
    table, columns = block.name, block.columns
    for lines in line_batches(backup, block):
        parts: list[str] = []
        for line in lines:
            fields = line.split(b"\t")
            names = columns or tuple(f"column {n}" for n in range(1, len(fields) + 1))
            # The first column tells rows apart in most tables; the heading names it.
            first = f"{names[0]} {value(fields[0]) or ''}" if fields and names else ""
            parts.append(f"{table} {first}\n")
            for name, text in zip(names, fields, strict=False):
                if text != NULL:
                    shown = (value(text) or "").replace("\n", "\n      ")
                    parts.append(f"    {name}: {shown}\n")
        yield "".join(parts).encode()


def _schema_of(path: Path) -> str:
    """The schema of the first rows in a file; the reader then refuses every other one."""
    with open_file(path) as file:
        source = open_source(path, file)
        head = b""
        while chunk := source.read():
            head = (head + chunk)[-1_000_000:]
            match = _SCHEMA.search(head)
            if match:
                name = match.group(1).decode("utf-8", "replace")
                return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
    return ""
