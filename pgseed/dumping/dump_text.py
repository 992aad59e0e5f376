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
_REPLICA = """-- Triggers or a cycle of foreign keys: both are off for these rows (superuser only).
SET session_replication_role = replica;

"""


def header(*, replica: bool, notes: Iterable[str] = ()) -> str:
    """Return what stands in front of the rows: the settings that pg_dump writes too.

    `notes` become comments, so they are no part of what the backup is.
    """
    settings = (
        "SET statement_timeout = 0;\n"
        "SET lock_timeout = 0;\n"
        "SET idle_in_transaction_session_timeout = 0;\n"
        "SET client_encoding = 'UTF8';\n"
        "SET standard_conforming_strings = on;\n"
        "SELECT pg_catalog.set_config('search_path', '', false);\n"
        "SET check_function_bodies = false;\n"
        "SET xmloption = content;\n"
        "SET client_min_messages = warning;\n"
        "SET row_security = off;\n\n"
    )
    title = _TITLE.format("PostgreSQL database dump")
    remarks = "".join(f"-- {_comment(note)}\n" for note in notes)
    return title + remarks + ("\n" if remarks else "") + settings + (_REPLICA if replica else "")


def table_header(table: DumpTable) -> str:
    title = f"Data for Name: {_comment(table.name)}; Type: TABLE DATA"
    title += f"; Schema: {_comment(table.schema)}"
    return _TITLE.format(title) + table.copy_statement + "\n"


TABLE_FOOTER = "\\.\n\n\n"


def sequence_text(value: SequenceValue) -> str:
    title = f"Name: {_comment(value.sequence)}; Type: SEQUENCE SET"
    title += f"; Schema: {_comment(value.schema)}"
    name = quote_literal(value.name)
    called = "true" if value.is_called else "false"
    return (
        _TITLE.format(title) + f"SELECT pg_catalog.setval({name}, {value.value}, {called});\n\n\n"
    )


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
