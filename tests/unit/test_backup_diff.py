"""What differs between two backups: per table, by key, in words and as text for git."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgseed.backup.copy_text import copy_line, escape, unescape, values
from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.diff.backups import BackupDiff, TableDiff, compare_backups
from pgseed.diff.differing_rows import DifferingRows
from pgseed.diff.text import describe, write_textconv
from pgseed.sql_names import quote_literal
from tests.hostile import COMPLETE
from vpdb.backups.git_settings import DIFF_CONFIGURATION

Write = Callable[[str], Backup]

PRODUCTS = """COPY vpv4.products (id, name, price) FROM stdin;
1\tAspirin\t3.20
2\tIbuprofen\t\\N
3\tParacetamol\t1.10
\\.
"""
LINKS = """COPY vpv4.links (product, substance, note) FROM stdin;
1\t5\tx
1\t6\ty
2\t5\tz
\\.
"""
SEQUENCE = "SELECT pg_catalog.setval('vpv4.s', 3, true);\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    number = 0

    def to_backup(text: str) -> Backup:
        nonlocal number
        number += 1
        path = tmp_path / f"{number}.sql"
        path.write_bytes(text.encode() + COMPLETE)
        return read_backup(path, schema="vpv4")

    return to_backup


def one(diff: BackupDiff) -> TableDiff:
    (table,) = diff.tables
    return table


def test_equal_backups_have_no_differences(write: Write) -> None:
    diff = compare_backups(write(PRODUCTS + LINKS), write("-- x\n" + PRODUCTS + LINKS))
    assert diff.is_empty
    assert diff.equal_tables == 2
    assert describe(diff) == ["no differences"]


def test_rows_are_paired_by_the_key_that_the_catalog_gives(write: Write) -> None:
    new = PRODUCTS.replace("2\tIbuprofen\t\\N", "2\tIbuprofen\t4.00").replace(
        "3\tParacetamol\t1.10", "4\tNaproxen\t1.10"
    )
    diff = compare_backups(
        write(PRODUCTS + LINKS), write(new + LINKS), keys={"vpv4.products": ["id"]}
    )
    table = one(diff)
    assert (table.added, table.removed, table.changed) == (1, 1, 1)
    assert (table.rows_before, table.rows_after, diff.equal_tables) == (3, 3, 1)
    assert (table.key, table.key_is_guessed) == (("id",), False)
    changed, removed, added = table.examples
    assert (changed.kind, changed.key) == ("changed", {"id": "2"})
    assert (changed.before, changed.after) == ({"price": None}, {"price": "4.00"})
    assert removed.before == {"id": "3", "name": "Paracetamol", "price": "1.10"}
    assert added.after["name"] == "Naproxen"
    assert describe(diff) == [
        "vpv4.products: 1 added, 1 removed, 1 changed, by id (3 -> 3 rows)",
        "  ~ id '2': price: NULL -> '4.00'",
        "  - id '3', name 'Paracetamol', price '1.10'",
        "  + id '4', name 'Naproxen', price '1.10'",
        "1 other table without differences",
    ]


def test_a_key_of_several_columns_is_known_or_found(write: Write) -> None:
    new = LINKS.replace("1\t5\tx", "1\t5\tX").replace("1\t6\ty", "1\t6\tY")
    old = write(LINKS)
    table = one(compare_backups(old, write(new), keys={"vpv4.links": ["product", "substance"]}))
    assert (table.changed, table.key_is_guessed) == (2, False)
    table = one(compare_backups(old, write(new)))
    assert (table.changed, table.key, table.key_is_guessed) == (2, ("product", "substance"), True)
    assert "the key is not known" in describe(compare_backups(old, write(new)))[0]


def test_a_table_without_any_key_has_rows_added_and_removed(write: Write) -> None:
    old = "COPY vpv4.t (a) FROM stdin;\nx\nx\nx\ny\n\\.\n"
    new = "COPY vpv4.t (a) FROM stdin;\nx\ny\nz\nz\n\\.\n"
    diff = compare_backups(write(old), write(new))
    table = one(diff)
    assert (table.added, table.removed, table.changed, table.key) == (2, 2, 0, ())
    assert describe(diff)[0] == "vpv4.t: 2 added, 2 removed, no key (4 -> 4 rows)"


def test_tables_of_one_side_only_are_all_added_or_removed(write: Write) -> None:
    diff = compare_backups(write(PRODUCTS), write(LINKS))
    assert [(t.table, t.added, t.removed) for t in diff.tables] == [
        ("vpv4.products", 0, 3), ("vpv4.links", 3, 0),
    ]  # fmt: skip


def test_columns_that_came_or_went_are_named_and_the_others_compared(write: Write) -> None:
    new = """COPY vpv4.products (name, id, unit) FROM stdin;
Aspirin\t1\tx
IBUPROFEN\t2\tx
Paracetamol\t3\tx
\\.
"""
    table = one(compare_backups(write(PRODUCTS), write(new), keys={"vpv4.products": ["id"]}))
    assert (table.columns_added, table.columns_removed) == (("unit",), ("price",))
    assert (table.added, table.removed, table.changed) == (0, 0, 1)
    assert table.examples[0].after == {"name": "IBUPROFEN"}


def test_another_order_of_rows_or_columns_is_no_difference(write: Write) -> None:
    new = """COPY vpv4.products (price, id, name) FROM stdin;
1.10\t3\tParacetamol
3.20\t1\tAspirin
\\N\t2\tIbuprofen
\\.
"""
    diff = compare_backups(write(PRODUCTS), write(new))
    assert diff.is_empty
    assert diff.reordered == ("vpv4.products",)


def test_inserts_are_compared_with_copy_rows(write: Write) -> None:
    inserts = """
    INSERT INTO vpv4.products VALUES (1, 'Aspirin', 3.20);
    INSERT INTO vpv4.products VALUES (2, E'Ibu\\x70rofen', NULL), (3, 'Parazetamol', '1.10');
    """
    table = one(compare_backups(write(PRODUCTS), write(inserts)))
    assert (table.added, table.removed, table.changed) == (0, 0, 1)
    assert table.examples[0].after == {"name": "Parazetamol"}


def test_sequences_are_compared(write: Write) -> None:
    old = write(PRODUCTS + SEQUENCE)
    diff = compare_backups(old, write(PRODUCTS + SEQUENCE.replace("3, true", "9, true")))
    assert describe(diff)[0] == "sequence vpv4.s: 3 -> 9"
    assert describe(compare_backups(old, write(PRODUCTS)))[0] == "sequence vpv4.s: 3 -> none"


def test_examples_cannot_steer_the_terminal(write: Write) -> None:
    new = PRODUCTS.replace("Aspirin", "\x1b[31mred\\n" + "x" * 500)
    lines = describe(compare_backups(write(PRODUCTS), write(new)))
    assert all(line.isprintable() and len(line) < 300 for line in lines)


def test_as_many_examples_as_asked_for(write: Write) -> None:
    old = write("COPY vpv4.t (id) FROM stdin;\n" + "".join(f"{n}\n" for n in range(50)) + "\\.\n")
    new = write("COPY vpv4.t (id) FROM stdin;\n\\.\n")
    assert len(one(compare_backups(old, new, examples=7)).examples) == 7
    assert one(compare_backups(old, new, examples=0)).examples == ()


LINES = st.lists(st.binary(max_size=3).map(lambda b: b.replace(b"\n", b"")), max_size=60)


@given(LINES, LINES, st.integers(1, 7), st.integers(0, 2000))
@settings(max_examples=200, deadline=None)
def test_equal_rows_cancel_in_any_order_and_with_any_memory(
    old: list[bytes], new: list[bytes], batch: int, limit: int
) -> None:
    def batches(rows: Sequence[bytes]) -> list[Sequence[bytes]]:
        return [rows[at : at + batch] for at in range(0, len(rows), batch)]

    with closing(DifferingRows(limit_bytes=limit)) as rows:
        rows.compare(batches(old), batches(new))
        found = dict(rows.rows())
    counts = Counter(old)
    counts.subtract(new)
    assert found == {row: number for row, number in counts.items() if number}


def test_a_large_unordered_comparison_stays_small_in_memory(tmp_path: Path) -> None:
    rows = [b"%d\t%064d" % (n, n) for n in range(150_000)]
    chance = random.Random(1)
    for name in ("old.sql", "new.sql"):
        chance.shuffle(rows)
        head = b"COPY vpv4.t (id, text) FROM stdin;\n"
        (tmp_path / name).write_bytes(head + b"\n".join(rows) + b"\n\\.\n" + COMPLETE)
        rows[0] = rows[0] + name.encode()
    code = """
import sys
from pathlib import Path
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import line_batches
from pgseed.diff.differing_rows import DifferingRows
old, new = (read_backup(Path(p), schema="vpv4") for p in sys.argv[1:])
rows = DifferingRows(limit_bytes=3_000_000)
rows.compare(*(line_batches(backup, backup.blocks[0]) for backup in (old, new)))
assert rows.pair_by([0])
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(*rows.counts(), int(peak) // 1024)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "old.sql"), str(tmp_path / "new.sql")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    added, removed, changed, megabytes = map(int, output.split())
    assert (added, removed, changed) == (0, 0, 1)
    assert megabytes < 60


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(TEXT)
@settings(deadline=None)
def test_escapes_of_copy_text_come_back(text: str) -> None:
    assert unescape(escape(text.encode())).decode() == text
    assert b"\n" not in escape(text.encode())


@given(st.lists(st.one_of(TEXT, st.none()), min_size=1, max_size=5))
@settings(deadline=None)
def test_values_of_inserts_become_lines_of_copy_text(row: list[str | None]) -> None:
    tuple_ = "(" + ", ".join("NULL" if v is None else quote_literal(v) for v in row) + ")"
    assert values(copy_line(tuple_.encode())) == row


@pytest.mark.parametrize(
    ("literal", "line"),
    [
        ("(1, -2.5e3, .5)", "1\t-2.5e3\t.5"),
        ("(true, false, DEFAULT)", "t\tf\tDEFAULT"),
        ("(B'101', X'1f')", "101\t00011111"),
        ("(E'a\\tb\\'c''d\\\\', '\\')", "a\\tb'c'd\\\\\t\\\\"),
        ("('x'::character varying(10), '1,2'::numeric(10,2), 5::text)", "x\t1,2\t5"),
        ("(E'\\101\\u00e4')", "Aä"),
    ],
)
def test_literals_of_every_kind_become_copy_text(literal: str, line: str) -> None:
    assert copy_line(literal.encode()).decode() == line


# For git


def textconv(path: Path) -> str:
    out = io.BytesIO()
    write_textconv(path, out)
    return out.getvalue().decode()


def test_git_gets_a_line_for_every_value(write: Write) -> None:
    backup = write(PRODUCTS.replace("Aspirin", "As\\npirin\\t!") + SEQUENCE)
    assert textconv(backup.path).splitlines()[:10] == [
        "vpv4.products id 1",
        "    id: 1",
        "    name: As",
        "      pirin\t!",
        "    price: 3.20",
        "vpv4.products id 2",
        "    id: 2",
        "    name: Ibuprofen",
        "vpv4.products id 3",
        "    id: 3",
    ]
    assert textconv(backup.path).endswith("sequence vpv4.s\n    value: 3\n")


def test_git_gets_the_file_itself_where_it_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "b.sql"
    path.write_bytes(b"\\! x\n")
    assert textconv(path).endswith("\\! x\n")
    path.write_bytes(b"")
    assert textconv(path) == "# it is empty (0 bytes)\n"


def test_git_diff_shows_the_changed_value_under_its_row(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    for name, setting in DIFF_CONFIGURATION:
        git("config", name, setting.replace("python -m vpdb textconv", f"{sys.executable} conv.py"))
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "conv.py").write_text(
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from pathlib import Path\nfrom pgseed.diff.text import write_textconv\n"
        "write_textconv(Path(sys.argv[1]), sys.stdout.buffer)\n"
    )
    (tmp_path / ".gitattributes").write_text("*.sql -text diff=velpharma-backup\n")
    rows = "".join(f"{n}\tname {n}\t{n}.00\tx\ty\tz\n" for n in range(100))
    head = "COPY vpv4.products (id, name, price, a, b, c) FROM stdin;\n"
    backup = tmp_path / "backup.sql"
    backup.write_bytes((head + rows + "\\.\n").encode() + COMPLETE)
    git("add", ".")
    git("commit", "-qm", "x")
    changed = rows.replace("50.00\tx\ty\tz", "50.00\tx\ty\tZ")
    backup.write_bytes((head + changed + "\\.\n").encode() + COMPLETE)
    diff = git("diff").splitlines()
    assert "-    c: z" in diff
    assert "+    c: Z" in diff
    assert any(line.startswith("@@") and line.endswith("vpv4.products id 50") for line in diff)
