"""`python3 bootstrap.py bench`: measure, print the table, or write it into the documents."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import documents, machine, report
from benchmarks.measure import chosen
from benchmarks.rows import ROWS, Result
from benchmarks.run import Wish, measure_all, plan
from benchmarks.shell import say


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
        documents.render()
        return 0
    if options.against and options.write_figures:
        print("failed to choose: --against compares, its figures are not kept", file=sys.stderr)
        return 2
    wish = Wish(options.runs, options.scale, options.against, options.on_disk)
    if not options.write_figures:
        return _measure(names, wish, as_json=options.json)
    # Without a choice: the bars, then how the loads grow with the data.
    exit_code = _measure(names, wish, store=True)
    if options.rows is None and options.scale is None:
        for scale, rows in documents.GROWTH.items():
            exit_code |= _measure(list(rows), replace(wish, scale=scale), store=True)
    documents.render()
    return exit_code


def _measure(names: list[str], wish: Wish, *, as_json: bool = False, store: bool = False) -> int:
    if machine.warning():
        say(machine.warning())
    about = machine.describe()
    results: list[Result] = []
    failures: list[str] = []
    for found, failure in measure_all(names, wish):
        results += found
        if store:
            documents.store(found, about)
        if failure:
            failures.append(failure)
    if as_json:
        document = {"machine": about, "results": report.to_document(results), "failed": failures}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        sizes = {size for _, _, size in plan(names, wish.scale)}
        report.print_table(results, documents.heading(about, sizes))
    for failure in failures:
        print(f"failed to measure {failure}", file=sys.stderr)
    return 1 if failures else 0


def _checkout(text: str) -> Path:
    folder = Path(text).resolve()
    if not (folder / "Pulumi.yaml").is_file():
        raise argparse.ArgumentTypeError(f"{text} is no checkout of this project")
    return folder


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
        "--runs", type=int, default=9, metavar="N", help="rounds that count (default 9)"
    )
    parser.add_argument(
        "--against",
        type=_checkout,
        metavar="FOLDER",
        help="take turns with another checkout, an older commit's say; print here over there",
    )
    parser.add_argument(
        "--on-disk",
        action="store_true",
        help="also at the real size keep servers' volumes on the disk, and rest behind deletions",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, every run in it")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    parser.add_argument(
        "--write-figures",
        action="store_true",
        help="keep the results in benchmarks/results.json, write them into the documents",
    )
    parser.add_argument(
        "--render", action="store_true", help="write the documents from results.json, no run"
    )
    return parser


if __name__ == "__main__":
    # A shell that runs this in the background has its programs ignore SIGINT, by which Pulumi ends
    # its plugins: each `up` would wait 5 s for them. Children get the default behind a handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
