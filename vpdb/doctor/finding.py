"""One line of the doctor's answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial


class Level(IntEnum):
    """How bad it is; a greater one is worse."""

    ok = 0
    skipped = 1  # nobody could look
    note = 2  # worth knowing, nothing is wrong
    warning = 3  # it works, but not as it should, or not for long
    trouble = 4  # something is broken: the next `up`, load or login fails
    unreachable = 5


EXIT_CODES = {Level.warning: 3, Level.trouble: 1, Level.unreachable: 5}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says; `fix` names a repair of vpdb.doctor.fixes that is safe to make."""

    level: Level
    text: str
    remedy: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, object]:
        return {
            "level": self.level.name,
            "text": self.text,
            "remedy": self.remedy,
            "fixable": bool(self.fix),
        }


UP = "Run `python3 bootstrap.py up`"

ok = partial(Finding, Level.ok)
note = partial(Finding, Level.note)
warning = partial(Finding, Level.warning)
trouble = partial(Finding, Level.trouble)
unreachable = partial(Finding, Level.unreachable)


def skipped(reason: str) -> Finding:
    """Say why nobody could look."""
    return Finding(Level.skipped, f"not looked at: {reason}")


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the command line's exit code for the worst of the findings."""
    return EXIT_CODES.get(max((f.level for f in findings), default=Level.ok), 0)
