"""One wrong CSV for every rule: it changes nothing, and says file, line, column and rule."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from master_data.faults import CsvRefused, LoadFailed
from master_data.proposal import Counts
from tests.integration.scratch import Scratch, filled_template, new_database
from vpdb.server.docker_server import DockerServer

MANUFACTURERS = "manufacturer_code,name,country_code,city,email"
GOOD = "MF-9001,Neu GmbH,DE,Jena,a@b.example"
PRODUCTS = (
    "product_number,name,manufacturer_code,dosage_form,pack_size,pack_unit,price_eur,"
    "prescription_only,marketing_status,authorised_on,withdrawn_on,storage_note"
)
REACTIONS = (
    "product_number,term_code,source,frequency,seriousness,report_count,first_reported_on,"
    "last_reviewed_on,description"
)
PARTS = "product_number,inn,position,strength,strength_unit"
TERMS = "term_code,name,soc_code,parent_term_code"


@pytest.fixture(scope="module")
def template(server: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_template(server, tmp_path_factory.mktemp("csvs"), 0.02) as name:
        yield name


@pytest.fixture
def scratch(server: DockerServer, template: str, tmp_path: Path) -> Iterator[Scratch]:
    with new_database(server, template) as name:
        yield Scratch(server, name, tmp_path)


@pytest.mark.parametrize(
    ("table", "content", "line", "column", "rule", "part"),
    [
        # Rules of single values and rows
        ("manufacturers", f"{MANUFACTURERS}\n{GOOD}\nMF-2,N,DE\n", 3, "", "fields", "has 3 fields"),
        (
            "manufacturers",
            f"{MANUFACTURERS}\n{GOOD}\nMF-2, ,DE,Jena,\n",
            *(3, "name", "required", "must not be empty"),
        ),
        (
            "manufacturers",
            f'{MANUFACTURERS}\n{GOOD}\nMF-2,"two\nlines",DE,Jena,\n',
            *(3, "name", "single line", "must be one line"),
        ),
        (
            "manufacturers",
            f"{MANUFACTURERS}\n{GOOD}\nMF-2,a\0b,DE,Jena,\n",
            *(3, "name", "nul", "NUL character"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,ten,ml,,ja,authorised,2020-01-01,,\n",
            *(2, "pack_size", "integer", "whole number such as 20, not 'ten'"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,ml,gratis,ja,authorised,2020-01-01,,\n",
            *(2, "price_eur", "decimal", "a number such as 12.50"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,ml,,ja,authorised,30/11/2020,,\n",
            *(2, "authorised_on", "date", "such as 2026-11-30 or 30.11.2026"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,ml,,perhaps,authorised,2020-01-01,,\n",
            *(2, "prescription_only", "boolean", "true or false"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,kg,,ja,authorised,2020-01-01,,\n",
            *(2, "pack_unit", "choice", "one of Stück, ml, g, Dosen, not 'kg'"),
        ),
        # References
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-7777,Sirup,10,ml,,ja,authorised,2020-01-01,,\n",
            *(2, "manufacturer_code", "reference", "no manufacturer_code 'MF-7777'"),
        ),
        (
            "adverse_drug_reactions",
            f"{REACTIONS}\nVP-777777,RT-00001,label,rare,fatal,1,2020-01-01,,\n",
            *(2, "product_number", "reference", "products has no product_number 'VP-777777'"),
        ),
        (
            "reaction_terms",
            f"{TERMS}\nRT-90001,New,SOC-01,RT-90002\n",
            *(2, "parent_term_code", "reference", "no term_code 'RT-90002'"),
        ),
        (
            "reaction_terms",
            f"{TERMS}\nRT-90001,New,SOC-01,RT-90001\n",
            *(2, "parent_term_code", "reference", "refers to itself"),
        ),
        # Keys and unique values
        (
            "manufacturers",
            f"{MANUFACTURERS}\n{GOOD}\nMF-9001,Andere GmbH,DE,Jena,\n",
            *(3, "manufacturer_code", "duplicate", "the same key as line 2"),
        ),
        (
            "adverse_drug_reactions",
            f"{REACTIONS}\n"
            "VP-100001,RT-00005,authority,rare,fatal,1,2020-01-01,,\n"
            "VP-100001,RT-00005,authority,common,fatal,1,2020-01-01,,\n",
            *(3, "product_number, term_code, source", "duplicate", "the same key as line 2"),
        ),
        (
            "manufacturers",
            f"{MANUFACTURERS}\n{GOOD}\nMF-9002,Neu GmbH,DE,Jena,\n",
            *(3, "name", "unique", "the same value as line 2"),
        ),
        (
            "system_organ_classes",
            "soc_code,name,display_order\nSOC-90,Infections and infestations,90\n",
            *(2, "name", "unique", "the same value as another row of the table"),
        ),
        (
            "product_active_substances",
            f"{PARTS}\nVP-100001,zopiclone,1,5,mg\n",
            *(2, "product_number, position", "unique", "another row of the table"),
        ),
        # The table's own checks, in the words of their comments
        (
            "manufacturers",
            f"{MANUFACTURERS}\n{GOOD}\nMF-2,Zwei GmbH,Deutschland,Jena,\n",
            *(3, "country_code", "check", "two capital letters, e.g. DE; found 'Deutschland'"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,0,ml,,ja,authorised,2020-01-01,,\n",
            *(2, "pack_size", "check", "a pack holds at least one unit; found '0'"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,ml,,ja,withdrawn,2020-01-01,,\n",
            *(2, "marketing_status, withdrawn_on", "check", "found 'withdrawn', nothing"),
        ),
        (
            "products",
            f"{PRODUCTS}\nVP-900001,N,MF-0001,Sirup,10,ml,,ja,withdrawn,2020-01-01,2019-01-01,\n",
            *(2, "withdrawn_on, authorised_on", "check", "not withdrawn before it was authorised"),
        ),
        (
            "product_active_substances",
            f"{PARTS}\nVP-100001,zopiclone,9,0,mg\n",
            *(2, "strength", "check", "above zero"),
        ),
    ],
)
def test_a_row_that_breaks_a_rule_stops_the_load(
    scratch: Scratch, table: str, content: str, line: int, column: str, rule: str, part: str
) -> None:
    before = scratch.rows()
    result = scratch.load(scratch.csv(table, content))
    assert scratch.rows() == before
    assert not result.committed
    assert result.rejected == 1
    (fault,) = result.files[0].examples
    assert (fault.line, fault.column, fault.rule) == (line, column, rule)
    assert part in fault.reason
    with (scratch.rejected / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        header, row = csv.reader(stream)
    assert header == ["rejected_line", "rejected_because", *content.split("\n")[0].split(",")]
    assert row[0] == str(line)
    assert part in row[1]
    assert column in row[1]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "the file is empty"),
        ("a,b\n1,2\n", "line 1: this line holds none of the column names"),
        (f"{MANUFACTURERS},colour\n", "line 1, column 'colour': this column is not known"),
        ("manufacturer_code,name,city\n", "line 1, column country_code: this required column"),
        (f'{MANUFACTURERS}\n{GOOD}\nMF-2,"Zwei GmbH,DE,Jena,\n', "line 3: a quotation mark"),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_load(
    scratch: Scratch, content: str, part: str
) -> None:
    before = scratch.rows()
    good = scratch.csv("active_substances", "inn\nvelpharmin\n")
    path = scratch.csv("manufacturers", content)
    with pytest.raises(CsvRefused) as refused:
        scratch.load(good, path)
    assert str(path) in str(refused.value)
    assert part in str(refused.value)
    assert scratch.rows() == before
    assert not scratch.rejected.exists()


def test_a_damaged_character_deep_inside_the_file_stops_the_load(scratch: Scratch) -> None:
    before = scratch.rows()
    path = scratch.csv("manufacturers", "")
    rows = "".join(f"MF-{n},Bäumler {n},DE,Jena,\n" for n in range(9_000, 29_000))
    path.write_bytes(f"{MANUFACTURERS}\n{rows}".encode() + b"MF-1,B\xe4umler,DE,Jena,\n")
    with pytest.raises(CsvRefused, match="line 20002: a character is damaged"):
        scratch.load(path)
    assert scratch.rows() == before


def test_all_faults_of_a_row_are_told_at_once(scratch: Scratch) -> None:
    path = scratch.csv("manufacturers", f"{MANUFACTURERS}\nMF-2,,DE,,\nMF-3,Drei,de,Jena,nobody\n")
    result = scratch.load(path)
    assert result.rejected == 2
    assert [(f.line, f.column) for f in result.files[0].examples] == [
        (2, "city"),
        (2, "name"),
        (3, "country_code"),
        (3, "email"),
    ]


def test_a_limit_lets_the_other_rows_through(scratch: Scratch) -> None:
    path = scratch.csv("manufacturers", f"{MANUFACTURERS}\nMF-2,,DE,Jena,\n{GOOD}\n")
    result = scratch.load(path, reject_limit=1)
    assert result.committed
    assert result.files[0].counts == Counts(inserted=1)
    assert result.files[0].rejected_file == scratch.rejected / "manufacturers.csv"
    assert scratch.ask(
        "SELECT rejected_rows FROM vpv4.data_imports ORDER BY data_import_id DESC LIMIT 1"
    ) == [(1,)]


def test_the_limit_is_for_all_files_together(scratch: Scratch) -> None:
    before = scratch.rows()
    one = scratch.csv("manufacturers", f"{MANUFACTURERS}\nMF-2,,DE,Jena,\n{GOOD}\n")
    two = scratch.csv("active_substances", "inn,atc_code\nx,nonsense\n")
    result = scratch.load(one, two, reject_limit=1)
    assert (result.committed, result.rejected) == (False, 2)
    assert scratch.rows() == before


def test_a_row_that_refers_to_a_rejected_one_is_rejected_too(scratch: Scratch) -> None:
    terms = scratch.csv(
        "reaction_terms",
        f"{TERMS}\nRT-90001,A,SOC-01,RT-90002\nRT-90002,B,SOC-01,RT-90003\nRT-90003,C,SOC-99,\n",
    )
    result = scratch.load(terms, reject_limit=9)
    assert result.committed
    assert [(f.line, f.column) for f in result.files[0].examples] == [
        (2, "parent_term_code"),
        (3, "parent_term_code"),
        (4, "soc_code"),
    ]


def test_the_first_of_equal_keys_counts_only_if_it_is_good_itself(scratch: Scratch) -> None:
    path = scratch.csv("manufacturers", f"{MANUFACTURERS}\nMF-9001,,DE,Jena,\n{GOOD}\n")
    result = scratch.load(path, reject_limit=1)
    assert result.files[0].counts == Counts(inserted=1)


def test_rejected_rows_keep_encoding_and_delimiter_and_load_when_mended(scratch: Scratch) -> None:
    path = scratch.csv("manufacturers", "")
    content = f"{MANUFACTURERS}\nMF-9001,Jürg Müller AG,Schweiz,Zürich,\n{GOOD}\n"
    path.write_bytes(content.replace(",", ";").encode("cp1252"))
    assert not scratch.load(path).committed
    rejected = scratch.rejected / "manufacturers.csv"
    text = rejected.read_bytes().decode("cp1252")
    assert "Jürg Müller AG;Schweiz;Zürich" in text
    rejected.write_bytes(text.replace(";Schweiz;", ";CH;").encode("cp1252"))
    assert scratch.load(rejected).files[0].counts == Counts(inserted=1)
    assert rejected.exists()  # it was the file that was loaded


def test_a_file_being_mended_is_not_written_over(scratch: Scratch) -> None:
    scratch.rejected.mkdir()
    path = scratch.rejected / "manufacturers.csv"
    content = f"{MANUFACTURERS}\nMF-9001,Gut GmbH,DE,Jena,\nMF-9002,,DE,Jena,\n"
    path.write_text(content)
    result = scratch.load(path)
    assert path.read_text() == content
    assert result.files[0].rejected_file == scratch.rejected / "manufacturers_again.csv"


def test_a_good_load_takes_the_old_rejected_rows_away(scratch: Scratch) -> None:
    assert not scratch.load(scratch.csv("manufacturers", f"{MANUFACTURERS}\nM,,,,\n")).committed
    assert (scratch.rejected / "manufacturers.csv").exists()
    assert scratch.load(scratch.csv("manufacturers", f"{MANUFACTURERS}\n{GOOD}\n")).committed
    assert list(scratch.rejected.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own takes root")
def test_a_full_disk_while_writing_rejected_rows_writes_nothing(
    scratch: Scratch, tmp_path: Path
) -> None:
    before = scratch.rows()
    scratch.rejected.mkdir()
    assert os.system(f"mount -t tmpfs -o size=64k tmpfs '{scratch.rejected}'") == 0
    try:
        rows = "".join(f"MF-{n},,DE,Jena,\n" for n in range(5_000))
        path = scratch.csv("manufacturers", f"{MANUFACTURERS}\n{rows}{GOOD}\n")
        with pytest.raises(LoadFailed, match=r"No space left on device. Nothing was loaded"):
            scratch.load(path, reject_limit=10_000)
        assert list(scratch.rejected.iterdir()) == []
    finally:
        os.system(f"umount '{scratch.rejected}'")
    assert scratch.rows() == before


def test_two_files_of_one_name_are_refused(scratch: Scratch) -> None:
    (scratch.folder / "other").mkdir()
    one = scratch.csv("manufacturers", f"{MANUFACTURERS}\n{GOOD}\n")
    two = scratch.folder / "other" / "manufacturers.csv"
    two.write_text(one.read_text())
    with pytest.raises(CsvRefused, match="another file of the same name"):
        scratch.load(one, two)


def test_what_only_the_database_knows_is_one_line(scratch: Scratch) -> None:
    before = scratch.rows()
    scratch.ask(
        "CREATE FUNCTION vpv4.never() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'not in this house' USING DETAIL = 'ask somebody'; END$$;"
        "CREATE TRIGGER never BEFORE INSERT ON vpv4.manufacturers"
        " FOR EACH ROW EXECUTE FUNCTION vpv4.never()"
    )
    with pytest.raises(LoadFailed, match=r"not in this house \(ask somebody\). Nothing was"):
        scratch.load(scratch.csv("manufacturers", f"{MANUFACTURERS}\n{GOOD}\n"))
    assert scratch.rows() == before


def test_a_hundred_thousand_rejected_rows_are_counted_and_kept(scratch: Scratch) -> None:
    rows = "".join(f"MF-{n},,DE,Jena,\n" for n in range(100_000))
    result = scratch.load(scratch.csv("manufacturers", f"{MANUFACTURERS}\n{rows}"))
    assert result.rejected == 100_000
    assert len(result.files[0].examples) == 20
    with (scratch.rejected / "manufacturers.csv").open() as stream:
        assert sum(1 for _ in stream) == 100_001
