"""The vocabulary of the generated data, read from `words/`: public names, made-up companies."""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).with_name("words")
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\t": "\t"}


class Substance(NamedTuple):
    inn: str
    atc_code: str
    strengths: tuple[str, ...]
    unit: str
    forms: str
    controlled: bool
    what: str


class OrganClass(NamedTuple):
    code: str
    name: str


class Term(NamedTuple):
    """A reaction term; `organ_class` and `parent` count from 0 in file order."""

    name: str
    german_name: str
    organ_class: int
    parent: int | None


class DosageForm(NamedTuple):
    """How a product is made up, with the pack sizes it is sold in."""

    name: str
    plural: str
    pack_unit: str
    pack_sizes: tuple[int, ...]


class Seat(NamedTuple):
    legal_form: str
    country_code: str
    cities: tuple[str, ...]


@cache
def substances() -> tuple[Substance, ...]:
    found = []
    for line in _lines("substances.txt"):
        inn, atc_code, strengths, unit, forms, controlled, what = line.split("|")
        parts = tuple(strengths.split(","))
        found.append(Substance(inn, atc_code, parts, unit, forms, controlled == "1", what))
    return tuple(found)


@cache
def dosage_forms() -> dict[str, DosageForm]:
    """Return the dosage forms by the letter that stands for each in substances.txt."""
    found = {}
    for line in _lines("dosage_forms.txt"):
        letter, name, plural, pack_unit, sizes = line.split("|")
        found[letter] = DosageForm(name, plural, pack_unit, tuple(map(int, sizes.split(","))))
    return found


@cache
def seats() -> tuple[Seat, ...]:
    fields = (line.split("|") for line in _lines("seats.txt"))
    return tuple(Seat(form, country, tuple(cities.split(","))) for form, country, cities in fields)


@cache
def reactions() -> tuple[tuple[OrganClass, ...], tuple[Term, ...]]:
    """Return the organ classes, and the terms below them."""
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


@cache
def names(section: str) -> tuple[str, ...]:
    """Return the single words of a section of names.txt."""
    found = " ".join(_section("names.txt", section)).split()
    return tuple("" if word == "-" else word for word in found)


@cache
def sentences(section: str) -> tuple[str, ...]:
    """Return the lines of a section of sentences.txt."""
    found = ("" if line == "-" else line for line in _section("sentences.txt", section))
    return tuple(re.sub(r"\\.", lambda mark: _ESCAPES[mark[0]], line) for line in found)


def _section(file: str, title: str) -> list[str]:
    lines = _lines(file)
    rest = lines[lines.index(f"[{title}]") + 1 :]
    return list(takewhile(lambda line: not line.startswith("["), rest))


def _lines(name: str) -> list[str]:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]
