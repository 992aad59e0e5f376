"""The vocabulary of the generated data: public names and made-up companies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("words")


@dataclass(frozen=True, slots=True)
class Substance:
    inn: str
    atc_code: str
    strengths: tuple[str, ...]
    unit: str
    forms: str
    controlled: bool
    what: str


@dataclass(frozen=True, slots=True)
class OrganClass:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Term:
    """A reaction term; `organ_class` and `parent` count from 0 in file order."""

    name: str
    german_name: str
    organ_class: int
    parent: int | None


@cache
def substances() -> tuple[Substance, ...]:
    found = []
    for line in _lines("substances.txt"):
        inn, atc_code, strengths, unit, forms, controlled, what = line.split("|")
        found.append(
            Substance(
                inn, atc_code, tuple(strengths.split(",")), unit, forms, controlled == "1", what
            )
        )
    return tuple(found)


@cache
def reactions() -> tuple[tuple[OrganClass, ...], tuple[Term, ...]]:
    """The organ classes, and the terms below them."""
    classes: list[OrganClass] = []
    terms: list[Term] = []
    parent: int | None = None
    for line in _lines("reactions.txt"):
        if line.startswith("["):
            code, name = line[1:].split("] ")
            classes.append(OrganClass(code, name))
            parent = None
        elif line == "-":
            parent = None
        else:
            wider = line.startswith("+ ")
            name, german_name = line.removeprefix("+ ").split("|")
            terms.append(Term(name, german_name, len(classes) - 1, None if wider else parent))
            if wider:
                parent = len(terms) - 1
    return tuple(classes), tuple(terms)


def _section(title: str) -> tuple[str, ...]:
    found: list[str] = []
    inside = False
    for line in _lines("names.txt"):
        if line.startswith("["):
            inside = line == f"[{title}]"
        elif inside:
            found += ("" if word == "-" else word for word in line.split())
    return tuple(found)


def _lines(name: str) -> list[str]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


@dataclass(frozen=True, slots=True)
class DosageForm:
    """How a product is made up, with the pack sizes it is sold in."""

    name: str
    plural: str
    pack_unit: str
    pack_sizes: tuple[int, ...]


DOSAGE_FORMS = {
    "T": DosageForm("Filmtablette", "Filmtabletten", "Stück", (10, 20, 30, 50, 98, 100)),
    "K": DosageForm("Hartkapsel", "Hartkapseln", "Stück", (10, 14, 28, 56, 100)),
    "I": DosageForm("Injektionslösung", "Injektionslösung", "ml", (1, 2, 5, 10, 50)),
    "S": DosageForm("Sirup", "Sirup", "ml", (100, 150, 200, 250)),
    "C": DosageForm("Creme", "Creme", "g", (15, 20, 30, 50, 100)),
    "D": DosageForm("Tropfen zum Einnehmen", "Tropfen", "ml", (10, 20, 30, 50, 100)),
    "A": DosageForm("Augentropfen", "Augentropfen", "ml", (3, 5, 10)),
    "N": DosageForm("Nasenspray", "Nasenspray", "ml", (10, 15, 20)),
    "H": DosageForm("Inhalationspulver", "Inhalationspulver", "Dosen", (60, 120, 200)),
    "P": DosageForm("Transdermales Pflaster", "Pflaster", "Stück", (4, 5, 8, 16, 24)),
    "Z": DosageForm("Zäpfchen", "Zäpfchen", "Stück", (5, 6, 10, 20)),
}

FOUNDERS = _section("founders")
TRADES = _section("trades")


@dataclass(frozen=True, slots=True)
class Seat:
    legal_form: str
    country_code: str
    cities: tuple[str, ...]


SEATS = (
    Seat("GmbH", "DE", ("München", "Köln", "Nürnberg", "Lübeck", "Göttingen", "Saarbrücken")),
    Seat("AG", "CH", ("Zürich", "Basel", "Genève", "Neuchâtel", "Zug", "Altdorf UR")),
    Seat("GmbH & Co. KG", "DE", ("Tübingen", "Düsseldorf", "Würzburg", "Mönchengladbach")),
    Seat("GesmbH", "AT", ("Wien", "Graz", "Sankt Pölten", "Klagenfurt am Wörthersee")),
    Seat("SA", "CH", ("Lausanne", "Fribourg", "La Chaux-de-Fonds", "Delémont")),
    Seat("SE", "DE", ("Berlin", "Frankfurt (Oder)", "Jena")),
    Seat("S.r.l.", "IT", ("Milano", "Forlì", "Bolzano")),
    Seat("S.A.S.", "FR", ("Lyon", "Besançon", "Orléans")),
)

BRAND_STARTS = _section("brand starts")
BRAND_MIDDLES = _section("brand middles")
BRAND_ENDS = _section("brand ends")
