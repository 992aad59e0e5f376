"""One line of the doctor's answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; a greater one is worse."""

    ok = 0
    skipped = 1
    note = 2
    warning = 3
    trouble = 4
    unreachable = 5


EXIT_CODES = {
    Level.ok: 0,
    Level.skipped: 0,
    Level.note: 0,
    Level.warning: 3,
    Level.trouble: 1,
    Level.unreachable: 5,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says; `fix` names a repair of vpdb.doctor.fixes that is safe to make."""

    level: Level
    text: str
    remedy: str = ""
    fix: str = ""


def ok(text: str) -> Finding:
    """All is as it should be."""
    return Finding(Level.ok, text)


def skipped(reason: str) -> Finding:
    """Nobody could look."""
    return Finding(Level.skipped, f"not looked at: {reason}")


def note(text: str, remedy: str = "", fix: str = "") -> Finding:
    """Worth knowing, nothing is wrong."""
    return Finding(Level.note, text, remedy, fix)


def warning(text: str, remedy: str, fix: str = "") -> Finding:
    """It works, but not as it should, or not for long."""
    return Finding(Level.warning, text, remedy, fix)


def trouble(text: str, remedy: str, fix: str = "") -> Finding:
    """Something is broken: the next `up`, load or login fails."""
    return Finding(Level.trouble, text, remedy, fix)


def unreachable(text: str, remedy: str, fix: str = "") -> Finding:
    """The database cannot be reached."""
    return Finding(Level.unreachable, text, remedy, fix)


def exit_code(findings: Iterable[Finding]) -> int:
    """The command line's exit code for the worst of the findings."""
    return EXIT_CODES[max((f.level for f in findings), default=Level.ok)]
