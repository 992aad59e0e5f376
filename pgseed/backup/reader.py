"""Reads a backup once, from start to end, and says what it holds, or why it is refused.

Nothing of it is executed, and it is never in memory as a whole. A full dump's schema statements are
passed over; they are allowed only where every table that gets rows was created in the file before.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from pgseed.backup import grammar
from pgseed.backup.archive import CustomSource
from pgseed.backup.copy_rows import copy_block, copy_target
from pgseed.backup.files import PLAIN_DUMP, file_state, open_file, open_source, refuse_changed
from pgseed.backup.insert_rows import insert_target, insert_tuples
from pgseed.backup.lexer import Lexer
from pgseed.backup.model import Backup, Kind, RowBlock, SequenceValue, SkippedStatement
from pgseed.backup.source import Source
from pgseed.backup.statement import ROWS_ONLY, Statement, Target, read_statement
from pgseed.errors import BackupRefused
from pgseed.progress import Progress

COMPLETE = b"-- PostgreSQL database dump complete"
_CLUSTER_DUMP = b"-- PostgreSQL database cluster dump"
# pg_dump.c writes these two, and only these, with a key of letters and digits (--restrict-key).
_RESTRICT = re.compile(rb"\\(un)?restrict ([A-Za-z0-9]{1,1024})(?=\n|\Z)")
_REPORT_EVERY = 4 * 1024 * 1024


def read_backup(
    path: str | Path, *, schema: str, progress: Progress | None = None, seed: bool = False
) -> Backup:
    """Read a backup that may hold rows for `schema` and nothing else.

    `seed` is for SQL written by hand: it needs no completion line. `progress` is told the phase
    "reading" with the bytes of the file done and in all. Raises BackupRefused with the line of the
    first thing that is damaged or not data.
    """
    path = Path(path)
    with open_file(path) as file:
        state = file_state(file)
        source = open_source(path, file)
        backup = Reader(source, schema, progress, complete=not seed).read()
        refuse_changed(path, file, state)
        return replace(backup, file_state=state)


@dataclass(slots=True)
class _GrowingBlock:
    """A block to which the next INSERT may add its rows."""

    block: RowBlock
    overriding: str
    digest: hashlib._Hash

    def takes(self, target: Target) -> bool:
        block = self.block
        return block.form == "insert" and target == Target(
            block.schema, block.table, block.columns, self.overriding
        )


class _Identity:
    """SHA-256 over fields that cannot run together: each has its type and length in front."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        # As it always was: with another label every database would be loaded anew.
        self.add("vpdb backup rows, version 1")

    def add(self, *fields: str | int | bool | bytes | None) -> None:
        """Add fields; the same text as str and as bytes is not the same field."""
        for field in fields:
            if isinstance(field, bytes):
                kind, data = b"bytes", field
            else:
                kind, data = type(field).__name__.encode(), str(field).encode()
            self._hash.update(b"%b %d " % (kind, len(data)) + data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class Reader:
    """One pass over one source; `read` gives the result."""

    def __init__(
        self, source: Source, schema: str, progress: Progress | None, *, complete: bool
    ) -> None:
        self._source, self._schema, self._progress = source, schema, progress
        self._must_be_complete = complete
        self._lexer = Lexer(source)
        self._items: list[_GrowingBlock | SequenceValue] = []  # in file order
        self._skipped: list[SkippedStatement] = []
        self._schema_statement = SkippedStatement(0, "")
        self._created: set[str] = set()
        self._foreign_rows = ""  # the first table with rows that the file has not created
        self._restrict: bytes | None = None
        self._unrestricted = False
        self._complete_at = self._statements = self._reported = 0
        self._insert: tuple[bytes, Target] | None = None

    def read(self) -> Backup:
        lexer = self._lexer
        while True:
            lexer.mark()
            lexer.blank()
            if lexer.pos == len(lexer.buffer):
                break
            at_line_start = lexer.at_line_start()
            comment = lexer.comment()
            if comment is not None:
                self._comment(comment if at_line_start else b"")
            elif lexer.buffer[lexer.pos] == 0x5C:
                self._meta_command(at_line_start)
            else:
                self._statement()
            self._report()
        self._check_end()
        self._report(last=True)
        return self._result()

    def _comment(self, text: bytes) -> None:
        if text == COMPLETE:
            self._complete_at = self._complete_at or self._lexer.line()
        elif text == _CLUSTER_DUMP:
            cause = "it was written by pg_dumpall, for a whole cluster"
            raise self._lexer.refused(cause, PLAIN_DUMP)

    def _meta_command(self, at_line_start: bool) -> None:
        lexer = self._lexer
        lexer.need(1100)
        match = _RESTRICT.match(lexer.buffer, lexer.pos)
        if match is None or not at_line_start:
            raise lexer.meta_command()
        key = match.group(2)
        if match.group(1):
            allowed = self._restrict == key and not self._unrestricted and self._complete_at
            self._unrestricted = True
        else:
            allowed = self._restrict is None and not self._statements
            self._restrict = key
        if not allowed:
            raise lexer.meta_command()
        lexer.pos = match.end()

    def _statement(self) -> None:
        lexer = self._lexer
        lexer.mark()
        if self._complete_at:
            raise lexer.refused(
                f"something follows the completion line (line {self._complete_at})",
                "Two dumps in one file are not one backup",
            )
        self._statements += 1
        if self._insert is not None:
            header, target = self._insert
            if lexer.buffer.startswith(header, lexer.pos):
                self._insert_rows(target, lexer.line(), len(header))
                return
        line, offset = lexer.line(), lexer.offset
        first = lexer.token()
        assert first is not None
        if first.is_word("insert"):
            target = insert_target(lexer, self._schema, line)
            size = lexer.offset - offset
            self._insert = lexer.buffer[lexer.pos - size : lexer.pos], target
            lexer.pos -= size
            self._insert_rows(target, line, size)
            return
        statement = read_statement(lexer, first=first)
        statement.line = line
        if first.is_word("copy"):
            target = copy_target(statement, self._schema)
            self._gets_rows(target)
            block, digest = copy_block(lexer, target, self._report)
            self._items.append(_GrowingBlock(block, "", digest))
        elif first.is_word("set"):
            grammar.setting(statement, self._schema)
        elif first.is_word("select"):
            value = grammar.selection(statement, self._schema)
            if value is not None:
                self._items.append(value)
        elif first.is_word("alter") and grammar.is_trigger_switch(statement, self._schema):
            self._skipped.append(SkippedStatement(line, statement.text))
        else:
            self._other(statement)

    def _insert_rows(self, target: Target, line: int, header: int) -> None:
        lexer, start = self._lexer, self._lexer.offset
        lexer.pos += header
        tuples = insert_tuples(lexer, target)
        rows, end = len(tuples), lexer.offset
        last = self._items[-1] if self._items else None
        if isinstance(last, _GrowingBlock) and last.takes(target):
            last.block = replace(last.block, end=end, rows=last.block.rows + rows)
        else:
            self._gets_rows(target)
            where = target.schema, target.table, target.columns
            block = RowBlock("insert", *where, line, start, end, rows)
            last = _GrowingBlock(block, target.overriding, hashlib.sha256())
            self._items.append(last)
        last.digest.update(b"\n".join(tuples) + b"\n")

    def _gets_rows(self, target: Target) -> None:
        if target.name in self._created:
            return
        self._foreign_rows = self._foreign_rows or target.name
        self._check_schema_statements()

    def _check_schema_statements(self) -> None:
        """Schema statements in a file that does not create the tables it fills are refused."""
        if self._foreign_rows and self._schema_statement.line:
            raise self._lexer.refused(
                f"`{self._schema_statement.text}` is not data, and the file is no full dump either:"
                f" it has rows for {self._foreign_rows} without creating it",
                ROWS_ONLY,
                line=self._schema_statement.line,
            )

    def _other(self, statement: Statement) -> None:
        created = grammar.schema_statement(statement)
        if created is None:
            raise grammar.forbidden(statement)
        if created:
            self._created.add(created)
        skipped = SkippedStatement(statement.line, statement.text)
        self._skipped.append(skipped)
        if not self._schema_statement.line:
            self._schema_statement = skipped
        self._check_schema_statements()

    def _check_end(self) -> None:
        lexer = self._lexer
        if not self._statements and not self._complete_at:
            raise BackupRefused(self._source.path, "it holds no statement", remedy=PLAIN_DUMP)
        if self._must_be_complete:
            remedy = "The dump was cut off: get the file again"
            if not self._complete_at:
                cause = "its end is missing: no line says `PostgreSQL database dump complete`"
                raise lexer.refused(cause, f"{remedy}, or write it anew")
            if self._restrict is not None and not self._unrestricted:
                raise lexer.refused("its last line, \\unrestrict, is missing", remedy)
        if not any(isinstance(item, _GrowingBlock) for item in self._items):
            what = "only a schema" if self._schema_statement.line else "no table's rows"
            raise BackupRefused(self._source.path, f"it holds {what}", remedy=PLAIN_DUMP)

    def _result(self) -> Backup:
        fields, blocks = _Identity(), []
        for item in self._items:
            if isinstance(item, SequenceValue):
                fields.add("setval", item.schema, item.sequence, item.value, item.is_called)
                continue
            block = replace(item.block, digest=item.digest.hexdigest())
            blocks.append(block)
            fields.add(block.form, block.schema, block.table, item.overriding)
            fields.add(None if block.columns is None else len(block.columns))
            fields.add(*(block.columns or ()), item.digest.digest())
        kind: Kind = "full" if self._schema_statement.line else "data-only"
        if isinstance(self._source, CustomSource):
            kind = "custom"
        return Backup(
            path=self._source.path,
            kind=kind,
            compression=self._source.compression,
            blocks=tuple(blocks),
            sequence_values=tuple(i for i in self._items if isinstance(i, SequenceValue)),
            data_hash=fields.hexdigest(),
            size_bytes=self._source.size,
            uncompressed_bytes=self._lexer.offset,
            skipped=(*self._source.skipped, *self._skipped),
            notices=self._notices(kind),
            schema=self._schema,
        )

    def _notices(self, kind: Kind) -> tuple[str, ...]:
        notices = []
        if kind == "full":
            statements = f"its {len(self._skipped)} schema statements are not executed"
            notices.append(f"a full dump: {statements}, only its rows are taken")
        found, suffix = self._source.compression, self._source.path.suffix
        if {".gz": "gzip", ".zst": "zstd", ".sql": "none"}.get(suffix, found) != found:
            content = "not compressed" if found == "none" else found
            notices.append(f"the name ends in {suffix}, the content is {content}")
        return tuple(notices)

    def _report(self, *, last: bool = False) -> None:
        done = self._source.consumed
        if self._progress and (last or done - self._reported >= _REPORT_EVERY):
            self._reported = done
            self._progress("reading", done, self._source.size)
