"""What can be wrong with a CSV file: the file as a whole, or single rows of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pgseed.errors import SeedError


class CsvRefused(SeedError):
    """A file cannot be read as CSV of its table at all; `line` 0 stands for it as a whole."""

    def __init__(
        self, path: Path, cause: str, *, line: int = 0, column: str = "", remedy: str = ""
    ) -> None:
        self.line = line
        where = f", line {line}" if line else ""
        where += f", column {column}" if column else ""
        advice = f". {remedy}" if remedy else ""
        super().__init__(f"failed to load {path}{where}: {cause}{advice}")


class LoadFailed(SeedError):
    """The database refused a load for a reason that is not in one row; nothing was written."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason why one row is not loaded; `rule` is its short name, `column` may be several."""

    line: int
    column: str
    rule: str
    reason: str

    def __str__(self) -> str:
        where = f", column {self.column}" if self.column else ""
        return f"line {self.line}{where}: {self.reason}"


def shown(value: str) -> str:
    """Quote a value for a message: on one line, and not endless."""
    return repr(value if len(value) <= 40 else value[:37] + "...")
