"""Values of CSV files: from what people and spreadsheets write to what PostgreSQL reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from master_data.faults import shown
from master_data.tables import Column

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:[.,]([0-9]+))?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[.,' ’][0-9]{3})+(?:[.,][0-9]+)?")  # noqa: RUF001
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GERMAN_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "1", "yes", "y", "ja", "j", "wahr"), "t"),
    **dict.fromkeys(("false", "f", "0", "no", "n", "nein", "falsch"), "f"),
}
_INTEGER_LIMITS = {"integer": 2**31, "smallint": 2**15}


class ValueRefused(ValueError):
    """A value breaks a rule of its column; the text says what is expected and what was found."""

    def __init__(self, rule: str, reason: str, found: str = "") -> None:
        self.rule = rule
        super().__init__(f"{reason}, not {shown(found)}" if found else reason)


def converted(column: Column, raw: str) -> str:
    """Return the value in PostgreSQL's text form, "" for NULL; ValueRefused for a bad one."""
    if "\0" in raw:
        raise ValueRefused("nul", "holds a NUL character, which PostgreSQL cannot store")
    free = column.kind == "text"
    value = raw if free else raw.strip()
    if not value and not column.optional:
        raise ValueRefused("required", "must not be empty")
    return value if free or not value else _CONVERTERS[column.kind](column, value)


def _line(_column: Column, value: str) -> str:
    if _CONTROL.search(value):
        raise ValueRefused("single line", "must be one line without control characters", value)
    return value


def _integer(column: Column, value: str) -> str:
    if not _INTEGER.fullmatch(value):
        raise ValueRefused("integer", "must be a whole number such as 20", value)
    limit = _INTEGER_LIMITS[column.kind]
    # The length first: Python refuses to convert thousands of digits.
    if len(value) > 12 or not -limit <= int(value) < limit:
        raise ValueRefused("integer", f"must lie between {-limit} and {limit - 1}", value)
    return value


def _decimal(column: Column, value: str) -> str:
    found = _DECIMAL.fullmatch(value)
    if not found:
        reason = "must be a number such as 12.50"
        if _GROUPED.fullmatch(value):
            reason = "must have no thousands separator (1234.50 or 1234,50)"
        raise ValueRefused("decimal", reason, value)
    sign, whole, fraction = found[1], found[2].lstrip("0") or "0", found[3] or ""
    digits = column.precision - column.scale
    if len(fraction.rstrip("0")) > column.scale:
        raise ValueRefused("decimal", f"must have at most {column.scale} decimal places", value)
    if len(whole.lstrip("0")) > digits:
        raise ValueRefused("decimal", f"must have at most {digits} digits before the point", value)
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _date(_column: Column, value: str) -> str:
    if _ISO_DATE.fullmatch(value):
        text = value
    elif german := _GERMAN_DATE.fullmatch(value):
        text = f"{german[3]}-{german[2]:0>2}-{german[1]:0>2}"
    else:
        raise ValueRefused("date", "must be a date such as 2026-11-30 or 30.11.2026", value)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueRefused("date", "must be a day of the calendar", value) from None


def _boolean(_column: Column, value: str) -> str:
    found = _BOOLEANS.get(value.lower())
    if found is None:
        raise ValueRefused("boolean", "must be true or false", value)
    return found


def _choice(column: Column, value: str) -> str:
    if value not in column.choices:
        raise ValueRefused("choice", f"must be one of {', '.join(column.choices)}", value)
    return value


_CONVERTERS: dict[str, Callable[[Column, str], str]] = {
    "code": _line,
    "line": _line,
    "integer": _integer,
    "smallint": _integer,
    "decimal": _decimal,
    "date": _date,
    "boolean": _boolean,
    "choice": _choice,
}


class Values(dict[str, str]):
    """The values of one column of a CSV file, each with its text for COPY.

    Most values come often, so each is judged once, when it is first asked for. Free text is all
    different, so a batch of it is treated as one long text.
    """

    _REMEMBERED = 50_000

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.column = column
        self._refused: dict[str, ValueRefused] = {}

    def __missing__(self, raw: str) -> str:
        self[raw] = ""
        try:
            self[raw] = copy_text(converted(self.column, raw))
        except ValueRefused as refused:
            self._refused[raw] = refused
        return self[raw]

    def copy_texts(self, raw: tuple[str, ...]) -> tuple[Sequence[str], Mapping[int, ValueRefused]]:
        """Return the values as COPY reads them, and by position those that are refused."""
        is_text = self.column.kind == "text"
        if is_text:
            joined = "\0".join(raw)
            if joined.count("\0") == len(raw) - 1 and (self.column.optional or "" not in raw):
                return copy_text(joined).split("\0"), {}
        if is_text or len(self) > self._REMEMBERED:
            self.clear()
            self._refused.clear()
        texts = list(map(self.__getitem__, raw))
        if not self._refused:
            return texts, {}
        found = enumerate(map(self._refused.get, raw))
        return texts, {position: refused for position, refused in found if refused}


def copy_text(value: str) -> str:
    """Escape a value for COPY's text format."""
    escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")
