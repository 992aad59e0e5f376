"""A client that connects in a tight loop, and tells how long it could not.

`main` runs in a process of its own until its standard input is closed, so that nothing of the
reload shares its interpreter. The time counted runs from one answered query to the next one, over
a new connection each: the usual few milliseconds of connecting are part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg2

from benchmarks.shell import CHECKOUT, PYTHON


def main() -> None:
    """Connect with the PG* variables of the environment; print JSON: `longest_s`, `failures`."""
    asked_to_stop = threading.Event()
    threading.Thread(target=_wait_for_end_of_input, args=(asked_to_stop,), daemon=True).start()
    longest, failures, answers = 0.0, 0, 0
    last = 0.0
    while not asked_to_stop.is_set():
        try:
            connection = psycopg2.connect(connect_timeout=2)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchall()
            connection.close()
        except psycopg2.Error:
            failures += 1
            continue
        now = time.monotonic()
        if last:
            longest = max(longest, now - last)
        else:
            print("connected", flush=True)
        last, answers = now, answers + 1
    print(json.dumps({"longest_s": longest, "failures": failures, "answers": answers}), flush=True)


def _wait_for_end_of_input(event: threading.Event) -> None:
    sys.stdin.read()
    event.set()


class Outage:
    """What a client met; `longest_s` is there once the watching has ended."""

    longest_s = 0.0
    failures = 0


@contextmanager
def watched(connection: Mapping[str, str]) -> Iterator[Outage]:
    """Keep a client connecting during the block; `connection` are its PG* variables."""
    process = subprocess.Popen(
        [PYTHON, "-m", "benchmarks.probes.outage"],
        cwd=CHECKOUT,
        env={**os.environ, **connection},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    outage = Outage()
    try:
        process.stdout.readline()
        yield outage
        process.stdin.close()
        answer = json.loads(process.stdout.readline())
        outage.longest_s, outage.failures = answer["longest_s"], answer["failures"]
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
