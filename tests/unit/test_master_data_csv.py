"""CSV files as they come: encodings, delimiters, headers, quotation marks, damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from master_data.csv_file import CsvFile, find_files, in_load_order, look_at
from master_data.faults import CsvRefused

HEADER = "soc_code,name,display_order"
ROWS = "SOC-01,Übelkeit,1\nSOC-02,Herz,2\n"


def write(folder: Path, content: str | bytes, name: str = "system_organ_classes.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def records(file: CsvFile) -> list[tuple[int, list[str]]]:
    return [
        pair
        for batch in file.batches(rows=2)
        for pair in zip(batch.lines, batch.records, strict=True)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(
    tmp_path: Path, encoding: str, delimiter: str, line_end: str
) -> None:
    text = f"{HEADER}\n{ROWS}".replace(",", delimiter).replace("\n", line_end)
    file = look_at(write(tmp_path, text.encode(encoding)))
    assert (file.encoding, file.delimiter) == (encoding, delimiter)
    assert file.columns == ("soc_code", "name", "display_order")
    assert records(file) == [(2, ["SOC-01", "Übelkeit", "1"]), (3, ["SOC-02", "Herz", "2"])]


def test_a_spreadsheets_delimiter_hint_is_followed(tmp_path: Path) -> None:
    file = look_at(write(tmp_path, f"sep=;\n{HEADER}\n{ROWS}".replace(",", ";")))
    assert file.delimiter == ";"
    assert [line for line, _ in records(file)] == [3, 4]


def test_columns_come_in_any_order_and_spelling(tmp_path: Path) -> None:
    file = look_at(write(tmp_path, "Display_Order, NAME ,soc_code\n1,Herz,SOC-01\n"))
    assert file.columns == ("display_order", "name", "soc_code")


def test_the_encoding_can_be_told(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\nSOC-01,ž,1\n".encode("cp1250"))
    assert records(look_at(path, encoding="cp1250"))[0][1][1] == "ž"


def test_line_numbers_count_lines_of_the_file(tmp_path: Path) -> None:
    content = f'{HEADER}\n\nSOC-01,"two\nlines",1\n,,\nSOC-02,Herz,2\n'
    assert [line for line, _ in records(look_at(write(tmp_path, content)))] == [3, 6]


def test_quotation_marks_delimiters_and_line_breaks_inside_a_value(tmp_path: Path) -> None:
    file = look_at(write(tmp_path, f'{HEADER}\nSOC-01,"a ""b"", c\r\nd",1\n'))
    assert records(file)[0][1] == ["SOC-01", 'a "b", c\r\nd', "1"]


def test_columns_of_a_rejected_file_are_no_obstacle(tmp_path: Path) -> None:
    content = f"rejected_line,rejected_because,{HEADER}\n2,why,SOC-01,Herz,1\n"
    assert look_at(write(tmp_path, content)).columns[:2] == ("rejected_line", "rejected_because")


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        ("", 0, "the file is empty"),
        ("a,b,c\n1,2,3\n", 1, "none of the column names. Expected columns: soc_code, name"),
        (f"{HEADER},colour\n", 1, "column 'colour': this column is not known"),
        (f"{HEADER},name\n", 1, "column name: this column is there twice"),
        ("soc_code,name\n", 1, "column display_order: this required column is missing"),
        (f"{HEADER}\nSOC-01,Übel,1\n".encode() + b"SOC-02,\xe4,2\n", 3, "a character is damaged"),
        (b"\xef\xbb\xbf" + HEADER.encode() + b"\nSOC-01,\xe4,1\n", 2, "damaged"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(
    tmp_path: Path, content: str | bytes, line: int, part: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CsvRefused) as refused:
        look_at(path)
    assert str(refused.value).startswith(f"failed to load {path}")
    assert refused.value.line == line
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("body", "line", "part"),
    [
        ('SOC-01,Herz,1\nSOC-02,"Niere,2\nSOC-03,Haut,3\n', 3, "never closed"),
        ('SOC-01,Herz,1\nSOC-02,"Nie"re,2\n', 3, "behind a closing quotation mark"),
        (f"SOC-01,{'x' * 200_000},1\n", 2, "never closed"),
    ],
)
def test_damaged_quotation_marks_are_refused_where_they_begin(
    tmp_path: Path, body: str, line: int, part: str
) -> None:
    file = look_at(write(tmp_path, f"{HEADER}\n{body}"))
    with pytest.raises(CsvRefused, match=part) as refused:
        records(file)
    assert refused.value.line == line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CsvRefused, match="No such file"):
        look_at(tmp_path / "products.csv")


def test_a_file_of_no_table_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(CsvRefused, match=r"stands for no table. Known names: manufacturers\.csv"):
        look_at(write(tmp_path, "a\n", "prices.csv"))


def test_files_are_found_and_put_into_the_order_of_references(tmp_path: Path) -> None:
    names = [
        "adverse_drug_reactions.csv",
        "products_2026-11.csv",
        "product_active_substances.csv",
        "Manufacturers.csv",
        "notes.csv",
        "productsheet.csv",
    ]
    for name in names:
        write(tmp_path, "", name)
    assert [path.name for path in find_files(tmp_path)] == [
        "Manufacturers.csv",
        "products_2026-11.csv",
        "product_active_substances.csv",
        "adverse_drug_reactions.csv",
    ]
    with pytest.raises(CsvRefused, match=r"notes\.csv"):
        in_load_order([tmp_path / "notes.csv"])


def test_long_rows_make_small_batches(tmp_path: Path) -> None:
    row = f"SOC-01,{'x' * 100_000},1\n"
    file = look_at(write(tmp_path, f"{HEADER}\n{row * 200}"))
    sizes = [len(batch.records) for batch in file.batches(rows=4_000)]
    assert sum(sizes) == 200
    assert max(sizes) <= 64
