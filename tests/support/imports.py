"""Which heavy modules a command has imported: why it would be slow, told without a clock."""

from __future__ import annotations

from collections.abc import Iterable

# Slow to import, and nothing that a help text or a look at the database is made of.
HEAVY = ("pulumi", "pydantic", "zstandard", "asyncio", "multiprocessing", "http", "email")


def heavy(imported: Iterable[str], *more: str) -> set[str]:
    """Give those of HEAVY and `more` that are among the imported modules, or hold one of them."""
    names = set(imported)
    return {
        package
        for package in (*HEAVY, *more)
        if any(name == package or name.startswith(f"{package}.") for name in names)
    }
