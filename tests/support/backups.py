"""Backups with one row changed or gone: other contents, made from the bytes of a plain dump."""

from __future__ import annotations


def change_row(text: bytes, table: str, old: bytes, new: bytes) -> bytes:
    """Replace the first `old` in the rows of a table, which has to hold it, or behind them."""
    before, rows = _split(text, table)
    assert old in rows
    return before + rows.replace(old, new, 1)


def without_last_row(text: bytes, table: str) -> bytes:
    before, rows = _split(text, table)
    block, end, behind = rows.partition(b"\n\\.\n")
    return before + block.rpartition(b"\n")[0] + end + behind


def _split(text: bytes, table: str) -> tuple[bytes, bytes]:
    """Part a dump behind the name of a table that gets rows."""
    before, copy, rows = text.partition(f"COPY {table} ".encode())
    assert copy
    return before + copy, rows
