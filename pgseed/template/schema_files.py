"""The schema files run in a private database, by the container's own psql.

The repository's code is trusted, and generated schema files hold psql commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pgseed.errors import ScriptFailed, SeedError
from pgseed.seed import Seed, read_sql
from pgseed.server import Server

_PLACE = re.compile(r"psql:<stdin>:(\d+): (.*)")


def run_schema_files(server: Server, database: str, seed: Seed) -> None:
    """Create role, schema and extensions as the files say, all in one psql.

    Raises SeedError with file and line of the first error.
    """
    texts = [_closed(read_sql(path)) for path in seed.files]
    try:
        server.psql(database, b"".join(texts), seed.variables)
    except ScriptFailed as error:
        lengths = [(path, text.count(b"\n")) for path, text in zip(seed.files, texts, strict=True)]
        raise SeedError(describe_failure(error.stderr, lengths)) from None


def describe_failure(stderr: str, files: Sequence[tuple[Path, int]]) -> str:
    """Word psql's first error with the file and line it is about; `files` with their lines."""
    for found in _PLACE.finditer(stderr):
        line, text = int(found[1]), found[2]
        if "ERROR" not in text and "FATAL" not in text:
            continue
        for path, lines in files:
            if line <= lines or path == files[-1][0]:
                cause = text.partition(":")[2].strip() or text
                return f"failed to run {path}, line {line}: {cause}. Mend the file and run it again"
            line -= lines
    cause = next(
        (line for line in reversed(stderr.splitlines()) if line.strip()), "no reason given"
    )
    return f"failed to run the files of {files[0][0].parent}: {cause.strip()}. Mend the file named"


def _closed(text: bytes) -> bytes:
    """End a file's last line, so that the next file begins on one of its own."""
    return text if text.endswith(b"\n") else text + b"\n"
