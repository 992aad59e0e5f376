"""What this project's databases on a server are called, and what a name says."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from pgseed.errors import NameRefused

Kind = Literal["live", "schema", "template", "spare", "build", "clone", "kept", "snapshot"]

# PostgreSQL cuts longer names without a word (NAMEDATALEN).
_NAME_BYTES = 63
_SNAPSHOT = re.compile(r"[a-z0-9][a-z0-9_]*")
_SUFFIXES: dict[Kind, re.Pattern[str]] = {
    "schema": re.compile(r"_schema_[0-9a-f]{12}"),
    "template": re.compile(r"_template_[0-9a-f]{12}"),
    "spare": re.compile(r"_spare_\d{1,10}"),
    "build": re.compile(r"_build_[0-9a-f]{12}"),
    "clone": re.compile(r"_clone_[0-9a-f]{12}"),
    "kept": re.compile(r"_kept_\d{8}_\d{6}"),
    "snapshot": re.compile(r"_snapshot_[a-z0-9_]+"),
}


def schema_name(live: str, init_id: str) -> str:
    return f"{live}_schema_{init_id[:12]}"


def template_name(live: str, content_id: str) -> str:
    return f"{live}_template_{content_id[:12]}"


def spare_name(live: str, source_oid: int) -> str:
    return f"{live}_spare_{source_oid}"


def source_of_spare(name: str) -> int:
    return int(name.rpartition("_")[2])


def build_name(live: str) -> str:
    return f"{live}_build_{os.urandom(6).hex()}"


def clone_name(live: str) -> str:
    return f"{live}_clone_{os.urandom(6).hex()}"


def kept_name(live: str, when: datetime, taken: Collection[str]) -> str:
    """Name a kept database after the second it was replaced in, or the next free one."""
    while (name := f"{live}_kept_{when:%Y%m%d_%H%M%S}") in taken:
        when += timedelta(seconds=1)
    return name


def snapshot_name(live: str, name: str) -> str:
    """Name a snapshot's database; NameRefused for a name PostgreSQL would cut or fold."""
    room = _NAME_BYTES - len(f"{live}_snapshot_".encode())
    if not _SNAPSHOT.fullmatch(name) or len(name) > room:
        raise NameRefused(
            f"failed to name the snapshot {name!r}: a name is 1 to {room} small letters, digits or"
            " underscores and begins with a letter or digit. For example: before_import"
        )
    return f"{live}_snapshot_{name}"


def kind_of(name: str, live: str) -> Kind | None:
    """Tell what a database of this server is to the live one; None: nothing of ours."""
    if name == live:
        return "live"
    if not name.startswith(live):
        return None
    for kind, suffix in _SUFFIXES.items():
        if suffix.fullmatch(name, len(live)):
            return kind
    return None
