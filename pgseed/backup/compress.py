"""Compresses a backup so that one version of the library gives the same bytes for the same dump."""

from __future__ import annotations

import zlib
from pathlib import Path

import zstandard

from pgseed.backup.model import Compression
from pgseed.progress import Progress, quiet

_CHUNK = 1024 * 1024
_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


def compression_of(path: Path) -> Compression:
    """What a file of this name is to be compressed with."""
    return _SUFFIXES.get(path.suffix, "none")


def compress(source: Path, target: Path, progress: Progress = quiet) -> None:
    """Write `source` compressed as `target` is named; a gzip header gets neither name nor time."""
    method = compression_of(target)
    size = source.stat().st_size
    packer = (
        zlib.compressobj(6, wbits=31)
        if method == "gzip"
        else zstandard.ZstdCompressor(level=10, write_checksum=True).compressobj(size)
    )
    done = 0
    with source.open("rb") as plain, target.open("wb") as packed:
        while chunk := plain.read(_CHUNK):
            packed.write(packer.compress(chunk))
            done += len(chunk)
            progress(f"compressing {source.name}", done, size)
        packed.write(packer.flush())
