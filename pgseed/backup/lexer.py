"""Cuts a backup into PostgreSQL's tokens, from a stream, without holding the file in memory.

The rules are those of PostgreSQL's own scanner (src/backend/parser/scan.l) under
standard_conforming_strings = on. Whatever they do not cover is refused, never guessed at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pgseed.backup import limits
from pgseed.backup.window import Window
from pgseed.errors import BackupRefused
from pgseed.sql_names import printable

_WORD = rb"A-Za-z_\x80-\xff"
_TOKEN = re.compile(
    rb"""
      (?P<string>[bBxX]?')
    | (?P<escape>[eE]')
    | (?P<other>[nN]'|[uU]&['"])
    | (?P<quoted>")
    | (?P<dollar>\$(?:[%(w)s][%(w)s0-9]*)?\$)
    | (?P<word>[%(w)s][%(w)s0-9$]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<param>\$[0-9]+)
    | (?P<sign>::|[;(),.\[\]:+*/<>=~!@\#%%^&|`?-])
    """
    % {b"w": _WORD},
    re.VERBOSE,
)
# How far behind a number it shows whether the number goes on: `1` may turn out to be `1E-3`.
_EXPONENT = len("E-3")
_BLANK = re.compile(rb"[ \t\n\f\v]*")
_LINE_COMMENT = re.compile(rb"--[^\n\r]*")
_COMMENT_MARK = re.compile(rb"/\*|\*/")
_RUNS = {quote: re.compile(b"%c+" % quote) for quote in b"'\""}
_ESCAPED = re.compile(rb"\\|'")

CRLF_REMEDY = (
    "Restore the original, for example with `git checkout`; `*.sql -text` in .gitattributes "
    "keeps Git from converting it"
)


class Token(NamedTuple):
    """`kind`: word, quoted, string, escape (E''), dollar, other (N'', U&), number, param, sign."""

    kind: str
    text: bytes

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower().decode("latin-1") in words

    def is_sign(self, sign: bytes) -> bool:
        return self.kind == "sign" and self.text == sign


class Lexer(Window):
    """The tokens of the text in a window."""

    def blank(self) -> None:
        """Pass blank space. Raises BackupRefused at a carriage return."""
        while True:
            match = _BLANK.match(self.buffer, self.pos)
            assert match is not None
            self.pos = match.end()
            if self.pos < len(self.buffer):
                break
            self._within_limit()
            if not self.fill():
                return
        if self.buffer[self.pos] == 0x0D:
            self.need(2)
            raise self.carriage_return(self.pos)

    def carriage_return(self, at: int) -> BackupRefused:
        cause = "a carriage return stands where pg_dump writes none"
        if self.buffer[at + 1 : at + 2] == b"\n":
            cause = "its lines end in CR LF, so something has converted it"
        return self.refused(cause, CRLF_REMEDY, line=self.line(at))

    def comment(self) -> bytes | None:
        """Pass the comment that starts at `pos`, if one does; returns its text."""
        self.need(2)
        start = self.buffer[self.pos : self.pos + 2]
        if start == b"--":
            return self._line_comment()
        return self._block_comment() if start == b"/*" else None

    def _line_comment(self) -> bytes:
        while True:
            match = _LINE_COMMENT.match(self.buffer, self.pos)
            assert match is not None
            text = match.group()
            self._limit_comment(len(text))
            if match.end() < len(self.buffer) or not self.fill():
                self.pos += len(text)
                return text

    def _block_comment(self) -> bytes:
        start, line = self.offset, self.line()
        depth, at = 0, self.offset
        while True:
            match = _COMMENT_MARK.search(self.buffer, at - self.base)
            if match is not None:
                at = self.base + match.end()
                depth += 1 if match.group() == b"/*" else -1
            self._limit_comment(at - start)
            if depth == 0 and match is not None:
                text = self.buffer[start - self.base : at - self.base]
                self.pos = at - self.base
                return text
            if match is None:
                at = max(at, self.base + len(self.buffer) - 1)
                if not self.fill():
                    raise self.cut("a comment", line=line)

    def _limit_comment(self, size: int) -> None:
        if size > limits.COMMENT:
            raise self.refused(f"a comment is longer than {limits.COMMENT // limits.MIB} MiB")

    def token(self) -> Token | None:
        """The next token of a statement, behind blank space and comments; None at the end.

        Raises BackupRefused at a backslash (a psql command) and where no token can stand.
        """
        self.blank()
        while self.comment() is not None:
            self.blank()
        while True:
            # `u&'` starts a string and `u&` does not, so never look at less.
            self.need(3)
            match = _TOKEN.match(self.buffer, self.pos)
            if match is None:
                # Only a dollar quote's tag may still be on its way.
                if self.eof or self.buffer[self.pos : self.pos + 1] != b"$":
                    break
            elif match.end() + _EXPONENT <= len(self.buffer) or self.eof:
                break
            self._within_limit()
            if not self.fill():
                match = _TOKEN.match(self.buffer, self.pos)
                break
        if match is None:
            if self.pos == len(self.buffer):
                return None
            self.need(20)
            text = self.buffer[self.pos : self.pos + 20]
            if text.startswith(b"\\"):
                raise self.meta_command()
            raise self.refused(f"no SQL starts with {printable(text)}")
        kind = str(match.lastgroup)
        if kind in ("word", "number", "param", "sign"):
            self.pos = match.end()
            return Token(kind, match.group())
        return Token(kind, self._quoted(kind, match.group()))

    def _quoted(self, kind: str, opening: bytes) -> bytes:
        """Pass the quoted text that `opening` starts; returns it with its quotes."""
        line, length = self.line(), len(opening)
        while True:
            end, length = self._closing(kind, opening, self.pos + length)
            if end:
                text = self.buffer[self.pos : end]
                self.pos = end
                return text
            length -= self.pos
            self._within_limit()
            if not self.fill():
                raise self.cut(f"a text that {printable(opening)} opened", line=line)

    def _closing(self, kind: str, opening: bytes, at: int) -> tuple[int, int]:
        """Where the quoted text ends (0: not in this window), and up to where that is decided."""
        size = len(self.buffer)
        if kind == "dollar":
            end = self.buffer.find(opening, at)
            return (end + len(opening), 0) if end >= 0 else (0, max(at, size - len(opening)))
        if kind == "escape":
            return self._closing_escape(at)
        runs = _RUNS[opening[-1]]
        while (run := runs.search(self.buffer, at)) is not None:
            # Doubled quotes stand for one each; a single one behind them closes the text.
            if run.end() == size and not self.eof:
                return 0, run.start()
            if (run.end() - run.start()) % 2:
                return run.end(), 0
            at = run.end()
        return 0, size

    def _closing_escape(self, at: int) -> tuple[int, int]:
        size = len(self.buffer)
        while (mark := _ESCAPED.search(self.buffer, at)) is not None:
            at = mark.start()
            if at + 1 >= size and not self.eof:
                return 0, at
            if mark.group() == b"'" and self.buffer[at + 1 : at + 2] != b"'":
                return at + 1, 0
            at += 2
        return 0, max(at, size)

    def _within_limit(self) -> None:
        if len(self.buffer) - min(self.anchor, self.pos) > limits.STATEMENT:
            raise self.refused(
                f"a statement is longer than {limits.STATEMENT // limits.MIB} MiB",
                "Rows of such size are read in COPY form: dump without --inserts",
            )

    def meta_command(self) -> BackupRefused:
        self.need(100)
        text = self.buffer[self.pos : self.pos + 100].split(b"\n")[0]
        return self.refused(
            f"`{printable(text)}` is a psql command, which would run on the reading machine",
            "Backups hold rows only: find out who put it there",
        )
