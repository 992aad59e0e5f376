"""Writes `pg_dump -Fc` archives byte by byte, honest ones and others."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import zstandard

ALGORITHMS = {"none": 0, "gzip": 1, "lz4": 2, "zstd": 3}


@dataclass
class Item:
    """An entry of the table of contents; `rows` is what COPY would get, or None."""

    kind: str
    tag: str
    definition: str = ""
    copy: str = ""
    rows: bytes | None = None
    section: int = 3
    schema: str = "vpv4"


SETTINGS = [
    Item("ENCODING", "ENCODING", "SET client_encoding = 'UTF8';\n", section=2, schema=""),
    Item("STDSTRINGS", "STDSTRINGS", "SET standard_conforming_strings = 'on';\n", section=2),
    Item("SEARCHPATH", "SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n",
         section=2),
]  # fmt: skip
ITEMS = Item("TABLE DATA", "items", copy="COPY vpv4.items (id, name) FROM stdin;\n",
             rows=b"1\tone\n2\ttwo\n\\.\n\n\n")  # fmt: skip
SEQUENCE = Item("SEQUENCE SET", "s", "SELECT pg_catalog.setval('vpv4.items_id_seq', 2, true);\n")


def number(value: int, size: int = 4) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(size, "little")


def text(value: str | None) -> bytes:
    return number(-1) if value is None else number(len(value.encode())) + value.encode()


def archive(
    *items: Item,
    version: tuple[int, int] = (1, 16),
    compression: str = "gzip",
    year: int = 126,
    chunk: int = 4096,
) -> bytes:
    """An archive; `year` counts from 1900 and stands for the whole creation date."""
    header = b"PGDMP" + bytes([*version, 0, 4, 8, 1])
    header += (
        bytes([ALGORITHMS[compression]])
        if version >= (1, 15)
        else number(-1 if compression == "gzip" else 0)
    )
    header += b"".join(number(n) for n in (59, 30, 12, 31, 11, year, 0))
    header += text("velpdevdb") + text("17.6") + text("17.6")
    contents = number(len(items))
    data = b""
    for at, item in enumerate(items, start=10):
        contents += number(at) + number(item.rows is not None) + text("0") + text("0")
        contents += text(item.tag) + text(item.kind) + number(item.section)
        contents += text(item.definition) + text("DROP") + text(item.copy) + text(item.schema)
        contents += text("")
        contents += text("heap") if version >= (1, 14) else b""
        contents += number(0) if version >= (1, 16) else b""
        contents += text("velpharma") + text("false") + text("5") + text(None)
        contents += bytes([1]) + bytes(8)
        if item.rows is not None:
            data += b"\x01" + number(at) + _chunks(pack(item.rows, compression), chunk)
    return header + contents + data


def pack(rows: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return zlib.compress(rows)
    return zstandard.compress(rows) if compression == "zstd" else rows


def _chunks(data: bytes, size: int) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(number(len(piece)) + piece for piece in pieces) + number(0)
