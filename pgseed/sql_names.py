"""Identifiers as PostgreSQL writes and reads them."""

from __future__ import annotations

import re

# pg_get_keywords() of PostgreSQL 17 without the unreserved ones: quote_ident() and pg_dump quote a
# name that is one of these.
_NOT_UNRESERVED = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """
_KEYWORDS = frozenset(_NOT_UNRESERVED.split())
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


def quote_name(name: str) -> str:
    """The name as SQL needs it; the same result as the server's quote_ident()."""
    if _PLAIN.match(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified_name(schema: str, name: str) -> str:
    return f"{quote_name(schema)}.{quote_name(name)}"


def quote_literal(text: str) -> str:
    """A string constant for standard_conforming_strings = on."""
    return "'" + text.replace("'", "''") + "'"


def printable(text: bytes | str, limit: int = 60) -> str:
    """A piece of a file for a message: short, on one line, unable to steer a terminal."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    words = " ".join(decoded[: limit * 4].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
