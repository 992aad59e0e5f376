"""How large the parts of a backup may be; what is larger is refused as damaged or hostile.

Sizes in bytes. They bound memory and time, and stand far above what pg_dump writes for a
development database.
"""

from __future__ import annotations

MIB = 1024 * 1024

CHUNK = 256 * 1024
"""Read and checked at a time; small enough to stay in the processor's cache."""

ROW = 256 * MIB
"""One line of COPY data. PostgreSQL's own limit is 1 GiB, its line buffer's size."""

STATEMENT = 64 * MIB
"""One statement outside COPY data, such as an INSERT with all its rows."""

COMMENT = 1 * MIB
"""One comment."""

STATEMENT_TOKENS = 100_000
"""Words and signs of one statement that is not an INSERT."""

UNCOMPRESSED = 64 * 1024 * MIB
"""A compressed backup, decompressed."""

RATIO = 300
"""Uncompressed to compressed size, from RATIO_FROM on. Text dumps reach 5 to 50."""

RATIO_FROM = 128 * MIB
"""Below this size any ratio is harmless."""
