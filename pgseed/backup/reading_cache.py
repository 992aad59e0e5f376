"""Readings of backups, remembered: the same bytes hold the same rows wherever they stand.

Hashing a file takes a quarter of the time that reading it does, and an eighth where the reader has
to be imported for it. A reading is kept under a hash of the file's bytes, and counts only for the
schema it was made for and the code that made it.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

from pgseed.backup import limits
from pgseed.backup.model import Backup, FileState, RowBlock, SequenceValue, SkippedStatement
from pgseed.backup.source import file_state, open_file, refuse_changed
from pgseed.backup.utf8 import read_chunks
from pgseed.errors import BackupRefused
from pgseed.progress import Progress

REMEMBERING = "remember a reading"
# How many readings stay; each is some kilobytes.
MOST = 8
# What belongs to the file that was read, not to its content.
_OF_THE_FILE = ("path", "file_state", "checkpoints")
_PIECE = 16 * limits.MIB


def read_known_backup(
    path: Path, *, schema: str, folder: Path, progress: Progress | None = None
) -> Backup:
    """Do what read_backup() does; of a file whose bytes were read before, only hash them.

    `folder` holds the readings, and is made for the first one.
    """
    with open_file(path) as file:
        state = file_state(file)
        size = state[2]
        if size >= limits.REMEMBERED and any(folder.glob(f"{size}-*.json")):
            bytes_hash = _hash_unchanged(file, path, state, progress)
            known = _recall(folder / _name(size, bytes_hash, schema))
            if known is not None:
                return replace(known, path=path, file_state=state)
    from pgseed.backup.reader import read_backup  # most runs meet what they know

    backup = read_backup(path, schema=schema, progress=progress)
    # Of a compressed one the places would be lost from which its parts can be read.
    if size >= limits.REMEMBERED and backup.compression == "none" and backup.kind != "custom":
        # Nobody waits for it but the end of the program.
        Thread(target=_remember, args=(backup, folder), name=REMEMBERING).start()
    return backup


def _name(size: int, bytes_hash: str, schema: str) -> str:
    key = hashlib.sha256(f"{bytes_hash} {schema} {_code()}".encode()).hexdigest()
    return f"{size}-{key[:32]}.json"


@cache
def _code() -> str:
    """Identify the code that reads: a stricter reader has to see a file itself."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _hash_unchanged(
    file: BinaryIO, path: Path, state: FileState, progress: Progress | None = None
) -> str:
    """Hash a file; BackupRefused where it is not, or not any more, the one with this state."""
    found = _hash(file.fileno(), state[2], progress)
    refuse_changed(path, file, state)
    return found


def _hash(handle: int, size: int, progress: Progress | None) -> str:
    """SHA-256 over the SHA-256 of each piece, which as many threads make as there are cores."""
    digest = hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count(), "hash") as pool:
        starts = range(0, size, _PIECE)
        for start, found in zip(
            starts, pool.map(partial(_hash_piece, handle), starts), strict=True
        ):
            digest.update(found)
            if progress:
                progress("reading", min(start + _PIECE, size), size)
    return digest.hexdigest()


def _hash_piece(handle: int, start: int) -> bytes:
    digest = hashlib.sha256()
    for chunk in read_chunks(handle, start=start, end=start + _PIECE):
        digest.update(chunk)
    return digest.digest()


def _recall(path: Path) -> Backup | None:
    """Take up a reading; None where there is none, or none that can be understood."""
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        blocks = [
            RowBlock(**{**block, "columns": block["columns"] and tuple(block["columns"])})
            for block in values.pop("blocks")
        ]
        return Backup(
            path=path,
            blocks=tuple(blocks),
            sequence_values=tuple(SequenceValue(**v) for v in values.pop("sequence_values")),
            skipped=tuple(SkippedStatement(**v) for v in values.pop("skipped")),
            notices=tuple(values.pop("notices")),
            **values,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(backup: Backup, folder: Path) -> None:
    """Write down what a file holds; one that has changed since, or a full disk, costs only time."""
    with suppress(OSError, BackupRefused):
        with open_file(backup.path) as file:
            bytes_hash = _hash_unchanged(file, backup.path, backup.file_state)
        folder.mkdir(parents=True, exist_ok=True)
        values = asdict(replace(backup, checkpoints=()))
        for name in _OF_THE_FILE:
            del values[name]
        target = folder / _name(backup.size_bytes, bytes_hash, backup.schema)
        unfinished = target.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(values), encoding="utf-8")
        unfinished.replace(target)
        newest_first = sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in newest_first[MOST:]:
            old.unlink(missing_ok=True)
