"""Names and free text of the generated data, awkward on purpose.

Real descriptions hold quotation marks, line breaks, tabs and backslashes; every step that moves
them (CSV, COPY, dump, load) has to bring them through unchanged, and this is what proves it.
"""

from __future__ import annotations

from sample_data.chance import Chance
from sample_data.words import (
    BRAND_ENDS,
    BRAND_MIDDLES,
    BRAND_STARTS,
    FOUNDERS,
    SEATS,
    TRADES,
    Seat,
)

_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "'": ""})

_STORAGE = (
    "Nicht über 25 °C lagern.",
    "Nicht über 30 °C lagern.\nIn der Originalverpackung aufbewahren, um den Inhalt vor Licht zu "
    "schützen.",
    "Im Kühlschrank lagern (2 °C bis 8 °C).\nNicht einfrieren.",
    "Für Kinder unzugänglich aufbewahren.",
    "Nach Anbruch 4 Wochen haltbar.\tAnbruchdatum: ____________",
    "Vor Gebrauch „gut schütteln“.\nReste über den Hausmüll entsorgen.",
)

_OPENINGS = (
    "{Sex}, {age} Jahre: {german} {days} Tage nach Beginn der Einnahme.",
    "{Sex} ({age} J.) berichtet über {german} ab der {dose}. Dosis; die Behandlung wurde zunächst "
    "unverändert fortgeführt.",
    "A {age}-year-old {sex} developed {term} {days} days after the first dose.",
    "{term} was reported in {n} of {total} patients treated for at least {weeks} weeks.",
    'Angabe der Patientin: "{german}, vor allem morgens", Beginn nach {days} Tagen.',
    "Meldung einer Apotheke über {german}; Dauer {days} Tage, Stärke mäßig bis ausgeprägt.",
    "In der Zulassungsstudie trat {german} bei {n} von {total} Behandelten auf (Placebo: {few}).",
    "Literature: {term} after {weeks} weeks of treatment, published as a single case report.",
    "{term}; onset day {days}, positive rechallenge on day {later}.",
    "Telefonische Meldung der Praxis: {german} seit dem Wechsel der Packung.",
)
_COURSES = (
    " Nach Absetzen vollständige Rückbildung innerhalb von {later} Tagen.",
    " The reaction resolved within {later} days after the dose had been reduced.",
    " Verlauf:\n- Tag 1: Beginn\n- Tag {days}: Höhepunkt\n- Tag {later}: beschwerdefrei",
    " Begleitmedikation: Ramipril 5 mg, L-Thyroxin 75 µg.\nKeine Vorerkrankungen bekannt.",
    " Labor:\tALT {n} U/l\tAST {few} U/l\tKreatinin 0,9 mg/dl",
    " Keine Maßnahme erforderlich; die Therapie wurde weitergeführt.",
    " The causal relationship was assessed as 'possible' by the treating physician.",
    ' Arztbrief: "Zusammenhang möglich, andere Ursachen nicht ausgeschlossen".',
    " Der Fall ist unter C:\\Meldungen\\2024\\Fall_{n}.pdf abgelegt.",
    " Kein Anhalt für eine Wechselwirkung, Medikamentenspiegel im Normbereich (≥ 4 µg/l).",
)
_CLOSINGS = (
    " Ausgang: wiederhergestellt.",
    " Outcome: recovered without sequelae.",
    " Ausgang: noch nicht wiederhergestellt, Nachverfolgung läuft.",
    " Outcome unknown; no further information is expected.",
    " Rückfrage an die Meldestelle ist gestellt.\n",
    " Ärztlich bestätigt.",
    "",
)
# What breaks naive readers: COPY's end mark and null mark as text, CSV quotes, Windows line ends.
_AWKWARD = (
    "\\.",
    "\\N",
    "Zeile 1\r\nZeile 2\r\n",
    ' "";""\t\'\'; DROP TABLE products; -- ',
    "50 % \\ 100 % / n. a. ✓ 🙂",
)

_CARRIERS = len(FOUNDERS) * len(TRADES) * len(SEATS)
# Shares no factor with the number of names, so that every name comes up once before one repeats.
_STRIDE = 2_971


def company(index: int) -> tuple[str, str, Seat]:
    """Name, mail domain and seat of the company with this number; no two names are alike."""
    rank = index * _STRIDE % _CARRIERS
    rank, founder = divmod(rank, len(FOUNDERS))
    trade, seat = divmod(rank, len(SEATS))
    name = f"{FOUNDERS[founder]} {TRADES[trade]} {SEATS[seat].legal_form}"
    if index >= _CARRIERS:
        name += f" {index // _CARRIERS + 1}"
    domain = f"{FOUNDERS[founder]}-{TRADES[trade]}".lower().translate(_ASCII)
    return name, f"{domain}.example", SEATS[seat]


def brand(chance: Chance) -> str:
    return chance.pick(BRAND_STARTS) + chance.pick(BRAND_MIDDLES) + chance.pick(BRAND_ENDS)


def storage_note(chance: Chance) -> str | None:
    return chance.pick(_STORAGE) if chance.below(5) < 3 else None


def description(chance: Chance, term: str, german: str) -> str | None:
    """What was reported, in one to three sentences; nothing in one case of five."""
    if chance.one_in(5):
        return None
    if chance.one_in(500):
        return chance.pick(_AWKWARD)
    course = chance.below(len(_COURSES))
    text = chance.pick(_OPENINGS) + _COURSES[course]
    if chance.one_in(6):
        text += _COURSES[course - chance.between(1, len(_COURSES) - 1)]
    text += chance.pick(_CLOSINGS)
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
