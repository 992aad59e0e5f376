"""How large, in bytes, the parts of a backup may be: far above what pg_dump writes for us."""

from __future__ import annotations

MIB = 1024 * 1024

CHUNK = 256 * 1024  # read and checked at a time; small enough for the processor's cache
ROW = 256 * MIB  # a line of COPY data; PostgreSQL's own limit is 1 GiB, its line buffer's size
STATEMENT = 64 * MIB  # a statement outside COPY data, such as an INSERT with all its rows
STATEMENT_TOKENS = 100_000  # words and signs of a statement that is not an INSERT
COMMENT = 1 * MIB
UNCOMPRESSED = 64 * 1024 * MIB  # a compressed backup, decompressed
RATIO_FROM = 128 * MIB  # uncompressed; below this size any ratio is harmless
RATIO = 300  # uncompressed to compressed size, above that; text dumps reach 5 to 50
