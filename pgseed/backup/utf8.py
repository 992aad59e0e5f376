"""Where bytes stop being UTF-8; run as a program, it tells so of its input.

Of a large backup a process of its own finds out beside the reading: decoding takes as long as
all else that is looked for, and holds the interpreter's lock. It imports nothing of the project,
so that it starts at once.
"""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import BinaryIO

# The decoded text then stays in the processor's cache.
_PIECE = 64 * 1024
_CHUNK = 1024 * 1024


class Utf8:
    """Takes bytes in order and tells where the first that cannot be UTF-8 stand."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def fault_in(self, chunk: bytes) -> int | None:
        """Give the fault's place in this chunk (0 where it began before); None without one."""
        if chunk.isascii() and not self.is_cut:
            return None
        for start in range(0, len(chunk), _PIECE):
            piece = chunk[start : start + _PIECE]
            try:
                self._decoder.decode(piece)
            except UnicodeDecodeError as error:
                # The decoder put what it had kept of the piece before in front.
                return max(start + error.start - (len(error.object) - len(piece)), 0)
        return None

    @property
    def is_cut(self) -> bool:
        """Whether what was given ends inside a character."""
        return bool(self._decoder.getstate()[0])


def read_chunks(handle: int, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Give an open file's bytes from `start` to before `end`; its own position stays."""
    while chunk := os.pread(handle, _CHUNK if end is None else min(_CHUNK, end - start), start):
        yield chunk
        start += len(chunk)


def first_fault(handle: int, end: int | None = None) -> int | None:
    """Give the offset of the first fault before `end` in an open file; None without one."""
    utf8, at = Utf8(), 0
    for chunk in read_chunks(handle, end=end):
        fault = utf8.fault_in(chunk)
        if fault is not None:
            return at + fault
        at += len(chunk)
    return at if utf8.is_cut and end is None else None


class CheckBeside:
    """Another process looks for the first fault of an open file from its start."""

    def __init__(self, file: BinaryIO) -> None:
        self._handle = file.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=self._handle,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def first_fault(self) -> int | None:
        """Wait for the answer: an offset, None for a file that is UTF-8."""
        answer, _ = self._process.communicate()
        if self._process.returncode:  # somebody killed it
            return first_fault(self._handle)
        fault = json.loads(answer)
        return None if fault is None else int(fault)

    def first_fault_before(self, end: int) -> int | None:
        """Tell, without waiting for the other process, of the part before `end` alone."""
        return first_fault(self._handle, end)

    def line_of(self, offset: int) -> int:
        """Give the line that an offset stands in."""
        return 1 + sum(chunk.count(b"\n") for chunk in read_chunks(self._handle, end=offset))

    def close(self) -> None:
        self._process.kill()
        with self._process:
            pass


if __name__ == "__main__":
    print(json.dumps(first_fault(sys.stdin.fileno())))
