"""What a database holds, in one line for people; texts of a server made safe for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pgseed.units import ago

if TYPE_CHECKING:
    from pgseed.databases.stamp import Stamp

_ORIGINS = {"undo": "brought back by undo", "dump": "dumped from here"}


def stamp_note(stamp: Stamp | None, now: float) -> str:
    """Say in one line what a database holds."""
    if stamp is None or not stamp.content_id:
        return "not loaded by this project"
    text = f"content {stamp.content_id[:12]} from {printable(stamp.label or stamp.source)}"
    if stamp.commit:
        text += f", commit {stamp.commit[:10]}"
    if stamp.loaded_at:
        text += f", loaded {ago(now - moment(stamp.loaded_at))}"
    if stamp.origin:
        text += f", {_ORIGINS.get(stamp.origin, f'restored from {printable(stamp.origin)}')}"
    return text


def moment(text: str) -> float:
    """Read a stamp's time (ISO 8601) as seconds since 1970."""
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def printable(text: str | None) -> str:
    """Put a server's text on one line and take the terminal's control characters out of it."""
    words = " ".join((text or "").split())
    return "".join(c if c.isprintable() else "?" for c in words)
