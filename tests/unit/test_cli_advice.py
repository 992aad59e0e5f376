"""The advice on performance, each from plain counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpdb.advice import (
    BareForeignKey,
    DatabaseFacts,
    Performance,
    StatementTimes,
    TableFacts,
    UnusedIndex,
    advise,
)

DATABASE = DatabaseFacts(10**6, 10, 0, 0, 0, 86400.0, "16MB", "256MB", "public")
TABLE = TableFacts("vpv4.products", 50_000, 0, 0, True, 10, 100, 5000, False)
WELL = Performance(DATABASE, (TABLE,))
STATEMENT = StatementTimes("SELECT x", 100, 0.01, 1.0, 0.1)


def with_table(**values: object) -> Performance:
    return replace(WELL, tables=(replace(TABLE, **values),))  # type: ignore[arg-type]


def with_database(**values: object) -> Performance:
    return replace(WELL, database=replace(DATABASE, **values))  # type: ignore[arg-type]


def test_a_healthy_database_needs_none() -> None:
    assert advise(WELL) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(WELL, statements=(replace(STATEMENT, share=0.8, total_s=30.0),)),
         "takes 80% of all time (100 calls"),
        (replace(WELL, statements=(replace(STATEMENT, mean_s=2.5),)), "2.5 s on average"),
        (replace(WELL, foreign_keys=(BareForeignKey("v.a", "fk", "CREATE INDEX ON v.a (b)", 7),)),
         "CREATE INDEX ON v.a (b);"),
        (with_table(sequential_scans=9000, rows_read=9000 * 50_000, index_scans=3),
         "read from end to end more often than by index"),
        (with_table(dead_rows=30_000), "38% dead rows"),
        (with_table(analyzed=False), "never analyzed"),
        (with_table(changed_rows=30_000), "30,000 rows changed since"),
        (with_table(autovacuum_off=True), "bulk off"),
        (with_database(blocks_read=10**6), "Only 50% of blocks came from memory"),
        (with_database(temp_files=3, temp_bytes=5 << 20), "wrote 5.0 MB to disk"),
        (with_database(deadlocks=2), "2 deadlocks"),
        (replace(WELL, unused=(UnusedIndex("v.i", "v.a", 5 << 20),)), "DROP INDEX v.i;"),
        (with_database(counted_s=60.0), "look again after a day's work"),
        (with_database(statements_schema=None), "pg_stat_statements is missing"),
    ],
)  # fmt: skip
def test_each_finding_has_its_advice(found: Performance, words: str) -> None:
    (advice,) = advise(found)
    assert words in advice


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (with_table(dead_rows=900), "few dead rows are no bloat"),
        (with_table(sequential_scans=9000, rows_read=9000), "a small table is read whole"),
        (with_table(sequential_scans=9, rows_read=9 * 50_000, index_scans=0), "a few times"),
        (with_database(blocks_hit=10, blocks_read=10), "too little was read to judge"),
        (replace(WELL, unused=(UnusedIndex("v.i", "v.a", 8192),)), "a small index"),
        (replace(WELL, statements=(STATEMENT,)), "nothing is slow"),
    ],
)
def test_noise_is_not_advised_on(found: Performance, why: str) -> None:
    assert advise(found) == [], why


def test_unused_indexes_are_not_judged_by_young_counters() -> None:
    found = replace(with_database(counted_s=60.0), unused=(UnusedIndex("v.i", "v.a", 5 << 20),))
    assert not any("DROP INDEX" in advice for advice in advise(found))
