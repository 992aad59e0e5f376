"""Which template a load begins with: decided from digests, sizes and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgseed.backup.model import Backup, RowBlock, SequenceValue
from pgseed.databases import names
from pgseed.databases.catalog import Column, Table
from pgseed.databases.stamp import Database, Stamp
from pgseed.template.base import digests_of, find_base, leave_values_out

LIVE = "velpdevdb"


def block(
    table: str,
    digest: str,
    size: int = 10,
    *,
    columns: tuple[str, ...] | None = ("a", "b"),
    form: str = "copy",
    rows: int = 1,
) -> RowBlock:
    assert form in ("copy", "insert")
    return RowBlock(form, "vpv4", table, columns, 1, 0, size, rows, digest)  # type: ignore[arg-type]


def backup(*blocks: RowBlock, sequences: tuple[str, ...] = ()) -> Backup:
    values = tuple(SequenceValue("vpv4", name, 1, is_called=True) for name in sequences)
    return Backup(Path("x.sql"), "data-only", "none", blocks, values, "", 0, 0)


def schema() -> Database:
    name = names.schema_name(LIVE, "a" * 64)
    return Database(1, name, "schema", Stamp("a" * 64, schema_id="s", catalog="c"))


def template(
    oid: int, made_of: Backup, *, half_dropped: bool = False, **changes: object
) -> Database:
    content_id = f"{oid:064}"
    stamp = Stamp(content_id, schema_id="s", catalog="c", digests=digests_of(made_of))
    name = names.template_name(LIVE, content_id)
    return Database(oid, name, "template", stamp.with_state(**changes), half_dropped)


def spare(of: Database) -> Database:
    return Database(of.oid + 1000, names.spare_name(LIVE, of.oid), "spare", None)


OLD = backup(block("large", "1", 90), block("small", "2"), sequences=("s",))
NEW = backup(block("large", "1", 90), block("small", "3"), sequences=("s",))


def test_the_template_with_most_of_the_bytes_is_chosen_and_its_tables_kept() -> None:
    other = backup(block("large", "9", 90), block("small", "3"), sequences=("s",))
    base = find_base([schema(), template(5, other), template(6, OLD)], schema(), NEW)
    assert base is not None
    assert base.database.oid == 6
    assert base.kept == {"vpv4.large"}
    assert base.indexes_last


def test_of_two_alike_the_one_with_a_copy_at_hand_is_chosen() -> None:
    first, second, third = template(5, OLD), template(6, OLD), template(7, OLD)
    base = find_base([first, second, third, spare(second)], schema(), NEW)
    assert base is not None
    assert base.database.oid == 6


def test_where_only_a_few_bytes_are_the_same_none_is_worth_it() -> None:
    new = backup(block("large", "9", 90), block("small", "2"), sequences=("s",))
    assert find_base([template(5, OLD)], schema(), new) is None


@pytest.mark.parametrize(
    "unfit",
    [
        template(5, OLD, schema_id="other"),
        template(5, OLD, catalog="other"),
        template(5, OLD, digests={}),
        template(5, OLD, half_dropped=True),
        template(5, backup(block("large", "1", 90), sequences=("s",))),
        template(5, backup(*OLD.blocks)),
        template(5, backup(*OLD.blocks, sequences=("s", "t"))),
        template(5, backup(*OLD.blocks, block("more", "4"), sequences=("s",))),
        Database(5, f"{LIVE}_kept_20261122_183000", "kept", template(5, OLD).stamp),
        Database(5, LIVE, "live", template(5, OLD).stamp),
    ],
    ids=[
        "another schema",
        "another catalog",
        "made before there were digests",
        "half dropped",
        "lacks a table",
        "lacks a sequence",
        "has one sequence more",
        "has one table more",
        "kept",
        "live",
    ],
)
def test_what_is_no_template_of_the_same_tables_and_schema_is_not_built_on(unfit: Database) -> None:
    assert find_base([template(6, OLD)], schema(), NEW) is not None
    assert find_base([unfit], schema(), NEW) is None


@pytest.mark.parametrize(
    "other",
    [
        block("small", "2", columns=("b", "a")),
        block("small", "2", columns=None),
        block("small", "2", columns=("a",)),
        block("small", "2", rows=2),
        block("small", "3"),
    ],
)
def test_a_digest_is_of_columns_and_rows(other: RowBlock) -> None:
    assert digests_of(backup(other)) != digests_of(backup(block("small", "2")))


def test_a_table_in_two_blocks_has_one_digest_in_their_order() -> None:
    one, two = block("a", "1"), block("a", "2")
    assert digests_of(backup(one, two)).keys() == {"vpv4.a"}
    assert digests_of(backup(one, two)) != digests_of(backup(two, one))
    assert digests_of(backup(one, one)) != digests_of(backup(one))


def test_rows_as_insert_have_no_digest_that_says_all() -> None:
    assert digests_of(backup(block("a", "1"), block("b", "1", form="insert"))) == {}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(("a", "b"), False), (("b", "a"), False), (None, False), (("a",), True)],
)
def test_a_column_that_is_not_given_is_left_to_the_schema(
    columns: tuple[str, ...] | None, expected: bool
) -> None:
    plain = [Column(name, not_null=False, has_default=False, generated=False) for name in "ab"]
    computed = Column("c", not_null=False, has_default=True, generated=True)
    table = Table(1, "vpv4", "t", "r", 1, (*plain, computed))
    given = backup(block("t", "1", columns=columns))
    assert leave_values_out(given, {"vpv4.t": table}) is expected
