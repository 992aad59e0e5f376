"""The text of a dump around its rows, spelled as pg_dump does, without a volatile line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pgseed.backup.files import open_file, open_source
from pgseed.backup.model import SequenceValue
from pgseed.dumping.tables import DumpTable
from pgseed.errors import BackupRefused
from pgseed.sql_names import quote_literal

_TITLE = "--\n-- {}\n--\n\n"
_SETTINGS = """SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

"""
_REPLICA = """-- Triggers or a cycle of foreign keys: both are off for these rows (superuser only).
SET session_replication_role = replica;

"""


def header(*, replica: bool, notes: Iterable[str] = ()) -> str:
    """Return what stands in front of the rows: `notes` as comments, the settings of pg_dump."""
    title = _TITLE.format("PostgreSQL database dump")
    remarks = "".join(f"-- {_comment(note)}\n" for note in notes)
    return title + remarks + ("\n" if remarks else "") + _SETTINGS + (_REPLICA if replica else "")


def table_header(table: DumpTable) -> str:
    title = f"Data for Name: {_comment(table.name)}; Type: TABLE DATA"
    title += f"; Schema: {_comment(table.schema)}"
    columns = f"({table.column_list})" if table.columns else ""
    return _TITLE.format(title) + f"COPY {table.qualified} {columns} FROM stdin;\n"


TABLE_FOOTER = "\\.\n\n\n"


def sequence_text(value: SequenceValue) -> str:
    title = f"Name: {_comment(value.sequence)}; Type: SEQUENCE SET"
    title += f"; Schema: {_comment(value.schema)}"
    arguments = f"{quote_literal(value.name)}, {value.value}, {str(value.is_called).lower()}"
    return _TITLE.format(title) + f"SELECT pg_catalog.setval({arguments});\n\n\n"


def footer(*, replica: bool) -> str:
    reset = "SET session_replication_role = DEFAULT;\n\n" if replica else ""
    return reset + _TITLE.format("PostgreSQL database dump complete")


def _comment(name: str) -> str:
    """A name inside a comment, where a line break would end it."""
    return name.replace("\n", " ").replace("\r", " ")


# Far more than the notes of a century of months take.
_HEAD_BYTES = 256 * 1024
_TITLE_LINES = header(replica=False).split("SET ", 1)[0].count("\n")


def read_notes(path: Path) -> tuple[str, ...]:
    """Return the notes of a dump of ours; none for a file that is missing, damaged or foreign."""
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
