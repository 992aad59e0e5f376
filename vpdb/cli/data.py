"""Master data: load CSVs, generate some."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgseed.errors import SeedError
from vpdb.cli.common import Json, Stack, finding_server, print_json, settings_of, working
from vpdb.settings import Settings, find_project_dir

if TYPE_CHECKING:
    from master_data.load import LoadResult
    from pgseed.progress import Progress

DATA_DIR = Path("data")


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
        options = {"reject_limit": max_rejected, "dry_run": dry_run, "encoding": encoding}
        result = run_load(settings, files or [], progress, **options)
    if as_json:
        print_json(_document(result))
    else:
        typer.echo("\n".join(describe(result)))
    if not result.within_limit:
        raise typer.Exit(1)


def run_load(
    settings: Settings, files: list[Path], progress: Progress, **options: Any
) -> LoadResult:
    """Load files into the live database, those in data/ unless others are named.

    `options` are those of LoadOptions. Raises SeedError without any file.
    """
    from master_data.csv_file import find_files

    folder = settings.project_dir / DATA_DIR
    paths = files or find_files(folder)
    if not paths:
        raise SeedError(
            f"failed to load: there are no CSVs in {DATA_DIR}/. Put them there, or name files;"
            " `python -m vpdb generate` makes some to try with"
        )
    # Importing the loader and looking at the files takes no longer than finding the server.
    with finding_server(settings) as found:
        from master_data.load import LoadOptions, MasterDataLoad

        wanted = LoadOptions(settings.db_schema, folder / "rejected", **options)
        prepared = MasterDataLoad(paths, wanted)
        with found().session(settings.database, purpose="load CSVs") as connection:
            return prepared.run(connection, progress)


def describe(result: LoadResult) -> list[str]:
    """Word a load: a row a file, the first rejections, the verdict."""
    from dataclasses import astuple

    from pgseed.units import count

    width = max((len(each.file.path.name) for each in result.files), default=0)
    heads = ("inserted", "updated", "unchanged", "rejected")
    lines = [f"{'file':<{width}}" + "".join(f"{head:>12}" for head in heads)]
    for each in result.files:
        counts = (*astuple(each.counts), each.rejected)
        lines.append(f"{each.file.path.name:<{width}}" + "".join(f"{count(n):>12}" for n in counts))
        lines += [f"  {example}" for example in each.examples]
        if each.rejected_file:
            lines.append(f"  all of them: {each.rejected_file}")
    verdict = "dry run: nothing was written" if result.options.dry_run else "loaded"
    if not result.within_limit:
        verdict = (
            f"nothing was loaded: {result.rejected} rows are bad, {result.options.reject_limit} are"
            " allowed. Mend them, or allow more with --max-rejected"
        )
    return [*lines, verdict]


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
    from dataclasses import asdict

    files = [
        {
            "file": str(each.file.path),
            "table": each.file.table.name,
            "encoding": each.file.encoding,
            "delimiter": each.file.delimiter,
            "read": each.read,
            **asdict(each.counts),
            "rejected": each.rejected,
            "rejected_file": str(each.rejected_file) if each.rejected_file else None,
            "examples": [str(example) for example in each.examples],
        }
        for each in result.files
    ]
    outcome = {"committed": result.committed, "dry_run": result.options.dry_run}
    return {**outcome, "rejected": result.rejected, "files": files}
