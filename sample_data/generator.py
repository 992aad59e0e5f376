"""Made-up master data of any size, the same on every machine: nobody's real records.

Every table has random choices of its own, so rows are produced one by one and any table can be
produced alone. Values are in the form in which PostgreSQL prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from master_data import tables
from master_data.tables import Table
from sample_data import texts, words
from sample_data.chance import Chance, Weighted

Row = tuple[str | None, ...]
Value = str | int | None
Values = tuple[Value, ...]

MANUFACTURERS_AT_1 = 137
PRODUCTS_AT_1 = 2_281
REACTIONS_AT_1 = 29_222

_FIRST_DAY = date(1984, 1, 1)
_DAYS = tuple((_FIRST_DAY + timedelta(days=n)).isoformat() for n in range(15_248))
"""Every day up to 2025-09-29."""
_LAST_CHANGE = "2025-09-30"

_FREQUENCY = Weighted(*zip(tables.FREQUENCIES, (6, 22, 27, 18, 9, 18), strict=True))
_SERIOUSNESS = Weighted(*zip(tables.SERIOUSNESS, (78, 17, 4, 1), strict=True))
_SOURCE = Weighted(*zip(tables.SOURCES, (40, 22, 26, 8, 4), strict=True))
_STATUS = Weighted(*zip(tables.STATUSES, (91, 3, 6), strict=True))


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each table a scale stands for; substances and terms do not grow."""

    manufacturers: int
    products: int
    reactions: int

    @classmethod
    def of(cls, scale: float) -> Size:
        """Return the size at a scale; 1 is VelPharma's own. ValueError for zero or below."""
        if not scale > 0:
            raise ValueError(f"the scale must be above 0, not {scale}, e.g. 1 or 0.1")
        exact = Fraction(scale)
        return cls(
            max(1, round(MANUFACTURERS_AT_1 * exact)),
            max(1, round(PRODUCTS_AT_1 * exact)),
            round(REACTIONS_AT_1 * exact),
        )


def rows(table: Table, size: Size) -> Iterator[Row]:
    """Produce the rows of one table in the order of `table.row_columns`, by primary key."""
    for number, values in enumerate(_PRODUCERS[table.name](size), start=1):
        printed = tuple(map(_printed, values))
        yield (str(number), *printed) if table.identity else printed


def _printed(value: Value) -> str | None:
    if isinstance(value, bool):
        return "t" if value else "f"
    return None if value is None else str(value)


def _manufacturers(size: Size) -> Iterator[Values]:
    chance = Chance(1001)
    for index in range(size.manufacturers):
        name, domain, seat = texts.company(index)
        email = f"kontakt@{domain}" if chance.below(6) else None
        stamps = _timestamps(chance)
        city = chance.pick(seat.cities)
        yield (KEY_OF_ID["manufacturers"](index + 1), name, seat.country_code, city, email, *stamps)


def _active_substances(_size: Size) -> Iterator[Values]:
    chance = Chance(1002)
    for inn, atc_code, _, _, _, controlled, what in words.substances():
        yield (inn, atc_code, controlled, what[0].upper() + what[1:], *_timestamps(chance))


@dataclass(frozen=True, slots=True)
class _Product:
    """What products, their substances and their reactions need to agree on."""

    substances: tuple[int, ...]
    strengths: tuple[str, ...]
    form: words.DosageForm
    manufacturer: int
    authorised: int


def _product(chance: Chance, size: Size) -> _Product:
    known = words.substances()
    first = chance.below(len(known))
    chosen = [first]
    form = chance.pick(known[first].forms)
    if chance.one_in(9):
        second = chance.below(len(known))
        if second != first and form in known[second].forms:
            chosen.append(second)
    return _Product(
        tuple(chosen),
        tuple(chance.pick(known[index].strengths) for index in chosen),
        words.dosage_forms()[form],
        chance.below(size.manufacturers),
        chance.below(len(_DAYS) - 400),
    )


def _products(size: Size) -> Iterator[Values]:
    # One source of choices for what a product is, another for the rest, so that
    # `_product_active_substances` can draw the former alone.
    kinds, chance = Chance(1003), Chance(1004)
    known = words.substances()
    for number in range(1, size.products + 1):
        product = _product(kinds, size)
        form = product.form
        strength = "/".join(product.strengths).replace(".", ",")
        substance = known[product.substances[0]]
        founder = texts.company(product.manufacturer)[0].split(" ")[0]
        generic = f"{substance.inn[0].upper()}{substance.inn[1:]} {founder}"
        name = texts.brand(chance) if chance.below(5) < 2 else generic
        if len(product.substances) > 1:
            name += " comp."
        pack_size = chance.pick(form.pack_sizes)
        cents = chance.between(120, 2_999) * chance.pick((1, 1, 1, 2, 5, 30))
        status = _STATUS.draw(chance)
        withdrawn = None
        if status == "withdrawn":
            withdrawn = _DAYS[chance.between(product.authorised + 30, len(_DAYS) - 1)]
        stamps = _timestamps(chance)
        yield (
            KEY_OF_ID["products"](number),
            f"{name} {strength} {substance.unit} {form.plural}",
            product.manufacturer + 1,
            form.name,
            pack_size,
            form.pack_unit,
            None if chance.one_in(20) else f"{cents // 100}.{cents % 100:02}",
            chance.below(4) > 0,
            status,
            _DAYS[product.authorised],
            withdrawn,
            texts.storage_note(chance),
            *stamps,
        )


def _product_active_substances(size: Size) -> Iterator[Values]:
    kinds = Chance(1003)
    known = words.substances()
    for number in range(1, size.products + 1):
        product = _product(kinds, size)
        parts = zip(product.substances, (1, 2), product.strengths, strict=False)
        for index, position, strength in sorted(parts):
            yield (number, index + 1, position, _decimal(strength, 4), known[index].unit)


def _system_organ_classes(_size: Size) -> Iterator[Values]:
    for number, organ_class in enumerate(words.reactions()[0], start=1):
        yield (organ_class.code, organ_class.name, number)


def _reaction_terms(_size: Size) -> Iterator[Values]:
    chance = Chance(1005)
    for number, term in enumerate(words.reactions()[1], start=1):
        stamps = _timestamps(chance)
        parent = None if term.parent is None else term.parent + 1
        names = (KEY_OF_ID["reaction_terms"](number), term.name, term.german_name)
        yield (*names, term.organ_class + 1, parent, not chance.one_in(60), *stamps)


def _adverse_drug_reactions(size: Size) -> Iterator[Values]:
    kinds, chance = Chance(1003), Chance(1006)
    _, terms = words.reactions()
    # A few dozen terms (nausea, headache, …) make up half of all reports, as in real life.
    familiar = tuple(index for index, term in enumerate(terms) if len(term.name) <= 9)
    for start in range(0, size.products, PRODUCTS_AT_1):
        block = range(start, min(start + PRODUCTS_AT_1, size.products))
        up_to = [size.reactions * end // size.products for end in (block.start, block.stop)]
        counts = _shares(chance, len(block), up_to[1] - up_to[0])
        for product_index, count in zip(block, counts, strict=True):
            authorised = _product(kinds, size).authorised
            seen: set[tuple[int, str]] = set()
            while len(seen) < count:
                term = chance.pick(familiar) if chance.one_in(2) else chance.below(len(terms))
                source = _SOURCE.draw(chance)
                if (term, source) not in seen:
                    seen.add((term, source))
                    report = _report(chance, authorised, terms[term])
                    yield (product_index + 1, term + 1, source, *report)


def _report(chance: Chance, authorised: int, term: words.Term) -> Values:
    """Produce what is known of a reaction, from its frequency on."""
    first = chance.between(authorised, len(_DAYS) - 1)
    reviewed = _DAYS[chance.between(first, len(_DAYS) - 1)] if chance.below(3) else None
    reports = chance.between(0, 12) * chance.pick((1, 1, 1, 4, 40))
    stamps = _timestamps(chance)
    frequency, seriousness = _FREQUENCY.draw(chance), _SERIOUSNESS.draw(chance)
    text = texts.description(chance, term.name, term.german_name)
    return (frequency, seriousness, reports, _DAYS[first], reviewed, text, *stamps)


def _shares(chance: Chance, count: int, total: int) -> list[int]:
    """Divide `total` among `count` products: most get a few reactions, some many, a few none."""
    ceiling = len(tables.SOURCES) * 60
    weights = [chance.pick((0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 34)) for _ in range(count)]
    weights[-1] += 1  # a single product that drew 0 still has to take them all
    whole = sum(weights)
    shares = [min(ceiling, total * weight // whole) for weight in weights]
    left = total - sum(shares)
    index = 0
    while left > 0:
        if shares[index % count] < ceiling:
            shares[index % count] += 1
            left -= 1
        index += 1
    return shares


def _timestamps(chance: Chance) -> tuple[str, str]:
    """Draw when a row was made and last changed, as PostgreSQL prints it in UTC."""
    day = chance.between(len(_DAYS) - 1_500, len(_DAYS) - 1)
    second = chance.below(86_400)
    created = f"{_DAYS[day]} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    if chance.below(4):
        return f"{created}+00", f"{created}+00"
    # Never ending in 0, which PostgreSQL would leave out.
    micros = chance.below(99_999) * 10 + chance.between(1, 9)
    later = _DAYS[day + 1] if day + 1 < len(_DAYS) else _LAST_CHANGE
    return f"{created}+00", f"{later} 12:00:24.{micros:06}+00"


def _decimal(value: str, scale: int) -> str:
    whole, _, fraction = value.partition(".")
    return f"{whole}.{fraction.ljust(scale, '0')}"


_PRODUCERS: dict[str, Callable[[Size], Iterator[Values]]] = {
    "manufacturers": _manufacturers,
    "active_substances": _active_substances,
    "products": _products,
    "product_active_substances": _product_active_substances,
    "system_organ_classes": _system_organ_classes,
    "reaction_terms": _reaction_terms,
    "adverse_drug_reactions": _adverse_drug_reactions,
}

KEY_OF_ID: dict[str, Callable[[int], str]] = {
    "manufacturers": lambda number: f"MF-{number:04}",
    "active_substances": lambda number: words.substances()[number - 1].inn,
    "products": lambda number: f"VP-{100_000 + number}",
    "system_organ_classes": lambda number: words.reactions()[0][number - 1].code,
    "reaction_terms": lambda number: f"RT-{number:05}",
}
"""The natural key of the row with a given id, by table: what CSV files write instead of ids."""
