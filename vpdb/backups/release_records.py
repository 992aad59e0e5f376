"""The remarks at the beginning of a dump: which releases went into it."""

from __future__ import annotations

from pathlib import Path

from pgseed.backup.files import open_file, open_source
from pgseed.dumping.layout import header
from pgseed.errors import BackupRefused

# Far more than the remarks of a century of months take.
_HEAD_BYTES = 256 * 1024
_TITLE_LINES = header(replica=False).split("SET ", 1)[0].count("\n")


def read_notes(path: Path) -> tuple[str, ...]:
    """Give the remarks of a dump of ours; none for a file that is missing, damaged or foreign."""
    try:
        with open_file(path) as file:
            source = open_source(path, file)
            head = b""
            while len(head) < _HEAD_BYTES and (chunk := source.read()):
                head += chunk
    except (OSError, BackupRefused):
        return ()
    notes = []
    for line in head.split(b"\n")[_TITLE_LINES:]:
        if not line.startswith(b"-- "):
            break
        notes.append(line[3:].decode("utf-8", "replace"))
    return tuple(notes)
