"""A process of its own that copies tables out of the database, beside others in the same snapshot.

A process and not a thread: psycopg2 takes the interpreter's lock for every row. Speaks JSON, one
object a line: reads the connection once (never by argument list, it holds a password), then a
piece of work at a time; answers each with its rows or its error. Ends when its input does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import psycopg2

import pgseed
from pgseed.dumping.snapshot import begin
from pgseed.errors import SeedError

_BUFFER = 1024 * 1024


class CopyWorker:
    """The caller's side of one such process."""

    def __init__(self, parameters: Mapping[str, str], snapshot: str) -> None:
        root = str(Path(pgseed.__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pgseed.dumping.copy_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
        )
        self._send({"parameters": dict(parameters), "snapshot": snapshot})

    def copy(self, statement: str, path: Path) -> int:
        """Write what a COPY … TO STDOUT gives into a new file; returns the rows.

        Raises OSError as the process met it, SeedError for what the server said.
        """
        self._send({"statement": statement, "path": str(path)})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "its process ended"}
        if answer.get("errno"):
            raise OSError(answer["errno"], answer["error"], str(path))
        if "error" in answer:
            raise SeedError(f"failed to dump the database: {answer['error']}. Dump again")
        return int(answer["rows"])

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            print(json.dumps(message), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise SeedError("failed to dump the database: a process of it ended") from None


def copy_rows(connection: psycopg2.extensions.connection, statement: str, file: BinaryIO) -> int:
    with connection.cursor() as cursor:
        cursor.copy_expert(statement, file)
        return cursor.rowcount


def serve(requests: TextIO, answers: TextIO) -> None:
    first = json.loads(requests.readline())
    connection = psycopg2.connect(**first["parameters"])
    begin(connection, first["snapshot"])
    for line in requests:
        request = json.loads(line)
        try:
            with Path(request["path"]).open("xb", buffering=_BUFFER) as file:
                answer: dict[str, Any] = {"rows": copy_rows(connection, request["statement"], file)}
        except OSError as error:
            answer = {"error": error.strerror or str(error), "errno": error.errno}
        except psycopg2.Error as error:
            answer = {"error": (str(error).strip() or repr(error)).splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
