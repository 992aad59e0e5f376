"""`python3 bootstrap.py bench`: measure, print the table, or write it into the README."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence

from benchmarks import machine, readme, report
from benchmarks.bench import say
from benchmarks.measure import chosen
from benchmarks.rows import ROWS, Result
from benchmarks.run import measure_all, plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments name; 1 when an experiment failed, 2 for a wrong argument."""
    options = _parser().parse_args(arguments)
    try:
        names = chosen(options.rows, ROWS)
    except ValueError as error:
        print(f"failed to choose rows: {error}", file=sys.stderr)
        return 2
    if options.list:
        for name in names:
            print(f"{name:18} {ROWS[name].what}")
        return 0
    if options.render:
        readme.render()
        return 0
    if not options.write_readme:
        return _measure(names, options.scale, options.runs, as_json=options.json, store=False)
    # Without a choice: the bars, then how the loads grow with the data.
    exit_code = _measure(names, options.scale, options.runs, as_json=False, store=True)
    if options.rows is None and options.scale is None:
        for scale, rows in readme.GROWTH.items():
            exit_code |= _measure(list(rows), scale, options.runs, as_json=False, store=True)
    readme.render()
    return exit_code


def _measure(names: list[str], scale: int | None, runs: int, *, as_json: bool, store: bool) -> int:
    if machine.warning():
        say(machine.warning())
    about = machine.describe()
    results: list[Result] = []
    failures: list[str] = []
    for found, failure in measure_all(names, scale, runs):
        results += found
        if store:
            readme.store(found, about)
        if failure:
            failures.append(failure)
    if as_json:
        document = {"machine": about, "results": report.to_document(results), "failed": failures}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        sizes = {size for _, _, size in plan(names, scale)}
        report.print_table(results, readme.heading(about, sizes))
    for failure in failures:
        print(f"failed to measure {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 bootstrap.py bench",
        description="Measure this project side by side with what could be used instead of it.",
    )
    parser.add_argument(
        "--scale",
        type=int,
        choices=(1, 10, 30, 35, 100),
        help="times the real data; without it each row has the size its bar is meant for",
    )
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these rows (see --list)")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="rounds that count (default 5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, every run in it")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    parser.add_argument(
        "--write-readme",
        action="store_true",
        help="keep the results in benchmarks/results.json, write them and the plot into README.md",
    )
    parser.add_argument(
        "--render", action="store_true", help="write README.md anew from results.json, no run"
    )
    return parser


if __name__ == "__main__":
    # A shell that runs this in the background has its programs ignore SIGINT, by which Pulumi ends
    # its plugins: each `up` would wait 5 s for them. Children get the default behind a handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
