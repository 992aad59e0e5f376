"""The stamp: what a database of ours holds, written as its COMMENT ON DATABASE.

A comment on a database can be read from any other database, and be written in the transaction
that renames the database (PostgreSQL keeps both in shared catalogs).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg2 import sql

from pgseed.databases.names import Kind, kind_of
from pgseed.queries import query, run
from pgseed.server import Connection

# loaded: what was loaded, whether live, kept or a template.
# replaced: a swap took it out of service; whether it is kept or dropped is not decided yet.
State = Literal["loaded", "replaced"]
_MARK = "vpdb"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was loaded into a database, and how it looked then.

    `horizon` is the first transaction id that did not take part in the load: a row with that or a
    later one was written afterwards. `rows` counts every table at load time, named as in SQL.
    `catalog` is the fingerprint of tables, columns, functions and the rest, which the files behind
    `schema_id` give. Without a content id the database was not made by a load.
    """

    content_id: str
    source: str = ""
    label: str = ""
    commit: str = ""
    loaded_at: str = ""
    tool: str = ""
    state: State = "loaded"
    horizon: int = 0
    catalog: str = ""
    schema_id: str = ""
    # The hash of the backup's rows alone.
    data_hash: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    # Why and since when a kept database or a snapshot is there.
    kept_because: str = ""
    kept_at: str = ""
    # Counts what was kept, since a clock may be set back.
    kept_no: int = 0
    # What else than a load made this database live, and when: "undo", "dump", "snapshot x".
    origin: str = ""
    origin_at: str = ""
    # The content that the files wanted when undo or restore brought this one back: it stays until
    # they want something new.
    held_for: str = ""

    def is_held_for(self, wanted: str) -> bool:
        """Tell whether it was brought back while the files wanted this content, and still do."""
        return self.held_for == wanted != self.content_id

    def to_comment(self) -> str:
        values = {key: value for key, value in asdict(self).items() if value not in ("", {}, 0)}
        return json.dumps({"made_by": _MARK, **values}, ensure_ascii=False)

    @classmethod
    def from_comment(cls, comment: str | None) -> Stamp | None:
        """Read a database's comment; None when it is somebody's own text, or not there."""
        try:
            document: Any = json.loads(comment or "")
        except ValueError:
            return None
        if not isinstance(document, dict) or document.get("made_by") != _MARK:
            return None
        values = {f.name: document[f.name] for f in fields(cls) if f.name in document}
        return cls(**{"content_id": "", **values})

    def with_state(self, **changes: Any) -> Stamp:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the server; `kind` is what its name makes it to the live one."""

    oid: int
    name: str
    kind: Kind
    stamp: Stamp | None
    half_dropped: bool = False
    size_bytes: int = 0
    # A comment that is not a stamp: somebody's own text.
    comment: str = ""

    @property
    def content_id(self) -> str:
        """What a load put into it; "" where none did."""
        return self.stamp.content_id if self.stamp else ""

    @property
    def is_settled(self) -> bool:
        """Whether no run is busy with it, or was killed while it was."""
        is_undecided = self.stamp is not None and self.stamp.state == "replaced"
        return not is_undecided and not self.half_dropped


def list_databases(connection: Connection, live: str, *, sizes: bool = False) -> list[Database]:
    """Give every database that belongs to the live one, itself included; sizes cost a moment."""
    found = []
    rows = run(connection, query("databases"), {"sizes": sizes})
    for oid, name, comment, half_dropped, size_bytes in rows:
        kind = kind_of(name, live)
        if kind is not None:
            stamp = Stamp.from_comment(comment)
            own_text = "" if stamp else comment or ""
            found.append(Database(oid, name, kind, stamp, half_dropped, size_bytes, own_text))
    return found


def now() -> str:
    """Give the time as stamps hold it: UTC, ISO 8601, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def comment_on(database: str, text: str) -> sql.Composed:
    """Build the statement that writes a stamp (or takes a comment away)."""
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(
        sql.Identifier(database), sql.Literal(text) if text else sql.SQL("NULL")
    )
