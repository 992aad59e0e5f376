"""What `load` says of the files, on the narrowest terminal that people have."""

from __future__ import annotations

from pathlib import Path

from master_data.csv_file import CsvFile
from master_data.load import FileResult, LoadOptions, LoadResult
from master_data.proposal import Counts
from master_data.tables import PRODUCTS
from vpdb.cli.data import describe

NAMES = ("product_active_substances.csv", "adverse_drug_reactions.csv")


def a_file(name: str, counts: Counts, rejected: int = 0) -> FileResult:
    file = CsvFile(Path("data") / name, PRODUCTS, "utf-8", ",", 1, (), 0, "")
    return FileResult(file, counts, rejected)


def test_a_table_of_what_became_of_the_rows_fits_80_columns() -> None:
    counts = Counts(inserted=2_922_200, updated=1_146_110, unchanged=2_922_200)
    files = tuple(a_file(name, counts, 29_222) for name in NAMES)
    options = LoadOptions("app", Path("rejected"), reject_limit=100_000)
    head, *lines, verdict = describe(LoadResult(files, options, committed=True))
    assert head.split() == ["file", "inserted", "updated", "unchanged", "rejected"]
    for name, line in zip(NAMES, lines, strict=True):
        assert line.split() == [name, "2,922,200", "1,146,110", "2,922,200", "29,222"]
        assert len(line) == len(head) <= 80
    assert verdict == "loaded"
