"""The generated master data as backups of any size, kept from run to run."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shell import CHECKOUT
from master_data.tables import TABLES
from pgseed.backup.reader import read_backup
from sample_data import generated_files

CACHE = CHECKOUT / ".velpharma" / "bench"
# Where values are set anew: in a small table, and in the one that has most of the bytes.
_CHANGED = (("vpv4.manufacturers", "email"), ("vpv4.adverse_drug_reactions", "description"))


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
    """A copy of a backup in which values are set anew, in place: the next content."""

    def __init__(self, source: Path, copy: Path) -> None:
        self.path = copy
        copy.unlink(missing_ok=True)
        shutil.copyfile(source, copy)
        self._places = [_find_place(copy, table, column) for table, column in _CHANGED]
        self._count = 0
        self._before = self._now = (0,) * len(self._places)
        self._write(self._now)

    def change(self) -> None:
        """Make it next month's: most rows are in tables that differ."""
        self._become(*(self._count + 1 for _ in self._places))

    def mend(self) -> None:
        """Make it one in which a single row of a small table differs, as a mended mistake does."""
        self._become(self._count + 1, *self._now[1:])

    def go_back(self) -> None:
        """Make it the content before the newest one, as another git branch may hold it."""
        self._write(self._before)

    def _become(self, *versions: int) -> None:
        self._count += 1
        self._before, self._now = self._now, versions
        self._write(versions)

    def _write(self, versions: tuple[int, ...]) -> None:
        with self.path.open("r+b") as file:
            for (offset, width), version in zip(self._places, versions, strict=True):
                file.seek(offset)
                file.write(f"{version:0{width}x}".encode())


def _find_place(path: Path, table: str, column: str) -> tuple[int, int]:
    """Find the ASCII words that a column of a table's first row begins with: offset and length."""
    copy = f"COPY {table} ".encode()
    with path.open("rb") as file:
        for line in file:
            if line.startswith(copy):
                columns = line[line.index(b"(") + 1 : line.index(b")")].split(b", ")
                start = file.tell()
                break
        else:
            raise ValueError(f"failed to find the rows of {table} in {path}")
        fields = next(file).split(b"\t")
    at = columns.index(column.encode())
    words = re.match(rb"[A-Za-z ]{6,}", fields[at])
    if words is None:
        raise ValueError(f"failed to find words in {column} of the first row of {table} in {path}")
    return start + sum(len(field) + 1 for field in fields[:at]), words.end()
