"""Cache of parsed backups, keyed by file hash, schema and parser version."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pgseed.backup.files import file_state, open_file, refuse_changed
from pgseed.backup.model import Backup, RowBlock, SequenceValue, SkippedStatement
from pgseed.backup.work_folder import keep_newest
from pgseed.progress import Progress


@cache
def parser_version() -> str:
    """Return a hash of the code that reads: a stricter reader has to see a file itself."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ReadingCache:
    """The newest readings, as files of some kilobytes in a folder that is made for the first."""

    folder: Path
    most: int = 8
    parser: str = field(default_factory=parser_version)

    def read(self, path: Path, *, schema: str, progress: Progress | None = None) -> Backup:
        """Do what read_backup() does; of a file whose bytes were read before, only hash them.

        Hashing takes a quarter of the time, and an eighth where the reader has to be imported.
        """
        with open_file(path) as file:
            state = file_state(file)
            bytes_hash = hashlib.file_digest(file, "sha256").hexdigest()
            refuse_changed(path, file, state)
        # The name's ending counts for what is said of the file.
        text = f"{bytes_hash} {path.suffix} {schema} {self.parser}"
        key = hashlib.sha256(text.encode()).hexdigest()
        reading = self.folder / f"{key[:32]}.json"
        known = _recall(reading)
        if known is not None:
            return replace(known, path=path, file_state=state)
        from pgseed.backup.reader import read_backup  # most runs meet what they know

        backup = read_backup(path, schema=schema, progress=progress)
        if backup.file_state == state:
            # A full disk costs only time.
            with suppress(OSError):
                self._store(backup, reading)
        return backup

    def _store(self, backup: Backup, reading: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        values = asdict(backup)
        del values["path"], values["file_state"]  # of the file that was read, not of its content
        unfinished = reading.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(values), encoding="utf-8")
        unfinished.replace(reading)
        keep_newest(self.folder.glob("*.json"), self.most)


def _recall(path: Path) -> Backup | None:
    """Return a stored reading; None where there is none, or none that can be understood."""
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
