"""The generated data: exact sizes, the same bytes everywhere, awkward where it should be."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from master_data.tables import (
    ADVERSE_DRUG_REACTIONS,
    MANUFACTURERS,
    PRODUCTS,
    REACTION_TERMS,
    TABLES,
    Table,
)
from sample_data import generated_files, texts
from sample_data.generated_files import generate_csvs, write_backup
from sample_data.generator import Row, Size, rows

CHECKOUT = Path(__file__).resolve().parents[2]
BACKUP = CHECKOUT / "backups" / "production_backup_data_only.sql"


@pytest.fixture(scope="module")
def csvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csvs")
    generate_csvs(folder, 1)
    return folder


def test_scale_1_has_exactly_the_size_of_the_real_data() -> None:
    size = Size.of(1)
    assert size.products == 2_281
    assert sum(1 for _ in rows(PRODUCTS, size)) == 2_281
    assert sum(1 for _ in rows(ADVERSE_DRUG_REACTIONS, size)) == 29_222


@pytest.mark.parametrize("scale", [0.001, 0.01, 0.3, 1.7])
def test_any_scale_has_its_exact_number_of_reactions(scale: float) -> None:
    size = Size.of(scale)
    assert sum(1 for _ in rows(ADVERSE_DRUG_REACTIONS, size)) == size.reactions
    assert size.reactions == pytest.approx(29_222 * scale, abs=1)


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_scale_that_means_nothing_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"must be above 0.*e\.g\. 1"):
        Size.of(scale)


def test_the_committed_backup_is_what_the_generator_writes(tmp_path: Path) -> None:
    written = write_backup(tmp_path / "backup.sql", 1)
    assert written["products"] == 2_281
    assert written["adverse_drug_reactions"] == 29_222
    assert sha256(tmp_path / "backup.sql") == sha256(BACKUP)


def test_csv_files_and_backup_agree_row_for_row(csvs: Path) -> None:
    backup = copy_blocks(BACKUP)
    keys: dict[str, dict[str, str]] = {}
    for table in TABLES:
        columns, found = backup[table.name]
        if table.identity and len(table.key) == 1:
            key, identity = columns.index(table.key[0]), columns.index(table.identity)
            keys[table.name] = {row[identity] or "": row[key] or "" for row in found}
        expected = [tuple(as_csv(table, columns, row, keys)) for row in found]
        with (csvs / table.file_name).open(encoding="utf-8", newline="") as stream:
            header, *written = csv.reader(stream)
        assert header == [column.name for column in table.columns]
        assert [tuple(row) for row in written] == expected


def test_the_same_bytes_under_another_hash_seed(csvs: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from sample_data.generated_files import generate_csvs;"
        "generate_csvs(Path(sys.argv[1]), 1)"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(CHECKOUT)},
        check=True,
    )
    for table in TABLES:
        assert sha256(tmp_path / table.file_name) == sha256(csvs / table.file_name)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_two_rows_have_the_same_key(csvs: Path, table: Table) -> None:
    with (csvs / table.file_name).open(encoding="utf-8", newline="") as stream:
        keys = [tuple(row[name] for name in table.key) for row in csv.DictReader(stream)]
    assert len(keys) == len(set(keys))


def test_company_names_stay_unique_at_every_size() -> None:
    names = [texts.company(number)[0] for number in range(20_000)]
    assert len(set(names)) == len(names)


def test_free_text_holds_what_breaks_naive_readers() -> None:
    size = Size.of(1)
    descriptions = [row[9] or "" for row in rows(ADVERSE_DRUG_REACTIONS, size)]
    for part in ("\t", "\n", "\r\n", '"', "'", "\\", "ä", "ß", "µ", "≥", "🙂"):
        assert any(part in text for text in descriptions), part
    assert "\\." in descriptions
    assert "\\N" in descriptions
    assert any(row[2] and "'" in row[2] for row in rows(MANUFACTURERS, size))


def test_terms_refer_only_to_terms_of_the_same_organ_class() -> None:
    terms = {row[0]: row for row in rows(REACTION_TERMS, Size.of(1))}
    children = [term for term in terms.values() if term[5]]
    assert children
    assert all(terms[term[5]][4] == term[4] for term in children)


def test_rows_are_produced_one_by_one() -> None:
    produced = rows(ADVERSE_DRUG_REACTIONS, Size.of(0.5))
    next(produced)  # the vocabulary is read and kept
    tracemalloc.start()
    try:
        assert sum(1 for _ in produced) > 14_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_a_generator_that_fails_half_way_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "backup.sql"
    target.write_text("the old one")

    def failing(table: Table, size: Size) -> Iterator[Row]:
        yield next(rows(table, size))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generated_files, "rows", failing)
    with pytest.raises(OSError, match="No space left"):
        write_backup(target, 1)
    assert target.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [target]


def copy_blocks(path: Path) -> dict[str, tuple[list[str], list[Row]]]:
    """Table -> columns and rows, read by nothing of the project's own."""
    blocks: dict[str, tuple[list[str], list[Row]]] = {}
    with path.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            if not line.startswith("COPY vpv4."):
                continue
            name = line.split(".")[1].split(" ")[0]
            columns = line[line.index("(") + 1 : line.index(")")].replace('"', "").split(", ")
            found: list[Row] = []
            for row in stream:
                if row == "\\.\n":
                    break
                found.append(tuple(map(unescaped, row.removesuffix("\n").split("\t"))))
            blocks[name] = (columns, found)
    return blocks


def unescaped(value: str) -> str | None:
    if value == "\\N":
        return None
    out = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            character = {"n": "\n", "t": "\t", "r": "\r"}.get(escaped, escaped)
        out.append(character)
    return "".join(out)


def as_csv(
    table: Table, columns: list[str], row: Row, keys: dict[str, dict[str, str]]
) -> Iterator[str]:
    for column in table.columns:
        value = row[columns.index(column.target)]
        if value is None:
            yield ""
        elif column.reference:
            yield keys[column.reference.table][value]
        elif column.kind == "boolean":
            yield {"t": "true", "f": "false"}[value]
        elif column.name == "strength":
            yield value.rstrip("0").rstrip(".")
        else:
            yield value


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
