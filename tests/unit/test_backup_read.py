"""A backup's rows, counts, sequence values and identity, in every form that pg_dump writes."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import insert_statements, open_rows
from pgseed.errors import BackupRefused
from tests.hostile import COMPLETE, END, FULL_START, HARMLESS, ROWS, START

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(data: bytes | str, name: str = "backup.sql") -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return to_file


PACK: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


def read(path: Path) -> Backup:
    return read_backup(path, schema="vpv4")


def rows_of(backup: Backup) -> list[bytes]:
    found = []
    for block in backup.blocks:
        with open_rows(backup, block) as rows:
            found.append(rows.read())
    return found


def complete(text: str) -> bytes:
    return text.encode() + b"\n" + COMPLETE


INSERTS = """
INSERT INTO vpv4.items VALUES (1, 'it''s');
INSERT INTO vpv4.items VALUES (2, NULL);
"""


def test_copy_rows_are_found_and_counted(write: Write) -> None:
    backup = read(write(HARMLESS))
    (block,) = backup.blocks
    assert (block.form, block.name, block.columns, block.rows) == (
        "copy", "vpv4.items", ("id", "name"), 2)  # fmt: skip
    assert HARMLESS.splitlines()[block.line - 1].startswith(b"COPY vpv4.items")
    assert rows_of(backup) == [b"1\tone\n2\ttwo\n"]
    assert HARMLESS[block.start : block.end] == b"1\tone\n2\ttwo\n"
    assert (backup.kind, backup.compression) == ("data-only", "none")
    assert backup.size_bytes == backup.uncompressed_bytes == len(HARMLESS)


def test_sequence_values_are_read(write: Write) -> None:
    text = complete(
        "SELECT pg_catalog.setval('vpv4.\"Mixed \"\"Q''s\"', -7, false);\n"
        "SELECT pg_catalog.setval('vpv4.Plain', 9223372036854775807, true);\n" + INSERTS
    )
    first, second = read(write(text)).sequence_values
    assert (first.sequence, first.value, first.is_called, first.line) == (
        "Mixed \"Q's",
        -7,
        False,
        1,
    )
    assert (second.sequence, second.value, second.is_called) == ("plain", 2**63 - 1, True)
    assert first.name == 'vpv4."Mixed ""Q\'s"'


def test_names_fold_and_quote_as_in_sql(write: Write) -> None:
    text = complete(
        'COPY VPV4.Items (ID, "Id", "or""der") FROM STDIN;\n\\.\n'
        'copy "vpv4"."Mixed Case" from stdin;\n\\.\nCOPY vpv4."order" FROM stdin;\n\\.\n'
    )
    backup = read(write(text))
    assert backup.tables == {"vpv4.items": 0, 'vpv4."Mixed Case"': 0, 'vpv4."order"': 0}
    assert backup.blocks[0].columns == ("id", "Id", 'or"der')
    assert backup.blocks[1].columns is None


def test_rows_of_several_blocks_of_a_table_add_up(write: Write) -> None:
    backup = read(write(ROWS * 3 + COMPLETE))
    assert len(backup.blocks) == 3
    assert backup.tables == {"vpv4.items": 6}
    assert backup.rows == 6


def test_blank_rows_of_a_table_without_columns_count(write: Write) -> None:
    backup = read(write(complete("COPY vpv4.nothing  FROM stdin;\n\n\n\\.\n")))
    assert backup.tables == {"vpv4.nothing": 2}
    assert rows_of(backup) == [b"\n\n"]


def test_an_escaped_backslash_before_a_dot_is_data(write: Write) -> None:
    rows = b"1\tC:\\\\.config\n\\\\.\n2\t\\\\\\\\.\n"
    backup = read(write(b"COPY vpv4.items FROM stdin;\n" + rows + b"\\.\n" + COMPLETE))
    assert backup.tables == {"vpv4.items": 3}
    assert rows_of(backup) == [rows]


def test_inserts_are_found_and_counted(write: Write) -> None:
    backup = read(write(complete(INSERTS)))
    (block,) = backup.blocks
    assert (block.form, block.rows, block.columns, block.line) == ("insert", 2, None, 2)
    assert rows_of(backup) == [INSERTS.strip().encode()]


@pytest.mark.parametrize(
    "values",
    [
        "(1), (2)",
        "(1),\n\t(2)",
        "( -1.5e+3 ) , ( +2 )",
        "(NULL), (null)",
        "(true), (FALSE)",
        "(DEFAULT), (default)",
        "('x'), ('it''s -- \\ ; /* ')",
        "(E'\\'\\\\;\\n'), (e'''')",
        "(B'101'), (X'1F')",
        "(b'1'), (x'ff')",
        "('x'::text), ('1'::pg_catalog.int4)",
        "('x'::character varying(10)), ('1'::numeric(10, 2))",
        "('{1,2}'::integer[]), ('2026-01-01'::timestamp with time zone)",
        "('1'::double precision), ('1'::text::integer)",
        "(/* a */ 1 /* b */), -- c\n (2)",
        "('line\nbreak\r\n'), ('')",
        "(.5), (1.25)",
    ],
)
def test_literals_of_every_kind_are_taken(values: str, write: Write) -> None:
    backup = read(write(complete(f"INSERT INTO vpv4.items VALUES {values};")))
    assert backup.tables == {"vpv4.items": 2}


def test_the_head_of_an_insert_may_name_columns_and_override_identities(write: Write) -> None:
    text = complete(
        'INSERT INTO vpv4.items (id, "Na""me") OVERRIDING SYSTEM VALUE VALUES (1, \'x\');\n'
        "INSERT INTO vpv4.items (id) OVERRIDING USER VALUE VALUES (1);\n"
        "INSERT INTO vpv4.items DEFAULT VALUES;\n"
        "INSERT INTO vpv4.items DEFAULT VALUES;\n"
    )
    backup = read(write(text))
    assert [block.columns for block in backup.blocks] == [("id", 'Na"me'), ("id",), None]
    assert [block.rows for block in backup.blocks] == [1, 1, 2]


def test_the_spelling_of_an_insert_does_not_count(write: Write) -> None:
    plain = complete("INSERT INTO vpv4.items VALUES (1, 'x', NULL);\n")
    other = complete("insert  INTO vpv4 . items /* c */ VALUES\n\t( 1,'x' , -- c\n null ) ;\n")
    assert read(write(plain)).data_hash == read(write(other)).data_hash


def test_rows_per_insert_do_not_count(write: Write) -> None:
    single = complete("INSERT INTO vpv4.i VALUES (1);\nINSERT INTO vpv4.i VALUES (2);\n")
    double = complete("INSERT INTO vpv4.i VALUES\n\t(1),\n\t(2);\n")
    assert read(write(single)).data_hash == read(write(double)).data_hash


def test_inserts_go_out_in_whole_statements(write: Write) -> None:
    text = "".join(f"INSERT INTO vpv4.items VALUES ({n}, 'a;b\n');\n" for n in range(1000))
    backup = read(write(complete("-- x\n" + text)))
    batches = list(insert_statements(backup, backup.blocks[0], batch_bytes=1000))
    assert len(batches) > 10
    assert sum(rows for _, rows in batches) == 1000
    assert b"\n".join(batch for batch, _ in batches) == text.encode().strip()
    assert all(batch.startswith(b"INSERT") and batch.endswith(b");") for batch, _ in batches)


@pytest.mark.parametrize(
    "statement",
    [
        "SET transaction_timeout = 0;",
        "set lock_timeout TO 0 ;",
        "SET client_encoding = UTF8;",
        "SET search_path = vpv4, pg_catalog;",
        "SET search_path = '';",
        'SET search_path TO "vpv4";',
        "SET SESSION AUTHORIZATION DEFAULT;",
        "SET session_replication_role = 'replica';",
        "SET default_tablespace = '';",
        "SET xmloption = content;",
        "select pg_catalog.set_config ( 'search_path' , '' , false ) ;",
        "ALTER TABLE vpv4.items DISABLE TRIGGER ALL;",
        "ALTER TABLE ONLY vpv4.items ENABLE TRIGGER ALL;",
        "-- comment; \\! with anything in it",
        "/* comment /* nested */ ; \\! */",
        "",
    ],
)
def test_what_pg_dump_writes_beside_the_rows_changes_nothing(statement: str, write: Write) -> None:
    with_it = START + statement.encode() + b"\n" + ROWS + END
    assert read(write(with_it)).data_hash == read(write(HARMLESS)).data_hash


def test_trigger_switches_are_named_as_skipped(write: Write) -> None:
    text = b"ALTER TABLE vpv4.items DISABLE TRIGGER ALL;\n" + ROWS + COMPLETE
    (skipped,) = read(write(text)).skipped
    assert (skipped.line, skipped.text) == (1, "ALTER TABLE vpv4.items DISABLE TRIGGER ALL")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"k3y", b"0ther"),
        lambda data: data.replace(b"\\restrict k3y\n", b"").replace(b"\\unrestrict k3y\n", b""),
        lambda data: data.replace(b"-- PostgreSQL database dump\n", b"-- Dumped on Monday\n"),
        lambda data: data.replace(b"SET statement_timeout = 0;\n", b""),
        lambda data: data.replace(b"\n\n", b"\n\n\n"),
    ],
)
def test_comments_settings_and_restrict_keys_leave_the_identity(
    change: Callable[[bytes], bytes], write: Write
) -> None:
    changed = change(HARMLESS)
    assert changed != HARMLESS
    assert read(write(changed)).data_hash == read(write(HARMLESS)).data_hash


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\tone", b"\tOne"),
        lambda data: data.replace(b"1\tone\n2\ttwo", b"2\ttwo\n1\tone"),
        lambda data: data.replace(b"2\ttwo\n", b""),
        lambda data: data.replace(b"(id, name)", b"(name, id)"),
        lambda data: data.replace(b" (id, name)", b""),
        lambda data: data.replace(b"COPY vpv4.items", b"COPY vpv4.items2"),
        lambda data: data.replace(b"_seq', 2", b"_seq', 3"),
        lambda data: data.replace(b"2, true", b"2, false"),
        lambda data: data.replace(b"items_id_seq", b"items_seq"),
        lambda data: data.replace(b"2\ttwo", b"\\.\n" + ROWS[:39] + b"2\ttwo"),
    ],
)  # fmt: skip
def test_one_changed_value_changes_the_identity(
    change: Callable[[bytes], bytes], write: Write
) -> None:
    changed = change(HARMLESS)
    assert changed != HARMLESS
    assert read(write(changed)).data_hash != read(write(HARMLESS)).data_hash


def test_fields_cannot_run_into_each_other(write: Write) -> None:
    hashes = {
        read(write(complete(text))).data_hash
        for text in (
            'COPY vpv4.t (a, "b,c") FROM stdin;\n\\.\n',
            'COPY vpv4.t ("a,b", c) FROM stdin;\n\\.\n',
            "COPY vpv4.t (a, b, c) FROM stdin;\n\\.\n",
            "COPY vpv4.ta (b, c) FROM stdin;\n\\.\n",
            "COPY vpv4.t FROM stdin;\n\\.\n",
        )
    }
    assert len(hashes) == 5


def test_the_identity_is_the_one_of_version_one(write: Write) -> None:
    # Teammates compare it across Python versions and machines, so it must never drift by accident.
    assert read(write(HARMLESS)).data_hash == (
        "43e16b796a9faa1c940d7162307683d0ec0ea9d07fae8f6872c951b26b53f680"
    )


@pytest.mark.parametrize("name", ["backup.sql.gz", "backup.sql", "backup.sql.zst"])
@pytest.mark.parametrize("level", [1, 9])
def test_compression_leaves_the_identity_and_goes_by_content(
    name: str, level: int, write: Write
) -> None:
    plain = read(write(HARMLESS, "plain.sql"))
    for compressed, method in (
        (gzip.compress(HARMLESS, level), "gzip"),
        (zstandard.ZstdCompressor(level).compress(HARMLESS), "zstd"),
        (zstandard.ZstdCompressor(level, write_content_size=False).compress(HARMLESS), "zstd"),
    ):
        backup = read(write(compressed, name))
        assert backup.compression == method
        assert backup.data_hash == plain.data_hash
        assert backup.uncompressed_bytes == len(HARMLESS)
        assert rows_of(backup) == rows_of(plain)
        fits = name.endswith({"gzip": ".gz", "zstd": ".zst"}[method])
        assert bool(backup.notices) == (not fits)


def _large(tables: int = 20, rows: int = 3000) -> bytes:
    parts = [START]
    for table in range(tables):
        parts.append(f"COPY vpv4.t{table} (id, name) FROM stdin;\n".encode())
        parts += [f"{n}\t{'ü' * (n % 50)} {n * table}\n".encode() for n in range(rows)]
        parts.append(b"\\.\n\n")
    return b"".join(parts) + END


@pytest.mark.parametrize("method", ["none", "gzip", "zstd"])
def test_several_threads_read_rows_at_once(method: str, write: Write) -> None:
    data = _large()
    packed = PACK[method](data)
    backup = read(write(packed))
    wrong: list[str] = []

    def compare(part: int) -> None:
        for block in backup.blocks[part::4]:
            with open_rows(backup, block) as rows:
                pieces = []
                while piece := rows.read(777):
                    pieces.append(piece)
                if b"".join(pieces) != data[block.start : block.end]:
                    wrong.append(block.name)

    threads = [threading.Thread(target=compare, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 1000])
def test_the_result_does_not_depend_on_how_the_file_is_cut_into_reads(
    chunk: int, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = START + "COPY vpv4.ü (id) FROM stdin;\n€\\\\.\n\n\\.\n".encode() + INSERTS.encode() * 3
    text += b"/* a /* b */ c */ -- x\nINSERT INTO vpv4.i VALUES (E'\\'', 'x''''y', X'0a');\n" + END
    path = write(text)
    whole = read(path)
    monkeypatch.setattr("pgseed.backup.limits.CHUNK", chunk)
    pieces = read(path)
    assert pieces == whole
    assert rows_of(pieces) == rows_of(whole)


def test_equal_rows_have_equal_digests(write: Write) -> None:
    text = complete(
        "COPY vpv4.a FROM stdin;\n1\n\\.\nCOPY vpv4.b FROM stdin;\n1\n\\.\n"
        "COPY vpv4.c FROM stdin;\n2\n\\.\n"
    )
    a, b, c = read(write(text)).blocks
    assert a.digest == b.digest != c.digest


# Full dumps

FULL = (
    FULL_START
    + b"""CREATE SCHEMA vpv4;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'a; \\! b
COPY vpv4.items FROM stdin;
\\.
';
CREATE FUNCTION vpv4.f() RETURNS text LANGUAGE plpgsql AS $_$ begin return $$;\\!$$; end; $_$;
CREATE OR REPLACE FUNCTION vpv4.g() RETURNS int LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN true THEN 1 ELSE 2 END;
 SELECT 2;
END;
CREATE RULE r AS ON INSERT TO vpv4.items DO ALSO ( SELECT 1; SELECT 2);
ALTER TABLE vpv4.items OWNER TO velpharma;
CREATE TYPE vpv4.mood AS ENUM ('a''', E'\\'');
SET default_table_access_method = heap;
CREATE UNLOGGED TABLE IF NOT EXISTS vpv4."Other" (x int);
"""
    + ROWS
    + b"""ALTER TABLE ONLY vpv4.items ADD CONSTRAINT p PRIMARY KEY (id);
CREATE UNIQUE INDEX i ON vpv4.items USING btree (name);
GRANT SELECT ON TABLE vpv4.items TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
CREATE PUBLICATION p;
REFRESH MATERIALIZED VIEW vpv4.m;
"""
    + END
)


def test_of_a_full_dump_the_rows_are_taken_and_the_schema_is_named(write: Write) -> None:
    backup = read(write(FULL))
    assert backup.kind == "full"
    assert backup.tables == {"vpv4.items": 2}
    assert backup.data_hash == read(write(HARMLESS)).data_hash
    assert len(backup.skipped) == 16
    assert backup.skipped[0].text.startswith("CREATE TABLE vpv4.items (id integer NOT NULL, ")
    assert FULL.splitlines()[backup.skipped[4].line - 1].startswith(b"CREATE FUNCTION vpv4.f")
    assert "16 schema statements are not executed" in backup.notices[0]


def test_a_full_dump_with_drops_in_front_is_read_too(write: Write) -> None:
    drops = b"ALTER TABLE IF EXISTS ONLY vpv4.items DROP CONSTRAINT p;\nDROP TABLE vpv4.items;\n"
    assert read(write(drops + FULL_START.replace(START, b"") + ROWS + COMPLETE)).kind == "full"


# The file itself


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="there is no such file"):
        read(tmp_path / "none.sql")


def test_a_directory_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="it is a directory"):
        read(tmp_path)
    (tmp_path / "toc.dat").touch()
    with pytest.raises(BackupRefused, match="-Fd"):
        read(tmp_path)


@pytest.mark.timeout(10)
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sql")
    with pytest.raises(BackupRefused, match="not a regular file"):
        read(tmp_path / "pipe.sql")


def test_a_file_without_read_permission_is_named(write: Write) -> None:
    path = write(HARMLESS)
    path.chmod(0)
    for folder in [path.parent, *path.parent.parents]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o111)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root may read everything
        with pytest.raises(BackupRefused, match="may not read it"):
            read(path)
    finally:
        os.seteuid(user)


def test_rows_are_refused_once_the_file_has_changed(write: Write) -> None:
    backup = read(write(HARMLESS))
    os.utime(write(HARMLESS.replace(b"one", b"two")), ns=(1, 1))
    with pytest.raises(BackupRefused, match="has changed since"):
        open_rows(backup, backup.blocks[0])


def test_a_file_that_is_cut_while_it_is_loaded_is_refused(write: Write) -> None:
    path = write(_large(1, 50_000))
    backup = read(path)
    with open_rows(backup, backup.blocks[0]) as rows:
        rows.read(10)
        os.truncate(path, backup.blocks[0].end - 10)
        with pytest.raises(BackupRefused, match="has changed since"):
            rows.read()


def test_a_file_that_changes_while_it_is_read_is_refused(write: Write) -> None:
    path = write(HARMLESS)

    def change(phase: str, done: int, total: int) -> None:
        os.utime(path, ns=(1, 1))

    with pytest.raises(BackupRefused, match="changed while it was read"):
        read_backup(path, schema="vpv4", progress=change)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"VALUES (1);", b"SELECT 100;"),
        (b"INSERT INTO vpv4.items VALUES (1);", b"INSERT INTO vpv4.other VALUES (1);"),
        (b"INSERT INTO vpv4.items VALUES (1);", b"DELETE FROM  vpv4.items /* (1) */;"),
        (b"INSERT INTO vpv4.items VALUES (1);", b"INSERT INTO x.itemsss VALUES (1);;"),
        (b"INSERT INTO vpv4.items VALUES (1);", b"INSERT INTO vpv4.items VALUES (f);"),
    ],
)
def test_inserts_are_parsed_again_before_they_go_out(was: bytes, now: bytes, write: Write) -> None:
    text = complete("INSERT INTO vpv4.items VALUES (1);" + " " * 100)
    path = write(text)
    backup = read(path)
    state = path.stat()
    path.write_bytes(text.replace(was, now))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(BackupRefused):
        list(insert_statements(backup, backup.blocks[0]))


@pytest.mark.parametrize("method", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["copy", "insert", "full"])
def test_a_backup_cut_at_any_64th_part_is_refused(method: str, form: str, write: Write) -> None:
    data = {"copy": _large(3, 100), "insert": START + INSERTS.encode() * 100 + END, "full": FULL}[
        form
    ]
    whole = PACK[method](data)
    assert read(write(whole)).rows
    for part in range(64):
        with pytest.raises(BackupRefused):
            read(write(whole[: len(whole) * part // 64]))


def test_progress_ends_with_the_whole_file(write: Write) -> None:
    reports: list[tuple[str, int, int]] = []
    path = write(_large(20, 20_000))
    read_backup(path, schema="vpv4", progress=lambda *report: reports.append(report))
    size = path.stat().st_size
    assert reports[-1] == ("reading", size, size)
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)
    assert len(reports) > 2


@pytest.mark.parametrize("method", ["none", "gzip", "zstd"])
def test_a_large_backup_stays_small_in_memory(method: str, write: Write) -> None:
    rows = b"".join(b"%d\t%0200d\n" % (n, n * 7919) for n in range(300_000))
    data = START + b"COPY vpv4.items (id, name) FROM stdin;\n" + rows + b"\\.\n" + END
    assert len(data) > 60_000_000
    path = write(PACK[method](data))
    code = """
import sys
from pathlib import Path
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import open_rows
backup = read_backup(Path(sys.argv[1]), schema="vpv4")
with open_rows(backup, backup.blocks[0]) as rows:
    while rows.read(65536):
        pass
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    command = [sys.executable, "-c", code, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(output) < 45_000, "kB"


def test_comments_between_inserts_do_not_go_out(write: Write) -> None:
    text = "INSERT INTO vpv4.i VALUES (1);\n-- one\n/* two */ INSERT INTO vpv4.i VALUES (2);\n"
    backup = read(write(complete(text)))
    statements = b"INSERT INTO vpv4.i VALUES (1);\nINSERT INTO vpv4.i VALUES (2);"
    assert list(insert_statements(backup, backup.blocks[0])) == [(statements, 2)]


def test_sql_written_by_hand_needs_no_completion_line(write: Write) -> None:
    path = write(INSERTS)
    with pytest.raises(BackupRefused, match="its end is missing"):
        read(path)
    assert read_backup(path, schema="vpv4", seed=True).rows == 2


@pytest.mark.parametrize("bits", ["B'01'''", "X'0f'''", "B'2'", "b'2'", "x'g'"])
def test_a_bit_string_holds_its_digits_alone(bits: str, tmp_path: Path) -> None:
    path = tmp_path / "bits.sql"
    path.write_text(
        "--\n-- PostgreSQL database dump\n--\n\n"
        f"INSERT INTO vpv4.t VALUES ({bits});\n\n"
        "--\n-- PostgreSQL database dump complete\n--\n\n"
    )
    with pytest.raises(BackupRefused, match="plain value") as refusal:
        read_backup(path, schema="vpv4")
    assert refusal.value.line == 5
