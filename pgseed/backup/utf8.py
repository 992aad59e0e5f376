"""An open file's bytes in pieces, whatever its position."""

from __future__ import annotations

import os
from collections.abc import Iterator

_CHUNK = 1024 * 1024


def read_chunks(handle: int, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Give an open file's bytes from `start` to before `end`; its own position stays."""
    while chunk := os.pread(handle, _CHUNK if end is None else min(_CHUNK, end - start), start):
        yield chunk
        start += len(chunk)
