"""Master data: load CSVs, generate some."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgseed.errors import SeedError
from vpdb.cli.common import Json, Stack, finding_server, print_json, settings_of, working
from vpdb.config import Settings, find_project_dir

if TYPE_CHECKING:
    from master_data.load import FileResult, LoadResult
    from pgseed.progress import Progress

DATA_DIR = Path("data")
REJECTED_DIR = DATA_DIR / "rejected"


class NothingToLoad(SeedError):
    """There are no CSVs."""


def load(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES...", help="CSVs to load; without any, all in data/."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would happen, and write nothing.")
    ] = False,
    max_rejected: Annotated[
        int, typer.Option("--max-rejected", min=0, help="Load all the same up to so many bad rows.")
    ] = 0,
    encoding: Annotated[
        str | None, typer.Option(help="The files' encoding, where it is not what they look like.")
    ] = None,
    as_json: Json = False,
    stack: Stack = None,
) -> None:
    """Load master data from CSVs: everything in one transaction, or nothing.

    New rows are inserted, rows of a known natural key updated; loading a file again changes
    nothing. Bad rows go to data/rejected/ with line and reason; more than --max-rejected of them,
    and nothing is loaded.

    \b
    Examples:
    python -m vpdb load
    python -m vpdb load --dry-run data/products.csv
    python -m vpdb load --max-rejected 10
    """
    settings = settings_of(stack)
    with working() as progress:
        result = run_load(
            settings,
            files or [],
            dry_run=dry_run,
            max_rejected=max_rejected,
            encoding=encoding,
            progress=progress,
        )
    if as_json:
        print_json(_document(result))
    else:
        for line in describe(result):
            typer.echo(line)
    if not result.within_limit:
        raise typer.Exit(1)


def run_load(
    settings: Settings,
    files: list[Path],
    *,
    dry_run: bool,
    max_rejected: int,
    encoding: str | None,
    progress: Progress,
) -> LoadResult:
    """Load into the live database; NothingToLoad without files."""
    from master_data.csv_file import find_files

    paths = files or list(find_files(settings.project_dir / DATA_DIR))
    if not paths:
        raise NothingToLoad(
            f"failed to load: there are no CSVs in {DATA_DIR}/. Put them there, or name files;"
            " `python -m vpdb generate` makes some to try with"
        )
    # Reading and judging some ten thousand rows takes no longer than finding the server.
    with finding_server(settings) as found:
        from master_data.load import load_readings, reading

        with (
            reading(paths, encoding=encoding) as readings,
            found().session(settings.database, purpose="load CSVs") as connection,
        ):
            return load_readings(
                connection,
                readings,
                schema=settings.db_schema,
                rejected_dir=settings.project_dir / REJECTED_DIR,
                reject_limit=max_rejected,
                dry_run=dry_run,
                progress=progress,
            )


def describe(result: LoadResult) -> list[str]:
    """Word a load: a row a file, the first rejections, the verdict."""
    from dataclasses import astuple

    from pgseed.units import count

    width = max((len(file.path.name) for file in result.files), default=0)
    heads = ("inserted", "updated", "unchanged", "rejected")
    lines = [f"{'file':<{width}}" + "".join(f"{head:>12}" for head in heads)]
    for file in result.files:
        counts = (*astuple(file.counts), file.rejected)
        lines.append(f"{file.path.name:<{width}}" + "".join(f"{count(n):>12}" for n in counts))
        lines += [f"  {example}" for example in file.examples]
        if file.rejected_file:
            lines.append(f"  all of them: {file.rejected_file}")
    lines.append(_verdict(result))
    return lines


def _verdict(result: LoadResult) -> str:
    if not result.within_limit:
        return (
            f"nothing was loaded: {result.rejected} rows are bad, {result.reject_limit} are"
            " allowed. Mend them, or allow more with --max-rejected"
        )
    if result.dry_run:
        return "dry run: nothing was written"
    return "loaded"


def generate(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to; data/ otherwise.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0.001, help="1 is the real size: 2,281 products, 29,222 reactions.")
    ] = 1.0,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Replace CSVs that are there without asking.")
    ] = False,
    stack: Stack = None,
) -> None:
    """Write CSVs of made-up master data, the same ones every time.

    \b
    Examples:
    python -m vpdb generate
    python -m vpdb generate --scale 30 --out /tmp/csv
    """
    from master_data.tables import TABLES
    from pgseed.units import count
    from sample_data.generated_files import generate_csvs
    from vpdb.cli.common import confirm

    del stack  # taken as by every command; made-up data are the same for all
    folder = out or find_project_dir() / DATA_DIR
    there = [t.file_name for t in TABLES if (folder / t.file_name).exists()]
    if there:
        confirm("replace them", [f"{folder / name} is there already." for name in there], yes=yes)
    for table, rows in generate_csvs(folder, scale).items():
        typer.echo(f"{table}: {count(rows)} rows")


def _document(result: LoadResult) -> dict[str, object]:
    return {
        "committed": result.committed,
        "dry_run": result.dry_run,
        "rejected": result.rejected,
        "files": [_file(file) for file in result.files],
    }


def _file(file: FileResult) -> dict[str, object]:
    return {
        "file": str(file.path),
        "table": file.table,
        "encoding": file.encoding,
        "delimiter": file.delimiter,
        "read": file.read,
        "inserted": file.counts.inserted,
        "updated": file.counts.updated,
        "unchanged": file.counts.unchanged,
        "rejected": file.rejected,
        "rejected_file": str(file.rejected_file) if file.rejected_file else None,
        "examples": [str(example) for example in file.examples],
    }
