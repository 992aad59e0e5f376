"""The uncompressed bytes of a backup, however they are packed."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

from pgseed.backup import limits
from pgseed.backup.model import Compression, SkippedStatement
from pgseed.errors import BackupRefused

GET_AGAIN = "Get the file again"
_RECOMPRESS = "Decompress it, check where it came from, and compress it again as one stream"

# A zstd block of four bytes can stand for 128 KiB (RFC 8878, 3.1.1.2.2) and no decompressor bounds
# its output, so the input goes in by small pieces: at most some 64 MiB come out.
PIECE = 2048
GZIP, ZSTD, CUSTOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PGDMP"


class Source(ABC):
    """The uncompressed bytes of an open file, a chunk at a time."""

    compression: Compression = "none"
    skipped: tuple[SkippedStatement, ...] = ()

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path, self.size = path, size
        self._file = file
        self.consumed = 0

    @abstractmethod
    def read(self) -> bytes:
        """The next bytes, at most a few MiB; empty at the end. Raises BackupRefused if damaged."""

    def close(self) -> None:
        self._file.close()

    def _input(self, size: int) -> bytes:
        data = self._file.read(size)
        self.consumed += len(data)
        return data

    def _refused(self, cause: str, remedy: str = "") -> BackupRefused:
        return BackupRefused(self.path, cause, remedy=remedy)

    def _damaged(self, cause: str) -> BackupRefused:
        return self._refused(cause, GET_AGAIN)


class PlainSource(Source):
    def read(self) -> bytes:
        return self._input(limits.CHUNK)


class CompressedSource(Source):
    """One whose bytes are more than the file's, within limits."""

    produced = 0

    def _grow(self, size: int) -> None:
        self.produced += size
        if self.produced > limits.UNCOMPRESSED:
            raise self._refused(
                f"it decompresses to more than {limits.UNCOMPRESSED // limits.MIB // 1024} GiB",
                "A larger backup is read uncompressed",
            )
        if self.produced > max(limits.RATIO_FROM, limits.RATIO * self.consumed):
            raise self._refused(
                f"it decompresses to more than {limits.RATIO} times its size, as a decompression "
                "bomb does",
                "A backup that really is so uniform is read uncompressed",
            )


class PackedSource(CompressedSource):
    """A file that is one gzip or zstd stream."""

    def __init__(self, path: Path, file: BinaryIO, size: int, compression: Compression) -> None:
        super().__init__(path, file, size)
        self.compression = compression
        self._stream, self._fault = decompressor(compression, wbits=31)

    def read(self) -> bytes:
        parts: list[bytes] = []
        began = self.produced
        while self.produced - began < limits.CHUNK and not self._stream.eof:
            piece = self._input(PIECE)
            if not piece:
                raise self._damaged(f"its {self.compression} data end early, so it is truncated")
            try:
                out = self._stream.decompress(piece)
            except self._fault as error:
                raise self._damaged(f"its {self.compression} data are damaged ({error})") from error
            self._grow(len(out))
            parts.append(out)
        if self._stream.eof and self.produced == began:
            # What follows the end of the compressed data another reader may not see.
            rest = self._stream.unused_data or self._input(16)
            if rest:
                what = "other bytes follow"
                if rest.startswith((GZIP, ZSTD)):
                    what = "a second compressed stream follows the first"
                after = f"after the end of its {self.compression} data"
                raise self._refused(f"{what} {after}", _RECOMPRESS)
        return b"".join(parts)


def decompressor(compression: Compression, *, wbits: int) -> tuple[Any, type[Exception]]:
    """Return a decompressor of bounded memory, and what it raises for damaged data."""
    if compression == "gzip":
        return zlib.decompressobj(wbits), zlib.error
    import zstandard  # only here: other files are read 20 ms sooner without it

    zstd = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    return zstd.decompressobj(), zstandard.ZstdError
