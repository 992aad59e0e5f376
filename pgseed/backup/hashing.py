"""The identity of a backup's rows: SHA-256 over labelled fields, beside the reading.

SHA-256, because processors of recent years have instructions for it (0.25 s for 250 MB here,
BLAKE2b 0.4 s) and OpenSSL, which hashlib calls, releases the interpreter meanwhile.
"""

from __future__ import annotations

import hashlib
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_LABEL = "vpdb backup rows, version 1"


class Fields:
    """A hash over fields that cannot run together: each has its type and length in front."""

    def __init__(self, label: str = _LABEL) -> None:
        self._hash = hashlib.sha256()
        self.add(label)

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


class HashThread:
    """Feeds hashes in a second thread, in the order given; at most a few MiB wait.

    Use it as a context manager: on leaving it, everything given has been hashed.
    """

    def __init__(self) -> None:
        self._queue: Queue[tuple[_Hash, bytes | memoryview] | None] = Queue(maxsize=16)
        self._thread: Thread | None = None

    def update(self, digest: _Hash, data: bytes | memoryview) -> None:
        if self._thread is None:
            if len(data) < 64 * 1024:
                # Small backups never need the thread.
                digest.update(data)
                return
            self._thread = Thread(target=self._work, name="backup hash", daemon=True)
            self._thread.start()
        self._queue.put((digest, data))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            digest, data = item
            digest.update(data)

    def __enter__(self) -> HashThread:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
