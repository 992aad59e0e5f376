"""Backup files: read, identify, guard, compare, write, keep."""

from vpdb.backup.custom import spool_custom
from vpdb.backup.known import read_known_backup
from vpdb.backup.model import Backup, RowBlock, SequenceValue, SkippedStatement
from vpdb.backup.reader import read_backup
from vpdb.backup.rows import insert_statements, open_rows

__all__ = [
    "Backup",
    "RowBlock",
    "SequenceValue",
    "SkippedStatement",
    "insert_statements",
    "open_rows",
    "read_backup",
    "read_known_backup",
    "spool_custom",
]
