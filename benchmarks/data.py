"""The data that is loaded: generated master data of any size, many small tables, their changes."""

from __future__ import annotations

import hashlib
import mmap
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shell import CHECKOUT
from master_data.tables import TABLES
from pgseed.backup.reader import read_backup
from sample_data import generated_files

CACHE = CHECKOUT / ".velpharma" / "bench"
_SMALL_TABLES, _SMALL_ROWS = 1_200, 20

# ASCII words in the first row of each table that counts: the one with most of the bytes, and every
# small one. A table's rows stand in one COPY, or in an INSERT each.
_WORDS = re.compile(
    rb"(?:COPY vpv4\.(?:adverse_drug_reactions|small_\d+) [^\n]*\n[^\n]*?\t"
    rb"|INSERT INTO vpv4\.adverse_drug_reactions [^\n]*?')([A-Za-z]+ [A-Za-z ]{5,})"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much data a scale means; `rows` of all tables."""

    scale: int
    bytes: int
    rows: int

    def __str__(self) -> str:
        return f"{self.scale}x is {self.rows:,} rows, a backup of {self.bytes / 1e6:.0f} MB"


def backup_of_scale(scale: int) -> Path:
    """Return the backup with `scale` times the real rows; generated once (25 s at 30)."""
    path = _backup_path(scale)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        generated_files.write_backup(path, scale)
    return path


def csvs_of_scale(scale: int) -> list[Path]:
    """Return the CSV files with `scale` times the real rows, in the order of the tables."""
    folder = CACHE / f"csv-{_generator()}-{scale}"
    done = folder / ".complete"
    if not done.is_file():
        generated_files.generate_csvs(folder, scale)
        done.touch()
    return [folder / table.file_name for table in TABLES]


def size_of(scale: int) -> Size | None:
    """Return how much data a scale means; None where no backup of it has been generated."""
    path = _backup_path(scale)
    if not path.is_file():
        return None
    return Size(scale, path.stat().st_size, read_backup(path, schema="vpv4").rows)


def small_tables_schema() -> str:
    """Return SQL that makes 1,200 tables, each with two indexes and a foreign key."""
    tables = [
        f"CREATE TABLE small_{number} (id integer PRIMARY KEY, code text NOT NULL UNIQUE,"
        f" note text, parent integer NOT NULL REFERENCES small_{max(1, number // 10)});"
        for number in range(1, _SMALL_TABLES + 1)
    ]
    return "\n".join(
        [
            "BEGIN;",
            "CREATE SCHEMA vpv4 AUTHORIZATION velpharma;",
            "SET LOCAL ROLE velpharma;",
            "SET LOCAL search_path TO vpv4;",
            *tables,
            "COMMIT;\n",
        ]
    )


def small_tables_backup() -> str:
    """Return a backup with a few rows for each of those tables."""
    lines = []
    for number in range(1, _SMALL_TABLES + 1):
        lines.append(f"COPY vpv4.small_{number} (id, code, note, parent) FROM stdin;")
        for row in range(1, _SMALL_ROWS + 1):
            lines.append(f"{row}\tC{number}-{row}\tnote on entry {row}\t{row}")
        lines.append("\\.")
    return "\n".join([*lines, "--", "-- PostgreSQL database dump complete", "--\n"])


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
    """A backup in which values are set anew, in place: the next content."""

    def __init__(self, path: Path) -> None:
        """Find the values in a backup, and set them for the first time: the file is changed."""
        self.path = path
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            self._places = [match.span(1) for match in _WORDS.finditer(text)]
        if not self._places:
            raise ValueError(f"failed to find rows to change in {path}")
        self._version = 0
        self._write(self._version)

    def change(self) -> None:
        """Make it next month's: most bytes are in tables that differ."""
        self._version += 1
        self._write(self._version)

    def go_back(self) -> None:
        """Make it the content before the newest one, as another git branch may hold it."""
        self._write(self._version - 1)

    def _write(self, version: int) -> None:
        with self.path.open("r+b") as file:
            for start, end in self._places:
                file.seek(start)
                file.write(f"{version:0{end - start}x}".encode())
