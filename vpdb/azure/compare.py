"""How the local schema differs from production's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Schema = Mapping[tuple[str, str], str]
Side = Literal["only in production", "only here", "differs"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that the two schemas do not share."""

    side: Side
    kind: str
    name: str
    production: str = ""
    local: str = ""


def as_schema(rows: Sequence[Sequence[str]]) -> Schema:
    """Read azure_schema.sql's answer: [kind, name, definition] each."""
    return {(kind, name): " ".join(definition.split()) for kind, name, definition in rows}


def differences(production: Schema, local: Schema) -> list[Difference]:
    """Compare; what belongs to a table that only one side has is not listed besides the table."""
    alone = {name for kind, name in production.keys() ^ local.keys() if kind == "table"}
    found = []
    for kind, name in sorted(production.keys() | local.keys(), key=lambda k: (k[1], k[0])):
        if kind != "table" and name.split(".", 1)[0] in alone and "." in name:
            continue
        there, here = production.get((kind, name)), local.get((kind, name))
        if there == here:
            continue
        side: Side = (
            "only here" if there is None else "only in production" if here is None else "differs"
        )
        found.append(Difference(side, kind, name, there or "", here or ""))
    return found
