"""Canonical dumps of a real server: same data, same bytes; each restores with plain psql."""

from __future__ import annotations

import resource
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql

from pgseed.backup.model import Backup
from pgseed.backup.reader import read_backup
from pgseed.backup.rows import open_rows
from pgseed.dumping import Dump, DumpOptions, DumpRefused, SchemaText, dump
from pgseed.errors import SeedError
from tests.support.contents import ask, rows_of
from tests.support.schemas import ROWS, SCHEMA
from vpdb import docker
from vpdb.backups.schema_part import container_schema
from vpdb.server.docker_server import DockerServer

# Enabled for replicas too, this trigger would also stop pg_dump's own restore.
_QUIET = "ALTER TABLE vpv4.person DISABLE TRIGGER always;"
_LOUD = "ALTER TABLE vpv4.person ENABLE ALWAYS TRIGGER always;"


class Databases:
    """Databases of one test on the common server."""

    def __init__(self, server: DockerServer) -> None:
        self.server = server
        self.names: list[str] = []

    def new(self, *scripts: str) -> str:
        name = f"dump_{secrets.token_hex(5)}"
        with self.server.session("postgres") as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.names.append(name)
        for script in scripts:
            self.psql(name, script)
        return name

    def psql(self, name: str, script: str | bytes) -> None:
        text = script.encode() if isinstance(script, str) else script
        self.server.psql(name, text, {"schema": "vpv4", "app_user": "velpharma"})

    def dump(self, name: str, target: Path, **options: Any) -> Backup:
        return self.write(name, target, **options).backup

    def write(self, name: str, target: Path, **options: Any) -> Dump:
        return dump(self.server, name, target, schema="vpv4", options=DumpOptions(**options))

    def restore(self, name: str, backup: bytes) -> None:
        """As anyone would with plain psql, stopping at the first error."""
        self.psql(name, _QUIET.encode() + b"\n" + backup + _LOUD.encode())


@pytest.fixture
def databases(server: DockerServer) -> Iterator[Databases]:
    made = Databases(server)
    yield made
    with server.session("postgres") as connection, connection.cursor() as cursor:
        for name in made.names:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def awkward(databases: Databases) -> str:
    """A database with what real ones hold."""
    return databases.new(SCHEMA, ROWS)


def test_the_same_data_give_the_same_bytes(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    first, again = tmp_path / "first.sql", tmp_path / "again.sql"
    backup = databases.dump(awkward, first)
    assert backup.kind == "data-only"
    for change in (
        "SELECT 1",
        'UPDATE vpv4."Mixed Case" SET mood = mood WHERE "Id" % 3 = 0',
        "UPDATE vpv4.nothing_unique SET b = b WHERE a % 2 = 0",
        "VACUUM FULL",
        "CLUSTER vpv4.person USING person_pkey",
        "DELETE FROM vpv4.badge WHERE serial_no = 's7' RETURNING *",
        "INSERT INTO vpv4.badge VALUES (7, 2, 's7', repeat('badge ', 1000))",
        "VACUUM",
        "REINDEX SCHEMA vpv4",
    ):
        databases.psql(awkward, change)
    databases.dump(awkward, again)
    assert again.read_bytes() == first.read_bytes()


def test_a_restore_by_plain_psql_gives_the_same_rows_and_dumps_to_the_same_bytes(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.sql", tmp_path / "second.sql"
    databases.dump(awkward, first)
    copy = databases.new(SCHEMA, "DELETE FROM vpv4.setting")
    databases.restore(copy, first.read_bytes())
    databases.psql(awkward, "REFRESH MATERIALIZED VIEW vpv4.team_cache")
    databases.psql(copy, "REFRESH MATERIALIZED VIEW vpv4.team_cache")
    server = databases.server
    before, after = rows_of(server, awkward), rows_of(server, copy)
    before.pop("vpv4.above_team_cache"), after.pop("vpv4.above_team_cache")
    assert after == before
    databases.dump(copy, second)
    assert second.read_bytes() == first.read_bytes()


def test_it_holds_the_rows_that_pg_dump_writes(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    command = ["pg_dump", "-U", "postgres", "--data-only", "--schema=vpv4", awkward]
    (tmp_path / "pg_dump.sql").write_bytes(docker.execute(databases.server.container, command))
    theirs = read_backup(tmp_path / "pg_dump.sql", schema="vpv4")
    ours = databases.dump(awkward, tmp_path / "ours.sql")
    assert sorted(ours.tables.items()) == sorted(theirs.tables.items())
    assert {(v.name, v.value, v.is_called) for v in ours.sequence_values} == {
        (v.name, v.value, v.is_called) for v in theirs.sequence_values
    }

    def lines(backup: Backup) -> dict[tuple[str, tuple[str, ...] | None], Counter[bytes]]:
        found = {}
        for block in backup.blocks:
            with open_rows(backup, block) as rows:
                found[block.name, block.columns] = Counter(rows.read().split(b"\n"))
        return found

    assert lines(ours) == lines(theirs)


@pytest.mark.parametrize(
    "settings",
    [
        "timezone = 'America/New_York'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -3",
        "bytea_output = 'escape'",
        "quote_all_identifiers = on",
        "search_path = 'vpv4'",
        "xmloption = 'document'",
        "default_transaction_isolation = 'serializable'",
        "statement_timeout = '1ms'",
        "enable_sort = off",
        "enable_indexscan = off",
    ],
)
def test_settings_of_the_database_do_not_show(
    settings: str, databases: Databases, awkward: str, tmp_path: Path
) -> None:
    databases.dump(awkward, tmp_path / "first.sql")
    databases.psql("postgres", f"ALTER DATABASE {awkward} SET {settings}")
    databases.dump(awkward, tmp_path / "second.sql")
    assert (tmp_path / "second.sql").read_bytes() == (tmp_path / "first.sql").read_bytes()


LARGE = """
CREATE SCHEMA vpv4;
CREATE TABLE vpv4.numbers (id int PRIMARY KEY, text text);
CREATE TABLE vpv4.words (word text PRIMARY KEY, n numeric);
CREATE TABLE vpv4.small (id int);
CREATE TABLE vpv4.empty (id int PRIMARY KEY);
INSERT INTO vpv4.numbers
    SELECT (i * 7919) % 20011, repeat('x', i % 90) FROM generate_series(1, 20000) i;
INSERT INTO vpv4.words
    SELECT md5(i::text) || chr(65 + i % 60), i FROM generate_series(1, 20000) i;
INSERT INTO vpv4.words VALUES ('ä', 1), ('''', 2), ('\\', 3), ('Z', 4), ('z', 5);
INSERT INTO vpv4.small SELECT i % 3 FROM generate_series(1, 100) i;
"""


def test_it_tells_how_far_it_is(databases: Databases, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    backup = databases.dump(
        databases.new(LARGE), tmp_path / "dump.sql", progress=lambda *r: reports.append(r)
    )
    assert backup.tables == {
        "vpv4.empty": 0, "vpv4.numbers": 20000, "vpv4.small": 100, "vpv4.words": 20005,
    }  # fmt: skip
    written = [(done, total) for phase, done, total in reports if phase == "dumping"]
    assert len(written) > 1
    assert written == sorted(written)
    assert all(done <= total for done, total in written)
    assert {phase for phase, _, _ in reports} == {"dumping"}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_all_of_it_is_one_snapshot(databases: Databases, tmp_path: Path) -> None:
    name = databases.new(LARGE)
    before = databases.dump(name, tmp_path / "before.sql")
    real = container_schema(databases.server.container, name, "vpv4")

    def change_meanwhile(snapshot: str) -> object:
        databases.psql(name, "DELETE FROM vpv4.numbers; INSERT INTO vpv4.small VALUES (9)")
        return real(snapshot)

    during = databases.dump(name, tmp_path / "during.sql", schema_text=change_meanwhile)
    assert during.tables == before.tables
    assert during.data_hash == before.data_hash


CIRCLE = """
CREATE SCHEMA vpv4;
CREATE TABLE vpv4.a (id int PRIMARY KEY, b int NOT NULL);
CREATE TABLE vpv4.b (id int PRIMARY KEY, a int NOT NULL REFERENCES vpv4.a);
CREATE TABLE vpv4.self (id int PRIMARY KEY, next int REFERENCES vpv4.self);
CREATE TABLE vpv4.z_first (id int PRIMARY KEY);
CREATE TABLE vpv4.a_last (id int PRIMARY KEY REFERENCES vpv4.z_first);
"""
CIRCLE_KEY = "ALTER TABLE vpv4.a ADD FOREIGN KEY (b) REFERENCES vpv4.b;"
CIRCLE_ROWS = """
SET session_replication_role = replica;
INSERT INTO vpv4.a SELECT i, 10 - i FROM generate_series(1, 9) i;
INSERT INTO vpv4.b SELECT i, 10 - i FROM generate_series(1, 9) i;
INSERT INTO vpv4.self VALUES (1, 3), (2, NULL), (3, 2);
INSERT INTO vpv4.z_first VALUES (1); INSERT INTO vpv4.a_last VALUES (1);
"""


@pytest.mark.parametrize("key", ["", CIRCLE_KEY])
def test_foreign_keys_in_a_circle_restore_with_plain_psql(
    key: str, databases: Databases, tmp_path: Path
) -> None:
    name = databases.new(CIRCLE, key, CIRCLE_ROWS)
    backup = databases.dump(name, tmp_path / "dump.sql")
    text = (tmp_path / "dump.sql").read_text()
    # Only where there is a circle does the file need a superuser.
    assert ("session_replication_role" in text) == bool(key)
    assert list(backup.tables).index("vpv4.z_first") < list(backup.tables).index("vpv4.a_last")
    copy = databases.new(CIRCLE, key)
    databases.psql(copy, text)
    assert rows_of(databases.server, copy) == rows_of(databases.server, name)


def test_a_trigger_that_changes_rows_does_not_act_on_a_restore(
    databases: Databases, tmp_path: Path
) -> None:
    schema = """
        CREATE SCHEMA vpv4; CREATE TABLE vpv4.t (id int PRIMARY KEY, at text);
        CREATE FUNCTION vpv4.f() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.at := 'changed'; RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE INSERT ON vpv4.t FOR EACH ROW EXECUTE FUNCTION vpv4.f();"""
    name = databases.new(schema, "SET session_replication_role = replica;"
                         "INSERT INTO vpv4.t VALUES (1, 'mine')")  # fmt: skip
    databases.dump(name, tmp_path / "dump.sql")
    copy = databases.new(schema)
    databases.psql(copy, (tmp_path / "dump.sql").read_bytes())
    assert rows_of(databases.server, copy)["vpv4.t"] == ["(1,mine)"]


def test_a_full_dump_restores_into_an_empty_database(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    # PostgreSQL words its condition in another way once it has read its own words.
    databases.psql(awkward, "DROP INDEX vpv4.email_index")
    full = tmp_path / "full.sql"
    options = {"schema_text": container_schema(databases.server.container, awkward, "vpv4")}
    databases.psql(awkward, _QUIET)
    backup = databases.dump(awkward, full, **options)
    assert backup.kind == "full"
    assert backup.data_hash == databases.dump(awkward, tmp_path / "rows.sql").data_hash
    copy = databases.new()
    databases.psql(copy, full.read_bytes())
    databases.psql(awkward, "REFRESH MATERIALIZED VIEW vpv4.team_cache;"
                            "REFRESH MATERIALIZED VIEW vpv4.above_team_cache")  # fmt: skip
    assert rows_of(databases.server, copy) == rows_of(databases.server, awkward)
    options = {"schema_text": container_schema(databases.server.container, copy, "vpv4")}
    databases.dump(copy, tmp_path / "again.sql", **options)
    assert (tmp_path / "again.sql").read_bytes() == full.read_bytes()
    assert b"restrict" not in full.read_bytes()
    assert b"Dumped" not in full.read_bytes()


@pytest.mark.parametrize("suffix", [".sql.gz", ".sql.zst"])
def test_a_compressed_dump_is_stable_too(
    suffix: str, databases: Databases, awkward: str, tmp_path: Path
) -> None:
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    backup = databases.dump(awkward, first)
    time.sleep(1.1)  # a gzip header counts in seconds
    databases.dump(awkward, second)
    assert first.read_bytes() == second.read_bytes()
    assert backup.data_hash == databases.dump(awkward, tmp_path / "plain.sql").data_hash
    assert backup.path == first


@pytest.mark.parametrize("suffix", [".sql", ".sql.gz", ".sql.zst"])
def test_a_file_that_holds_the_same_is_left_alone(
    suffix: str, databases: Databases, tmp_path: Path
) -> None:
    name = databases.new(CIRCLE, CIRCLE_ROWS)
    target = tmp_path / f"dump{suffix}"
    first = databases.write(name, target)
    state = target.stat()
    second = databases.write(name, target)
    assert (first.changed, second.changed) == (True, False)
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (state.st_ino, state.st_mtime_ns)
    assert first.backup == second.backup
    assert databases.write(name, target, notes=["release 2026-11"]).changed
    assert not databases.write(name, target, notes=["release 2026-11"]).changed
    databases.psql(name, "DELETE FROM vpv4.a_last")
    assert databases.write(name, target).changed
    target.write_bytes(b"damaged")
    assert databases.write(name, target).changed


def _columns(server: DockerServer, name: str) -> dict[str, set[str]]:
    rows = ask(
        server, name,
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name), column_name"
        " FROM information_schema.columns WHERE table_schema = 'vpv4'",
    )  # fmt: skip
    columns: dict[str, set[str]] = {"vpv4.no_columns": set()}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    return columns


def test_what_the_projects_schema_does_not_have_is_refused(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    expected = _columns(databases.server, awkward)
    target = tmp_path / "dump.sql"
    databases.dump(awkward, target, expected=expected)
    before = target.read_bytes()
    databases.psql(awkward, 'CREATE TABLE vpv4."My Notes" (x int);'
                            "ALTER TABLE vpv4.person ADD COLUMN nickname text")  # fmt: skip
    with pytest.raises(DumpRefused) as refused:
        databases.dump(awkward, target, expected=expected)
    assert 'table vpv4."My Notes", column vpv4.person.nickname' in str(refused.value)
    assert target.read_bytes() == before


def test_a_schema_without_tables_is_refused(databases: Databases, tmp_path: Path) -> None:
    with pytest.raises(DumpRefused, match="has no tables"):
        databases.dump(databases.new("CREATE SCHEMA vpv4"), tmp_path / "dump.sql")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_dump(databases: Databases, tmp_path: Path) -> None:
    name = databases.new(LARGE)
    target = tmp_path / "dump.sql"
    target.write_text("the old one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Beyond this size write() fails, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(SeedError, match="File too large") as refused:
            databases.dump(name, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(str(refused.value).splitlines()) == 1
    assert target.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["dump.sql"]


def test_a_lost_connection_leaves_the_old_dump(databases: Databases, tmp_path: Path) -> None:
    name = databases.new(LARGE)
    target = tmp_path / "dump.sql"
    target.write_text("the old one")

    def cut(_snapshot: str) -> SchemaText:
        ask(
            databases.server,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            name,
        )
        return SchemaText()

    with pytest.raises(SeedError, match="failed to dump the database"):
        databases.dump(name, target, schema_text=cut)
    assert target.read_text() == "the old one"


_KILLED = """
import sys, psycopg2
from contextlib import closing
from pathlib import Path
from pgseed.dumping import dump
class Server:
    def session(self, database, *, purpose):
        return closing(psycopg2.connect(sys.argv[1]))
dump(Server(), "", Path(sys.argv[2]), schema="vpv4")
"""


@pytest.mark.parametrize("delay_s", [0.15, 0.3, 0.4, 0.5, 0.6, 0.8])
def test_a_dump_that_is_killed_leaves_the_old_or_the_new_one(
    delay_s: float, databases: Databases, tmp_path: Path
) -> None:
    name = databases.new(LARGE)
    target, whole = tmp_path / "dump.sql", tmp_path / "whole.sql"
    target.write_text("the old one")
    server = databases.server
    address = (f"host={server.host} port={server.port} dbname={name} user=vpdb"
               f" password={server.admin_password} sslmode=disable")  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", _KILLED, address, str(target)])
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = target.read_bytes()
    databases.dump(name, whole)
    assert found in (b"the old one", whole.read_bytes())
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"dump.sql", "whole.sql"}, "the next dump clears what the killed one left"


def test_the_password_is_not_in_the_file(databases: Databases, tmp_path: Path) -> None:
    databases.dump(databases.new(CIRCLE), tmp_path / "dump.sql")
    assert databases.server.admin_password not in (tmp_path / "dump.sql").read_text()


def test_a_link_to_a_shared_place_is_written_through(databases: Databases, tmp_path: Path) -> None:
    name = databases.new(CIRCLE)
    (tmp_path / "shared").mkdir()
    link = tmp_path / "dump.sql"
    link.symlink_to(tmp_path / "shared" / "real.sql")
    assert databases.dump(name, link).path == link
    assert link.is_symlink()
    assert read_backup(tmp_path / "shared" / "real.sql", schema="vpv4").rows == 0


def test_archives_of_the_servers_pg_dump_have_the_identity_of_its_text(
    databases: Databases, awkward: str, tmp_path: Path
) -> None:
    def pg_dump(*options: str) -> Backup:
        command = ["pg_dump", "-U", "postgres", "--schema=vpv4", *options, awkward]
        path = tmp_path / "pg_dump"
        path.write_bytes(docker.execute(databases.server.container, command))
        return read_backup(path, schema="vpv4")

    text = pg_dump("--data-only")
    assert text.rows > 500
    for options in (["-Fc", "--data-only"], ["--data-only", "--disable-triggers"]):
        assert pg_dump(*options).data_hash == text.data_hash, options
    # With the schema come other places for the tables' rows in the file.
    full = pg_dump()
    assert full.kind == "full"
    for options in (
        ["-Fc"], ["-Fc", "--compress=0"], ["-Fc", "--compress=zstd"], ["--clean", "--if-exists"],
        ["--no-owner"],
    ):  # fmt: skip
        assert pg_dump(*options).data_hash == full.data_hash, options
    assert sorted(full.tables.items()) == sorted(text.tables.items())
    inserts = [
        pg_dump(*options, *form)
        for options in (["--inserts"], ["--rows-per-insert=7"])
        for form in ([], ["-Fc"])
    ]
    assert {backup.data_hash for backup in inserts} == {inserts[0].data_hash}
    # In INSERT form, tables without rows leave no trace.
    filled = {table: rows for table, rows in full.tables.items() if rows}
    assert pg_dump("--column-inserts").tables == inserts[0].tables == filled
    with pytest.raises(SeedError, match="lz4"):
        pg_dump("-Fc", "--compress=lz4")
