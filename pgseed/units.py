"""How sizes, counts and times are written for people."""

from __future__ import annotations

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_COUNTS = ("", "k", "M", "G", "T")


def size(number: float) -> str:
    """Write bytes as PostgreSQL's pg_size_pretty does, in steps of 1024: `24 MB`, `1.2 GB`."""
    value, unit = float(number), 0
    while abs(value) >= 1000 and unit < len(_BYTES) - 1:
        value /= 1024
        unit += 1
    return (
        f"{value:.0f} {_BYTES[unit]}" if value >= 10 or unit == 0 else f"{value:.1f} {_BYTES[unit]}"
    )


def count(number: float) -> str:
    """Write a whole number with its thousands apart: `29,222`."""
    return f"{round(number):,}"


def short_count(number: float) -> str:
    """Write a number in at most 5 characters: `842`, `29.2k`, `1.3M`."""
    value, unit = float(number), 0
    while abs(value) >= 999.5 and unit < len(_COUNTS) - 1:
        value /= 1000
        unit += 1
    if unit == 0:
        return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    return f"{value:.0f}{_COUNTS[unit]}" if value >= 100 else f"{value:.1f}{_COUNTS[unit]}"


def duration(seconds: float) -> str:
    """Write a length of time with the two units that matter: `0.3 s`, `2 min 5 s`, `3 d 4 h`."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        big, big_s, small, small_s = "min", 60, "s", 1
    elif whole < 86400:
        big, big_s, small, small_s = "h", 3600, "min", 60
    else:
        big, big_s, small, small_s = "d", 86400, "h", 3600
    rest = whole % big_s // small_s
    return f"{whole // big_s} {big}" + (f" {rest} {small}" if rest else "")


def ago(seconds: float) -> str:
    """Write how long ago something was, roughly: `just now`, `5 min ago`, `3 d ago`."""
    if seconds < 60:
        return "just now" if seconds < 5 else f"{int(seconds)} s ago"
    for limit, unit, unit_s in ((3600, "min", 60), (86400, "h", 3600)):
        if seconds < limit:
            return f"{int(seconds // unit_s)} {unit} ago"
    return f"{int(seconds // 86400)} d ago"


def clock(seconds: float) -> str:
    """Write a running time in 8 characters or fewer, for a column: `0.3s`, `2:05`, `3:04:05`."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{hours // 24}d {hours % 24}h"
