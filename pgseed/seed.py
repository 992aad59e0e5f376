"""A seed: schema files and the rows of a backup, and the identity of what a load of them gives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pgseed.errors import FileMissing

if TYPE_CHECKING:
    from pgseed.backup.model import Backup

# Raised when the same files begin to give another database.
FORMAT_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What a database should hold: the files are read once, when the object is made.

    `schema_files` run in their order, behind `role_file`, in one psql with the variables `schema`
    and `app_user`; `owner` owns the database. `source` and `label` name the rows for people, and
    `commit` the version of the files; they are written into the stamp and identify nothing.

    `id` identifies what a load gives. `schema_id` is the part of it that the schema files decide.
    `init_id` identifies all that runs before rows come: the role's file too, which makes no
    database another one.

    Raises FileMissing for a missing file.
    """

    schema_files: Sequence[str | Path]
    owner: str
    schema: str = "public"
    backup: Backup | None = None
    role_file: Path | None = None
    source: str = "backup"
    label: str = ""
    commit: str = ""
    id: str = field(init=False)
    schema_id: str = field(init=False)
    init_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema_files", tuple(map(Path, self.schema_files)))
        texts = [read_sql(path) for path in self.schema_files]
        before = [read_sql(self.role_file)] if self.role_file else []
        data_hash = self.backup.data_hash if self.backup else ""
        for name, rows_hash, sql in (
            ("id", data_hash, texts),
            ("schema_id", "", texts),
            ("init_id", "", before + texts),
        ):
            object.__setattr__(self, name, self._hash(rows_hash, sql))

    def _hash(self, data_hash: str, schema_sql: Iterable[bytes]) -> str:
        """Return a hash of everything that decides what a load gives: 64 hex digits."""
        digest = hashlib.sha256()
        parts = [("format", FORMAT_VERSION.encode()), ("data", data_hash.encode())]
        parts += [("sql", text) for text in schema_sql]
        parts += [("schema", self.schema.encode()), ("user", self.owner.encode())]
        for label, value in parts:
            # The length keeps a value from reading as the next field.
            digest.update(f"{label}:{len(value)}:".encode() + value)
        return digest.hexdigest()

    def id_with(self, data_hash: str) -> str:
        return self._hash(data_hash, [read_sql(path) for path in self.schema_files])

    @property
    def rows(self) -> dict[str, int]:
        """The rows that the backup brings, by table as named in SQL."""
        return dict(self.backup.tables) if self.backup else {}

    @property
    def files(self) -> tuple[Path, ...]:
        role_file = (self.role_file,) if self.role_file else ()
        return (*role_file, *map(Path, self.schema_files))

    @property
    def variables(self) -> dict[str, str]:
        return {"schema": self.schema, "app_user": self.owner}


@dataclass(frozen=True, slots=True)
class PlannedSeed:
    """A seed known by its id; it is read only where no template of it is there."""

    id: str
    read: Callable[[], Seed]


def read_sql(path: str | Path) -> bytes:
    """Read a schema file, line endings aside: a checkout on Windows is the same content."""
    try:
        return Path(path).read_bytes().replace(b"\r\n", b"\n")
    except FileNotFoundError:
        raise FileMissing(
            f"failed to read {path}: there is no such file. Restore it: git checkout -- {path}"
        ) from None
