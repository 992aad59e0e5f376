"""The generated master data as backups of any size, kept from run to run."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shell import CHECKOUT
from vpdb.backup.reader import read_backup
from vpdb.master_data import generated_files
from vpdb.master_data.tables import TABLES

CACHE = CHECKOUT / ".velpharma" / "bench"
_CHANGED_TABLE = b"COPY vpv4.manufacturers "
_CHANGED_COLUMN = b"email"


@dataclass(frozen=True, slots=True)
class Size:
    """How much data a scale means; `rows` of all tables."""

    scale: int
    bytes: int
    rows: int

    def __str__(self) -> str:
        return f"{self.scale}x is {self.rows:,} rows, a backup of {self.bytes / 1e6:.0f} MB"


def backup_of_scale(scale: int) -> Path:
    """Give the backup with `scale` times the real rows; generated once (25 s at 30)."""
    path = _backup_path(scale)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        generated_files.write_backup(path, scale)
    return path


def csvs_of_scale(scale: int) -> list[Path]:
    """Give the CSV files with `scale` times the real rows, in the order of the tables."""
    folder = CACHE / f"csv-{_generator()}-{scale}"
    done = folder / ".complete"
    if not done.is_file():
        generated_files.generate_csvs(folder, scale)
        done.touch()
    return [folder / table.file_name for table in TABLES]


def size_of(scale: int) -> Size | None:
    """Tell how much data a scale means; None where no backup of it has been generated."""
    path = _backup_path(scale)
    if not path.is_file():
        return None
    return Size(scale, path.stat().st_size, read_backup(path, schema="vpv4").rows)


def _backup_path(scale: int) -> Path:
    return CACHE / f"backup-{_generator()}-{scale}.sql"


def _generator() -> str:
    """Name the generator's version: other code gives other rows."""
    folder = Path(generated_files.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:8]


class ChangingBackup:
    """A copy of a backup in which one value is set anew, in place: next month's content."""

    def __init__(self, source: Path, copy: Path) -> None:
        self.path = copy
        copy.unlink(missing_ok=True)
        shutil.copyfile(source, copy)
        self._offset, self._width = _place_to_change(copy)
        self._newest = 0
        self._write(0)

    def change(self) -> None:
        """Make it a content that never was there before."""
        self._newest += 1
        self._write(self._newest)

    def go_back(self) -> None:
        """Make it the content before the newest one, as another git branch may hold it."""
        self._write(self._newest - 1)

    def _write(self, version: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(self._offset)
            file.write(f"{version:0{self._width}x}".encode())


def _place_to_change(path: Path) -> tuple[int, int]:
    """Find the part of the first e-mail address in front of its @: offset and length."""
    with path.open("rb") as file:
        for line in file:
            if line.startswith(_CHANGED_TABLE):
                columns = line[line.index(b"(") + 1 : line.index(b")")].split(b", ")
                start = file.tell()
                break
        else:
            raise ValueError(f"failed to find {_CHANGED_TABLE.decode()}in {path}")
        fields = next(file).split(b"\t")
    at = columns.index(_CHANGED_COLUMN)
    offset = start + sum(len(field) + 1 for field in fields[:at])
    return offset, fields[at].index(b"@")
