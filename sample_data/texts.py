"""Names and free text of the generated data, awkward on purpose.

Every step that moves them (CSV, COPY, dump, load) has to bring them through unchanged.
"""

from __future__ import annotations

from sample_data.chance import Chance
from sample_data.words import Seat, names, seats, sentences

_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "'": ""})

# What breaks naive readers: COPY's end mark and null mark as text, CSV quotes, Windows line ends.
_AWKWARD = (
    "\\.",
    "\\N",
    "Zeile 1\r\nZeile 2\r\n",
    ' "";""\t\'\'; DROP TABLE products; -- ',
    "50 % \\ 100 % / n. a. ✓ 🙂",
)

# Shares no factor with the number of names, so that every name comes up once before one repeats.
_STRIDE = 2_971


def company(index: int) -> tuple[str, str, Seat]:
    """Return name, mail domain and seat of the company with this number; all names differ."""
    founders, trades = names("founders"), names("trades")
    carriers = len(founders) * len(trades) * len(seats())
    rank, founder = divmod(index * _STRIDE % carriers, len(founders))
    trade, place = divmod(rank, len(seats()))
    seat = seats()[place]
    name = f"{founders[founder]} {trades[trade]} {seat.legal_form}"
    if index >= carriers:
        name += f" {index // carriers + 1}"
    domain = f"{founders[founder]}-{trades[trade]}".lower().translate(_ASCII)
    return name, f"{domain}.example", seat


def brand(chance: Chance) -> str:
    return "".join(chance.pick(names(f"brand {part}")) for part in ("starts", "middles", "ends"))


def storage_note(chance: Chance) -> str | None:
    return chance.pick(sentences("storage notes")) if chance.below(5) < 3 else None


def description(chance: Chance, term: str, german: str) -> str | None:
    """Return what was reported, in one to three sentences; nothing in one case of five."""
    if chance.one_in(5):
        return None
    if chance.one_in(500):
        return chance.pick(_AWKWARD)
    courses = sentences("report courses")
    course = chance.below(len(courses))
    text = chance.pick(sentences("report openings")) + courses[course]
    if chance.one_in(6):
        text += courses[course - chance.between(1, len(courses) - 1)]
    text += chance.pick(sentences("report closings"))
    female = chance.one_in(2)
    days = chance.between(2, 60)
    few = chance.between(1, 30)
    n = few + chance.between(1, 60)
    return text.format(
        Sex="Patientin" if female else "Patient",
        sex="woman" if female else "man",
        age=chance.between(18, 94),
        german=german,
        term=term,
        days=days,
        later=days + chance.between(1, 28),
        weeks=chance.between(2, 52),
        dose=chance.between(2, 9),
        few=few,
        n=n,
        total=n * chance.between(4, 60),
    )
