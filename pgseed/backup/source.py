"""Opens a backup file, says what is wrong with it as a file, and gives its uncompressed bytes.

What counts is the content, not the name: a gzip file that is called `.sql` is read as gzip.
"""

from __future__ import annotations

import os
import stat
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

from pgseed.backup import limits
from pgseed.backup.model import Checkpoint, Compression, FileState, SkippedStatement
from pgseed.errors import BackupRefused

PLAIN_DUMP = "Write it with `python -m vpdb dump`, or with `pg_dump --data-only --file=…`"
_RECOMPRESS = "Decompress it, check where it came from, and compress it again as one stream"
_CHECKPOINT_EVERY = 8 * limits.MIB

# First bytes -> what the file is. Sources: the formats' specifications; for Git LFS its spec.md.
_NOT_A_BACKUP: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs.github.com/spec/",
        "it is a Git LFS pointer, not the file itself",
        "Run `git lfs pull`",
    ),
    (
        b"\xef\xbb\xbf",
        "it starts with a byte order mark, so an editor has saved it anew",
        "Restore the original, for example with `git checkout`",
    ),
    (
        b"\xff\xfe",
        "it is UTF-16 text, as PowerShell's `>` writes it",
        "Write it with `pg_dump --file=…` instead of `>`",
    ),
    (b"\xfe\xff", "it is UTF-16 text", "Write it with `pg_dump --file=…`"),
    (b"\xfd7zXZ\x00", "it is compressed with xz", "Decompress it with `xz -d`, or use .gz or .zst"),
    (b"BZh", "it is compressed with bzip2", "Decompress it with `bzip2 -d`, or use .gz or .zst"),
    (b"PK\x03\x04", "it is a zip archive", "Unpack it, or use .gz or .zst"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "Unpack it, or use .gz or .zst"),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4", "Decompress it, or use .gz or .zst"),
    (b"SQLite format 3\x00", "it is an SQLite database", PLAIN_DUMP),
    (b"<!DOCTYPE", "it is a web page, so a download went wrong", "Download the file again"),
    (b"<html", "it is a web page, so a download went wrong", "Download the file again"),
    (
        b"<<<<<<< ",
        "it holds a merge conflict",
        "Take one side whole: `git checkout --ours FILE` or `git checkout --theirs FILE`",
    ),
)
_GZIP, _ZSTD, CUSTOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PGDMP"


class Source(ABC):
    """The uncompressed bytes of an open file, a chunk at a time."""

    compression: Compression = "none"
    skipped: tuple[SkippedStatement, ...] = ()

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path, self.size = path, size
        self._file = file
        self.consumed = 0
        self.produced = 0
        self.checkpoints: list[Checkpoint] = []

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
            second = rest.startswith((_GZIP, _ZSTD))
            what = (
                "a second compressed stream follows the first" if second else "other bytes follow"
            )
            raise self._refused(f"{what} after the end of its {self.compression} data", _RECOMPRESS)


class GzipSource(CompressedSource):
    compression: Compression = "gzip"

    def __init__(
        self, path: Path, file: BinaryIO, size: int, *, start: Checkpoint | None = None
    ) -> None:
        super().__init__(path, file, size)
        self._pending = b""
        self._gzip = zlib.decompressobj(wbits=31)
        if start is not None:
            # A stored decompressor may serve several readers, so each goes on with a copy.
            self._gzip = start.decompressor.copy()  # type: ignore[attr-defined]
            self.consumed, self.produced = start.compressed, start.uncompressed
            file.seek(start.compressed)
        self._keep_at = self.produced + _CHECKPOINT_EVERY

    def read(self) -> bytes:
        while not self._gzip.eof:
            if not self._pending:
                if self.produced >= self._keep_at:
                    self._keep_at = self.produced + _CHECKPOINT_EVERY
                    self.checkpoints.append(
                        Checkpoint(self.produced, self.consumed, self._gzip.copy())
                    )
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


class ZstdSource(CompressedSource):
    compression: Compression = "zstd"
    # A block of four bytes can stand for 128 KiB (RFC 8878, 3.1.1.2.2) and the decompressor has no
    # limit on its output, so the input goes in by small pieces: at most some 64 MiB come out.
    _PIECE = 2048

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        super().__init__(path, file, size)
        import zstandard  # only here: other files are read sooner without it

        self._damaged = zstandard.ZstdError
        self._zstd = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def read(self) -> bytes:
        parts: list[bytes] = []
        held = 0
        while held < limits.CHUNK and not self._zstd.eof:
            piece = self._input(self._PIECE)
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


def file_state(file: BinaryIO) -> FileState:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def refuse_changed(path: Path, file: BinaryIO, state: FileState) -> None:
    """Raise BackupRefused where an open file is not any more what it was when it was opened."""
    if file_state(file) != state:
        raise BackupRefused(path, "it changed while it was read", remedy="Try again")


def open_file(path: Path) -> BinaryIO:
    """Open a backup for reading. Raises BackupRefused: missing, a directory, a pipe, no right."""
    try:
        # Without O_NONBLOCK a named pipe would be waited on for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise BackupRefused(
            path,
            "there is no such file",
            remedy="`python -m vpdb backups` lists the ones there are",
        ) from None
    except PermissionError:
        raise BackupRefused(
            path, "this user may not read it", remedy=f"Run `chmod u+r {path}` as its owner"
        ) from None
    except OSError as error:
        raise BackupRefused(path, error.strerror or str(error)) from None
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb", buffering=0)
    os.close(handle)
    if not stat.S_ISDIR(mode):
        raise BackupRefused(path, "it is not a regular file", remedy="Name a file")
    if (path / "toc.dat").exists():
        raise BackupRefused(
            path,
            "it is a pg_dump directory archive (-Fd)",
            remedy=f"Turn it into a file: `pg_restore --data-only --file=backup.sql {path}`",
        )
    raise BackupRefused(path, "it is a directory", remedy="Name a file in it")


def open_source(path: Path, file: BinaryIO) -> Source:
    """Look at a file's first bytes and choose how to read it. Raises BackupRefused."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(512)
    file.seek(0)
    if not head:
        raise BackupRefused(path, "it is empty (0 bytes)", remedy="Get the file again")
    if head.startswith(_GZIP):
        return GzipSource(path, file, size)
    if head.startswith(_ZSTD):
        return ZstdSource(path, file, size)
    if head.startswith(CUSTOM):
        from pgseed.backup.archive import CustomSource

        return CustomSource(path, file, size)
    refuse_foreign(path, head)
    return PlainSource(path, file, size)


def refuse_foreign(path: Path, head: bytes, *, inside: Compression = "none") -> None:
    """Refuse what its first bytes show to be no SQL text. Raises BackupRefused."""
    where = "" if inside == "none" else f"inside the {inside} data: "
    for magic, cause, remedy in _NOT_A_BACKUP:
        if head.startswith(magic):
            raise BackupRefused(path, where + cause, remedy=remedy)
    if head[257:262] == b"ustar":
        raise BackupRefused(
            path,
            where + "it is a tar archive, as `pg_dump -Ft` writes it",
            remedy=f"Turn it into a file: `pg_restore --data-only --file=backup.sql {path}`",
        )
    if inside != "none" and head.startswith((_GZIP, _ZSTD, CUSTOM)):
        what = "a pg_dump archive (-Fc)" if head.startswith(CUSTOM) else "compressed a second time"
        raise BackupRefused(path, f"{where}it is {what}", remedy="Decompress it once")
    if not head.strip(b" \t\r\n\f\v"):
        raise BackupRefused(
            path, where + "it begins with nothing but blank space", remedy="Get the file again"
        )
