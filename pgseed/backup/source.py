"""The uncompressed bytes of a backup, however they are packed."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

from pgseed.backup import limits
from pgseed.backup.model import Compression, SkippedStatement
from pgseed.errors import BackupRefused

_RECOMPRESS = "Decompress it, check where it came from, and compress it again as one stream"

# A block of four bytes can stand for 128 KiB (RFC 8878, 3.1.1.2.2) and the decompressor does not
# bound its output, so the input goes in by small pieces: at most some 64 MiB come out.
ZSTD_PIECE = 2048
GZIP, ZSTD, CUSTOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PGDMP"


class Source(ABC):
    """The uncompressed bytes of an open file, a chunk at a time."""

    compression: Compression = "none"
    skipped: tuple[SkippedStatement, ...] = ()

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path, self.size = path, size
        self._file = file
        self.consumed = 0
        self.produced = 0

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


class PlainSource(Source):
    def read(self) -> bytes:
        data = self._input(limits.CHUNK)
        self.produced += len(data)
        return data


class CompressedSource(Source):
    def _grow(self, size: int) -> None:
        self.produced += size
        if self.produced > limits.UNCOMPRESSED:
            raise self._refused(
                f"it decompresses to more than {limits.UNCOMPRESSED // limits.MIB // 1024} GiB",
                "A larger backup is read uncompressed",
            )
        if self.produced > limits.RATIO_FROM and self.produced > limits.RATIO * self.consumed:
            raise self._refused(
                f"it decompresses to more than {limits.RATIO} times its size, as a decompression "
                "bomb does",
                "A backup that really is so uniform is read uncompressed",
            )

    def _cut(self) -> BackupRefused:
        return self._refused(
            f"its {self.compression} data end early, so it is truncated", "Get the file again"
        )

    def _more(self, rest: bytes) -> None:
        """Refuse what follows the end of the compressed data: another reader may not see it."""
        rest = rest or self._input(16)
        if rest:
            second = rest.startswith((GZIP, ZSTD))
            what = (
                "a second compressed stream follows the first" if second else "other bytes follow"
            )
            raise self._refused(f"{what} after the end of its {self.compression} data", _RECOMPRESS)


class GzipSource(CompressedSource):
    compression: Compression = "gzip"

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        super().__init__(path, file, size)
        self._pending = b""
        self._gzip = zlib.decompressobj(wbits=31)

    def read(self) -> bytes:
        while not self._gzip.eof:
            if not self._pending:
                self._pending = self._input(limits.CHUNK // 4)
                if not self._pending:
                    raise self._cut()
            try:
                out = self._gzip.decompress(self._pending, limits.CHUNK)
            except zlib.error as error:
                raise self._refused(
                    f"its gzip data are damaged ({error})", "Get the file again"
                ) from error
            self._pending = self._gzip.unconsumed_tail
            if out:
                self._grow(len(out))
                return out
        self._more(self._gzip.unused_data)
        return b""


def zstd_decompressor() -> tuple[Any, type[Exception]]:
    """Return a decompressor of bounded memory, and what it raises for damaged data."""
    import zstandard  # only here: other files are read 20 ms sooner without it

    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    return decompressor, zstandard.ZstdError


class ZstdSource(CompressedSource):
    compression: Compression = "zstd"

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        super().__init__(path, file, size)
        self._zstd, self._damaged = zstd_decompressor()

    def read(self) -> bytes:
        parts: list[bytes] = []
        held = 0
        while held < limits.CHUNK and not self._zstd.eof:
            piece = self._input(ZSTD_PIECE)
            if not piece:
                raise self._cut()
            try:
                out = self._zstd.decompress(piece)
            except self._damaged as error:
                raise self._refused(
                    f"its zstd data are damaged ({error})", "Get the file again"
                ) from error
            self._grow(len(out))
            held += len(out)
            parts.append(out)
        if self._zstd.eof and not held:
            self._more(self._zstd.unused_data)
        return b"".join(parts)
