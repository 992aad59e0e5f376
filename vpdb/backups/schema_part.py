"""The schema part of a full dump: what the container's own pg_dump says, without volatile lines."""

from __future__ import annotations

from collections.abc import Callable

from pgseed.dumping import SchemaText
from vpdb import docker

_END = "\n--\n-- PostgreSQL database dump complete\n"
_TIMEOUT_S = 300


def stable_part(text: str) -> str:
    """What pg_dump writes between its first comments and its last, which hold what varies."""
    start = text.find("\nSET ") + 1
    end = text.rfind(_END)
    return text[start : end if end >= 0 else len(text)].strip("\n") + "\n\n\n"


def container_schema(container: str, database: str, schema: str) -> Callable[[str], SchemaText]:
    """Return what `DumpOptions.schema_text` takes: the schema as it is in a snapshot."""

    def section(name: str, snapshot: str) -> str:
        options = [f"--section={name}", f"--snapshot={snapshot}", "--schema", f'"{schema}"']
        command = ["pg_dump", "-U", "postgres", *options, database]
        return stable_part(docker.execute(container, command, timeout_s=_TIMEOUT_S).decode())

    def read(snapshot: str) -> SchemaText:
        return SchemaText(section("pre-data", snapshot), section("post-data", snapshot))

    return read
