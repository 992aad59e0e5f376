"""The canonical dump: the same data give the same bytes."""

from pgseed.dumping.canonical import Dump, DumpOptions, SchemaText, dump
from pgseed.dumping.dump_text import read_notes
from pgseed.dumping.tables import DumpRefused

__all__ = ["Dump", "DumpOptions", "DumpRefused", "SchemaText", "dump", "read_notes"]
