"""How the local schema differs from production's.

pgseed's catalog cannot tell: it holds owners, rights and storage, which differ between Azure and a
developer's machine on purpose, and takes a PostgreSQL of this project's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Schema = Mapping[tuple[str, str], str]
"""Kind and name of each object, and its definition."""


def as_schema(rows: Sequence[Sequence[str]]) -> Schema:
    """Read azure_schema.sql's answer: [kind, name, definition] each."""
    return {(kind, name): " ".join(definition.split()) for kind, name, definition in rows}


def differences(production: Schema, local: Schema) -> list[str]:
    """Word each difference; a table that only one side has stands for all that belongs to it."""
    alone = {name for kind, name in production.keys() ^ local.keys() if kind == "table"}
    lines = []
    for kind, name in sorted(production.keys() | local.keys(), key=lambda k: (k[1], k[0])):
        owner, dot, _ = name.partition(".")
        there, here = production.get((kind, name)), local.get((kind, name))
        if there == here or (dot and owner in alone):
            continue
        if there is None or here is None:
            lines.append(f"{kind} {name}: only {'here' if there is None else 'in production'}")
        else:
            lines.append(f"{kind} {name}: {there} in production, {here} here")
    return lines
