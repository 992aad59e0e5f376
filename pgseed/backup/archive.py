"""Reads `pg_dump -Fc` archives as the SQL text that `pg_restore --data-only` makes of them.

Format: PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c (ReadHead, ReadToc) and
pg_backup_custom.c, versions 1.13 (PostgreSQL 10.3) to 1.16 (17 and 18).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pgseed.backup import limits
from pgseed.backup.model import Compression, SkippedStatement
from pgseed.backup.source import CUSTOM, PIECE, CompressedSource, decompressor
from pgseed.sql_names import printable

_OLDEST, _NEWEST = (1, 13), (1, 16)
_FORMAT_CUSTOM = 1
_ALGORITHMS: dict[int, Compression] = {0: "none", 1: "gzip", 3: "zstd"}
_BLOCK_DATA = 1
_SECTION_DATA = 3
_MOST_ENTRIES = 1_000_000
_LONGEST_TEXT = 64 * limits.MIB
_REWRITE = "Write the archive anew with pg_dump 12 or later, or as text with `pg_dump --data-only`"

# Entries that tell how the text is to be read; they go through the grammar like the rest.
_SETTINGS = frozenset({"ENCODING", "STDSTRINGS", "SEARCHPATH"})
# Entries that no backup may hold, in whatever form.
_FORBIDDEN = ("BLOB", "EVENT TRIGGER", "SUBSCRIPTION", "SERVER", "FOREIGN", "USER MAPPING")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an archive's table of contents."""

    number: int
    tag: str
    kind: str
    section: int
    definition: str
    copy: str
    schema: str
    has_data: bool


class CustomSource(CompressedSource):
    """The rows and sequence values of an archive as SQL text."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        super().__init__(path, file, size)
        self._file = io.BufferedReader(cast("io.RawIOBase", file), limits.CHUNK)
        self._header()
        count = self._int()
        if not 0 <= count <= _MOST_ENTRIES:
            raise self._damaged("the archive's table of contents is damaged")
        self.entries = tuple(self._entry() for _ in range(count))
        # An archive has no lines, so its schema's entries carry 0.
        self.skipped = tuple(
            SkippedStatement(0, printable(" ".join(filter(None, (e.kind, e.schema, e.tag)))))
            for e in self.entries
            if e.section != _SECTION_DATA and e.kind not in (*_SETTINGS, "DATABASE")
        )
        self._text = self._render()

    def read(self) -> bytes:
        parts, began = [], self.produced
        for part in self._text:
            parts.append(part)
            self._grow(len(part))
            if self.produced - began >= limits.CHUNK:
                break
        return b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        self.consumed += len(data)
        if len(data) < size:
            raise self._damaged("the archive ends early, so it is truncated")
        return data

    def _byte(self) -> int:
        return self._exactly(1)[0]

    def _int(self) -> int:
        data = self._exactly(1 + self._int_size)
        value = int.from_bytes(data[1:], "little")
        return -value if data[0] else value

    def _str(self) -> str:
        return self._str_or_none() or ""

    def _str_or_none(self) -> str | None:
        size = self._int()
        if size < 0:
            return None
        if size > _LONGEST_TEXT:
            raise self._damaged("the archive's table of contents is damaged")
        try:
            return self._exactly(size).decode()
        except UnicodeDecodeError:
            cause = "the archive's table of contents is not valid UTF-8"
            remedy = "Write the dump with `pg_dump --encoding=UTF8`"
            raise self._refused(cause, remedy) from None

    def _header(self) -> None:
        self._exactly(len(CUSTOM))
        self._version = (self._byte(), self._byte())
        self._byte()  # the revision
        self._int_size, self._offset_size = self._byte(), self._byte()
        archive_format = self._byte()
        if not _OLDEST <= self._version <= _NEWEST:
            major, minor = self._version
            raise self._refused(f"its archive version {major}.{minor} is not known", _REWRITE)
        if self._int_size not in (4, 8) or self._offset_size not in (4, 8):
            raise self._damaged("the archive's header is damaged")
        if archive_format != _FORMAT_CUSTOM:
            raise self._refused("it is a part of another kind of archive than -Fc", _REWRITE)
        # Before 1.15 the header told the level, and gzip was all there was.
        algorithm = self._byte() if self._version >= (1, 15) else int(self._int() != 0)
        if algorithm not in _ALGORITHMS:
            remedy = "Write it with `pg_dump -Fc --compress=gzip`"
            raise self._refused("the archive is compressed with lz4", remedy)
        self.compression = _ALGORITHMS[algorithm]
        for _ in range(7):  # creation date: second … year, daylight saving
            self._int()
        self._str(), self._str(), self._str()  # database, server version, pg_dump version

    def _entry(self) -> Entry:
        number, had_data = self._int(), self._int()
        self._str(), self._str()  # the catalog's table and object
        tag, kind, section = self._str(), self._str(), self._int()
        definition, _drop, copy, schema = self._str(), self._str(), self._str(), self._str()
        self._str()  # tablespace
        if self._version >= (1, 14):
            self._str()  # table access method
        if self._version >= (1, 16):
            self._int()  # relkind
        self._str(), self._str()  # owner, WITH OIDS
        while self._str_or_none() is not None:  # what it depends on
            pass
        self._exactly(1 + self._offset_size)  # where its data are, if pg_dump could seek
        if kind.startswith(_FORBIDDEN):
            what = "large objects" if kind.startswith("BLOB") else f"{kind} {tag}"
            raise self._refused(
                f"the archive holds {printable(what)}, which is not data of one schema",
                "Write it with `pg_dump -Fc --schema=… --no-large-objects`",
            )
        return Entry(number, tag, kind, section, definition, copy, schema, bool(had_data))

    def _render(self) -> Iterator[bytes]:
        for entry in self.entries:
            if entry.kind in _SETTINGS or entry.kind == "SEQUENCE SET":
                yield entry.definition.encode() + b"\n"
            elif entry.kind == "TABLE DATA" and entry.has_data:
                yield entry.copy.encode()
                yield from self._data(entry)
            elif entry.has_data:
                kind = printable(entry.kind)
                raise self._refused(f"the archive holds {kind}, not only rows", _REWRITE)
        if self._file.read(1):
            raise self._damaged("other bytes follow the archive's end")
        yield b"\n-- PostgreSQL database dump complete\n"

    def _data(self, entry: Entry) -> Iterator[bytes]:
        if self._byte() != _BLOCK_DATA or self._int() != entry.number:
            tag = printable(entry.tag)
            raise self._damaged(f"the archive's rows of {tag} are not where they belong")
        stream, fault = None, None
        if self.compression != "none":
            stream, fault = decompressor(self.compression, wbits=15)
        while size := self._int():
            if size < 0 or size > limits.ROW:
                raise self._damaged("the archive's rows are damaged")
            data = self._exactly(size)
            if not stream or not fault:
                yield data
                continue
            for start in range(0, size, PIECE):
                try:
                    yield stream.decompress(data[start : start + PIECE])
                except fault as error:
                    raise self._damaged(f"the archive's rows are damaged ({error})") from error
        if stream and not stream.eof:
            raise self._damaged("the archive's rows end early")
