"""Which statements a backup may hold, and what each of them means.

A backup is data. Everything here is a list of what is allowed; what is on none of them is refused.
The forms are those that pg_dump writes (src/bin/pg_dump/pg_dump.c, PostgreSQL 10 to 18).
"""

from __future__ import annotations

import re

from pgseed.backup.files import ONE_SIDE
from pgseed.backup.lexer import Token
from pgseed.backup.model import SequenceValue
from pgseed.backup.statement import ROWS_ONLY, Statement
from pgseed.errors import BackupRefused
from pgseed.sql_names import qualified_name

_TIMEOUTS = ("statement", "lock", "idle_in_transaction_session", "idle_session", "transaction")
# SET name = value: settings of the restoring session that pg_dump writes, with the values that
# leave the meaning of the data alone. They are checked, not executed.
_SETTINGS: dict[str, frozenset[str]] = {
    **{f"{what}_timeout": frozenset({"0"}) for what in _TIMEOUTS},
    "client_encoding": frozenset({"utf8", "utf-8", "unicode"}),
    "standard_conforming_strings": frozenset({"on"}),
    "escape_string_warning": frozenset({"off", "on"}),
    "check_function_bodies": frozenset({"false", "off", "true", "on"}),
    "xmloption": frozenset({"content", "document"}),
    "client_min_messages": frozenset({"warning", "notice", "error"}),
    "row_security": frozenset({"off", "on"}),
    "default_tablespace": frozenset({""}),
    "default_table_access_method": frozenset({"heap"}),
    "default_with_oids": frozenset({"false"}),
    # Foreign keys in a cycle restore under plain psql only with their triggers off.
    "session_replication_role": frozenset({"replica", "origin", "default"}),
}
_SETTING_REMEDIES = {
    "client_encoding": "Write the dump with `pg_dump --encoding=UTF8`",
    "session": "Write the dump without --use-set-session-authorization",
    "role": "Write the dump without --role",
}

# First words of the schema statements pg_dump writes. Of a full dump they are read over.
_SCHEMA_STATEMENTS = re.compile(
    r"""
    create\ (or\ replace\ )?(
        schema|extension|type|domain|function|procedure|aggregate|operator|(unlogged\ )?table|view
        |recursive\ view|materialized\ view|sequence|(unique\ )?index|(constraint\ )?trigger|rule
        |policy|collation|cast|conversion|statistics|text\ search|publication|transform
        |(trusted\ )?(procedural\ )?language)\b
    | alter\ (
        table|sequence|type|domain|function|procedure|routine|aggregate|operator|view|index
        |materialized\ view|schema|collation|conversion|statistics|text\ search|extension
        |default\ privileges|trigger|rule|policy|publication|language|procedural\ language)\b
    | drop\ (
        table|sequence|type|domain|function|procedure|routine|aggregate|operator|view|index
        |materialized\ view|schema|collation|conversion|cast|statistics|text\ search|extension
        |trigger|rule|policy|publication|transform|(procedural\ )?language)\b
    | comment\ on\ (?!database|role|tablespace|subscription|server|foreign|event|large)
    | grant\b(?=.*\bon\b)(?!.*\bon\ (database|tablespace|parameter|large|foreign|server)\b)
    | revoke\b(?=.*\bon\b)(?!.*\bon\ (database|tablespace|parameter|large|foreign|server)\b)
    | security\ label\b
    | refresh\ materialized\ view\b
    """,
    re.VERBOSE,
)
# Words that a full dump holds too, but never for one database's data.
_CLUSTER_WIDE = re.compile(
    r"(create|alter|drop) (database|role|user|group|tablespace|subscription|server|system)\b"
    r"|(create|drop) (event trigger|foreign|user mapping|access method)\b"
    r"|alter (event trigger|foreign|user mapping|large object)\b"
)


def setting(statement: Statement, schema: str) -> None:
    """SET name = value. Raises BackupRefused unless name and value are on the list."""
    statement.expect("set")
    name = statement.name()
    if name == "search_path":
        _search_path(statement, schema)
        return
    if statement.words == "set session authorization default":
        return  # pg_dump --disable-triggers writes it; it names nobody
    allowed, remedy = _SETTINGS.get(name), _SETTING_REMEDIES.get(name, ROWS_ONLY)
    if allowed is None:
        cause = f"the setting `{statement.text}` is not one that a backup needs"
        raise statement.refused(cause, remedy)
    if not statement.accept("="):
        statement.expect("to")
    value = _plain(statement.take())
    statement.end()
    if value.lower() not in allowed:
        cause = f"`{statement.text}` would change how the data are read"
        raise statement.refused(cause, remedy)


def _plain(token: Token) -> str:
    text = token.text.decode()
    return text[1:-1].replace("''", "'") if token.kind == "string" and text[0] == "'" else text


def _search_path(statement: Statement, schema: str) -> None:
    if not statement.accept("="):
        statement.expect("to")
    path: list[str] = []
    while not path or statement.accept(","):
        token = statement.take()
        path.append(_plain(token) if token.kind == "string" else statement.identifier(token))
    statement.end()
    if any(name not in ("", schema, "pg_catalog") for name in path):
        raise statement.refused(f"`{statement.text}` names another schema than {schema}")


def selection(statement: Statement, schema: str) -> SequenceValue | None:
    """SELECT pg_catalog.setval(…), which gives a value, or set_config('search_path', '', false)."""
    statement.expect("select")
    function = statement.name()
    if statement.accept("."):
        function = f"{function}.{statement.name()}"
    if function == "pg_catalog.set_config":
        _set_config(statement)
        return None
    if function == "pg_catalog.setval":
        return _setval(statement, schema)
    if function.removeprefix("pg_catalog.").startswith("lo_"):
        raise statement.refused("it holds large objects", "Write the dump with --no-large-objects")
    if function.startswith("pg_catalog.pg_restore_"):
        raise statement.refused("it holds statistics", "Write the dump with --no-statistics")
    raise statement.refused(f"`{statement.text}` is a query, not data")


def _set_config(statement: Statement) -> None:
    statement.expect("(")
    name = statement.take()
    statement.expect(",")
    value = statement.take()
    statement.expect(",", "false", ")")
    statement.end()
    if (name.text, value.text) != (b"'search_path'", b"''"):
        other = "sets something other than an empty search_path"
        raise statement.refused(f"`{statement.text}` {other}")


def _setval(statement: Statement, schema: str) -> SequenceValue:
    statement.expect("(")
    where = statement.take()
    statement.expect(",")
    sign = -1 if statement.accept("-") else 1
    number = statement.take()
    statement.expect(",")
    called = statement.take()
    statement.expect(")")
    statement.end()
    if where.kind != "string" or not number.text.isdigit() or not called.is_word("true", "false"):
        raise statement.refused(f"`{statement.text}` is not in a form that pg_dump writes")
    found = _SEQUENCE.fullmatch(_plain(where))
    if found is None:
        raise statement.refused(f"`{statement.text}` does not name a sequence with its schema")
    namespace, name = (_unquoted(part) for part in found.groups())
    value = sign * int(number.text)
    shown = qualified_name(namespace, name)
    if namespace != schema:
        raise statement.refused(
            f"it sets a sequence of another schema, {shown}",
            f"Only {schema} is loaded: write the dump with `pg_dump --schema={schema}`",
        )
    if not -(2**63) <= value < 2**63:
        raise statement.refused(f"the value {value} of {shown} is no bigint")
    return SequenceValue(namespace, name, value, called.is_word("true"), statement.line)


_NAME = r'([^\W\d][\w$]*|"(?:[^"]|"")+")'
_SEQUENCE = re.compile(rf"{_NAME}\.{_NAME}")


def _unquoted(name: str) -> str:
    if name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return "".join(c.lower() if c.isascii() else c for c in name)


def is_trigger_switch(statement: Statement, schema: str) -> bool:
    """ALTER TABLE … DISABLE | ENABLE TRIGGER ALL, which pg_dump --disable-triggers writes."""
    if not statement.words.endswith(("disable trigger all", "enable trigger all")):
        return False
    statement.expect("alter", "table")
    statement.accept("only")
    statement.target(schema)
    if not statement.accept("disable"):
        statement.expect("enable")
    statement.expect("trigger", "all")
    statement.end()
    return True


def schema_statement(statement: Statement) -> str | None:
    """The table of a CREATE TABLE, "" for what else a full dump may hold, None for the rest."""
    words = statement.words
    if _CLUSTER_WIDE.match(words) or not _SCHEMA_STATEMENTS.match(words):
        return None
    if not re.match(r"create (unlogged )?table\b", words):
        return ""
    statement.expect("create")
    statement.accept("unlogged")
    statement.expect("table")
    if statement.accept("if"):
        statement.expect("not", "exists")
    first = statement.name()
    return qualified_name(first, statement.name()) if statement.accept(".") else ""


def forbidden(statement: Statement) -> BackupRefused:
    """Say what a statement would do that stands on no list."""
    words = statement.words
    if words.startswith("do "):
        return statement.refused("a DO block is a program, not data")
    if re.match(r"(create|alter|drop|comment on|grant|revoke).*\bdatabase\b", words):
        return statement.refused(
            f"`{statement.text}` acts on a whole database",
            "Write the dump without --create, and not with pg_dumpall",
        )
    if words.startswith(("< < <", "= = =", "> > >")):
        return statement.refused("it holds a merge conflict", ONE_SIDE)
    return statement.refused(f"`{statement.text}` is not data")
