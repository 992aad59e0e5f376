"""The stretch of a backup that is in memory while it is read, checked as it comes in."""

from __future__ import annotations

import codecs

from pgseed.backup import limits
from pgseed.backup.files import refuse_foreign
from pgseed.backup.source import GET_AGAIN, Source
from pgseed.errors import BackupRefused

_NOT_UTF8 = ("it is not valid UTF-8", "Write the dump with `pg_dump --encoding=UTF8`")


class Window:
    """A part of the uncompressed text, moving forward only.

    `buffer` holds the text from `base` on, `pos` is the next byte to read in it. What stands before
    `anchor` may be dropped by `fill`. A NUL byte or invalid UTF-8 is raised when reading gets
    there, so that the first fault in the file is the one reported.
    """

    def __init__(self, source: Source, *, line: int = 1) -> None:
        self.source = source
        self.buffer = b""
        self.base = self.pos = self.anchor = 0
        self.eof = False
        self._fault: tuple[str, str] | None = None
        self._utf8 = codecs.getincrementaldecoder("utf-8")("strict")
        # The line number is counted up to this position in the buffer.
        self._counted, self._line = 0, line
        self._is_first = True

    @property
    def offset(self) -> int:
        """Of `pos`, in the uncompressed file."""
        return self.base + self.pos

    def line(self, at: int | None = None) -> int:
        """The line `pos` stands in; with `at`, the line of that later place in the buffer."""
        if self.pos > self._counted:
            self._line += self.buffer.count(b"\n", self._counted, self.pos)
            self._counted = self.pos
        return self._line if at is None else self._line + self.buffer.count(b"\n", self.pos, at)

    def advance(self, end: int) -> int:
        """Move to `end`; returns the number of lines passed, counted once."""
        self.line()
        lines = self.buffer.count(b"\n", self.pos, end)
        self.pos = self._counted = end
        self._line += lines
        return lines

    def at_line_start(self) -> bool:
        return self.offset == 0 or (self.pos > 0 and self.buffer[self.pos - 1] == 0x0A)

    def refused(self, cause: str, remedy: str = "", *, line: int | None = None) -> BackupRefused:
        return BackupRefused(
            self.source.path, cause, line=self.line() if line is None else line, remedy=remedy
        )

    def cut(self, where: str, *, line: int | None = None) -> BackupRefused:
        return self.refused(f"it ends inside {where}, so it is truncated", GET_AGAIN, line=line)

    def fill(self) -> bool:
        """Get more text behind the window's end. False at the end of the file."""
        if self._fault is not None:
            cause, remedy = self._fault
            raise self.refused(cause, remedy, line=self.line(len(self.buffer)))
        if self.eof:
            return False
        self.line()
        # One byte stays in front: it says whether the next one starts a line.
        drop = max(min(self.anchor, self.pos) - 1, 0)
        kept = len(self.buffer) - drop
        parts = [self.buffer[drop:]]
        got = 0
        # A long token is scanned again after each fill, so the window doubles.
        while got < max(1, kept // 2 if kept > limits.CHUNK else 1) and self._fault is None:
            chunk = self.source.read()
            if not chunk:
                self.eof = True
                break
            chunk = self._checked(chunk)
            parts.append(chunk)
            got += len(chunk)
        self.buffer = b"".join(parts)
        self.base += drop
        self.pos -= drop
        self.anchor = max(self.anchor - drop, 0)
        self._counted -= drop
        if self.eof and self._fault is None and self._ends_in_character():
            self._fault = _NOT_UTF8
        return got > 0 or self._fault is not None

    def _checked(self, chunk: bytes) -> bytes:
        if self._is_first:
            self._is_first = False
            if self.source.compression != "none":
                refuse_foreign(self.source.path, chunk[:512], inside=self.source.compression)
        end = chunk.find(b"\0")
        if end >= 0:
            self._fault = (
                "it holds a NUL byte, which no text of PostgreSQL has",
                "The file is damaged or not a plain dump; get it again",
            )
            chunk = chunk[:end]
        try:
            if not chunk.isascii() or self._ends_in_character():
                self._utf8.decode(chunk)
        except UnicodeDecodeError as error:
            self._fault = _NOT_UTF8
            # The decoder put what it had kept of the chunk before in front.
            return chunk[: max(error.start - (len(error.object) - len(chunk)), 0)]
        return chunk

    def _ends_in_character(self) -> bool:
        return bool(self._utf8.getstate()[0])

    def need(self, size: int) -> None:
        """Have `size` bytes from `pos` on, or all that there are."""
        while len(self.buffer) - self.pos < size and self.fill():
            pass

    def mark(self) -> None:
        """What stands before `pos` is done with."""
        self.anchor = self.pos

    def since_mark(self, size: int) -> bytes:
        """The first `size` bytes of what has been read since the last `mark`."""
        return self.buffer[self.anchor : min(self.pos, self.anchor + size)]
