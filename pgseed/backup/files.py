"""Opens backup files by their content, whatever their names, and says what is wrong with one."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from pgseed.backup.archive import CustomSource
from pgseed.backup.model import Compression, FileState
from pgseed.backup.source import CUSTOM, GET_AGAIN, GZIP, ZSTD, PackedSource, PlainSource, Source
from pgseed.errors import BackupRefused

PLAIN_DUMP = "Write it with `pg_dump --data-only --file=…`"
ONE_SIDE = "Take one side whole: `git checkout --ours FILE` or `git checkout --theirs FILE`"
_AS_FILE = "Turn it into a file: `pg_restore --data-only --file=backup.sql {}`"

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
    (b"<<<<<<< ", "it holds a merge conflict", ONE_SIDE),
)


def file_state(file: BinaryIO) -> FileState:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def refuse_changed(path: Path, file: BinaryIO, state: FileState) -> None:
    """Raise BackupRefused where an open file is not any more what it was when it was opened."""
    if file_state(file) != state:
        raise BackupRefused(path, "it changed while it was read", remedy="Try again")


def open_file(path: Path) -> FileIO:
    """Open a backup for reading. Raises BackupRefused: missing, a directory, a pipe, no right."""
    try:
        # Without O_NONBLOCK a named pipe would be waited on for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        cause, remedy = error.strerror or str(error), ""
        if isinstance(error, FileNotFoundError):
            cause, remedy = "there is no such file", "Name one that is there"
        elif isinstance(error, PermissionError):
            cause, remedy = "this user may not read it", f"Run `chmod u+r {path}` as its owner"
        raise BackupRefused(path, cause, remedy=remedy) from None
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return FileIO(handle)
    os.close(handle)
    cause, remedy = "it is not a regular file", "Name a file"
    if stat.S_ISDIR(mode):
        cause, remedy = "it is a directory", "Name a file in it"
        if (path / "toc.dat").exists():
            cause, remedy = "it is a pg_dump directory archive (-Fd)", _AS_FILE.format(path)
    raise BackupRefused(path, cause, remedy=remedy)


def open_source(path: Path, file: BinaryIO) -> Source:
    """Look at a file's first bytes and choose how to read it. Raises BackupRefused."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(512)
    file.seek(0)
    if not head:
        raise BackupRefused(path, "it is empty (0 bytes)", remedy=GET_AGAIN)
    if head.startswith(GZIP):
        return PackedSource(path, file, size, "gzip")
    if head.startswith(ZSTD):
        return PackedSource(path, file, size, "zstd")
    if head.startswith(CUSTOM):
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
        cause = "it is a tar archive, as `pg_dump -Ft` writes it"
        raise BackupRefused(path, where + cause, remedy=_AS_FILE.format(path))
    if inside != "none" and head.startswith((GZIP, ZSTD, CUSTOM)):
        what = "a pg_dump archive (-Fc)" if head.startswith(CUSTOM) else "compressed a second time"
        raise BackupRefused(path, f"{where}it is {what}", remedy="Decompress it once")
    if not head.strip(b" \t\r\n\f\v"):
        cause = "it begins with nothing but blank space"
        raise BackupRefused(path, where + cause, remedy=GET_AGAIN)
