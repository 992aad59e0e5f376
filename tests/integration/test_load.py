"""Dumps of every form into a schema with everything in it: as psql would, but catalog untouched."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest
import zstandard

from pgseed.backup.reader import read_backup
from pgseed.databases.catalog import catalog_differences, read_catalog
from pgseed.errors import BackupRefused, SeedError
from pgseed.live.database import LiveDatabase
from pgseed.seed import Seed
from pgseed.server import UrlServer
from pgseed.template.build import build_template
from tests.integration.conftest import Stack, new_stacks
from tests.support.contents import ask, databases_of, rows_of
from tests.support.schemas import SCHEMA
from tests.support.server import REAL_BACKUP

FORMS: dict[str, tuple[tuple[str, ...], Callable[[bytes], bytes], str]] = {
    "COPY": (("--data-only",), bytes, ".sql"),
    "gzip": (("--data-only",), gzip.compress, ".sql.gz"),
    "zstd": (("--data-only",), zstandard.ZstdCompressor().compress, ".sql.zst"),
    "inserts": (("--data-only", "--inserts"), bytes, ".sql"),
    "column inserts": (("--data-only", "--column-inserts"), bytes, ".sql"),
    "many rows an insert": (("--data-only", "--rows-per-insert=17"), bytes, ".sql"),
    "through the root": (("--data-only", "--load-via-partition-root"), bytes, ".sql"),
    "inserts through the root": (
        ("--data-only", "--inserts", "--load-via-partition-root"),
        bytes,
        ".sql",
    ),
    "full": ((), bytes, ".sql"),
    "full with clean": (("--clean", "--if-exists"), bytes, ".sql"),
    "archive": (("-Fc",), bytes, ".dump"),
    "archive of data": (("-Fc", "--data-only", "-Z0"), bytes, ".dump"),
}


@pytest.fixture(scope="module")
def loaded(source: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that has loaded a good dump of the source; only refused loads go to it."""
    with new_stacks(source.server, tmp_path_factory.mktemp("loaded")) as make:
        stack = make()
        stack.use_schema(SCHEMA)
        stack.backup.write_bytes(source.dump("--data-only", "--schema=vpv4"))
        stack.load()
        yield stack


def target_for(new_stack: Callable[[], Stack], dump: bytes, suffix: str) -> tuple[Stack, str]:
    stack = new_stack()
    stack.use_schema(SCHEMA)
    path = stack.folder / "backups" / f"dump{suffix}"
    path.write_bytes(dump)
    return stack, str(path)


@pytest.mark.parametrize("form", FORMS)
def test_a_dump_arrives_row_for_row(
    form: str, source: Stack, new_stack: Callable[[], Stack]
) -> None:
    flags, pack, suffix = FORMS[form]
    stack, path = target_for(new_stack, pack(source.dump("--schema=vpv4", *flags)), suffix)

    stack.load(source="backup", backup=path)

    expected = rows_of(source.server, source.live)
    if "--inserts" in flags or "--rows-per-insert=17" in flags or "--column-inserts" in flags:
        # The rule swallows nothing: rules of the schema do not act on a load.
        assert "(13,x)" in expected["vpv4.nothing_unique"]
    assert rows_of(stack.server, stack.live) == expected


def test_the_catalog_equals_the_schema_files_run_alone(
    source: Stack, new_stack: Callable[[], Stack]
) -> None:
    stack, path = target_for(new_stack, source.dump("--data-only", "--schema=vpv4"), ".sql")
    plain = new_stack()
    with plain.server.session("postgres") as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {plain.live} TEMPLATE template0 OWNER velpharma")
    plain.server.psql(plain.live, SCHEMA.encode(), {"schema": "vpv4", "app_user": "velpharma"})

    stack.load(source="backup", backup=path)

    with plain.server.session(plain.live) as connection:
        expected = read_catalog(connection)
    with stack.server.session(stack.live) as connection:
        assert catalog_differences(expected, read_catalog(connection)) == []
        assert len(expected) > 150


def test_indexes_hold_every_row_and_triggers_fire_again(
    source: Stack, new_stack: Callable[[], Stack]
) -> None:
    stack, path = target_for(new_stack, source.dump("--data-only", "--schema=vpv4"), ".sql")
    stack.load(source="backup", backup=path)

    stack.ask("CREATE EXTENSION amcheck")
    checked = stack.ask(
        "SELECT c.relname, bt_index_check(c.oid, true)"
        " FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_index i ON i.indexrelid = c.oid"
        " WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'vpv4'::regnamespace"
    )
    assert len(checked) > 15
    ((through_index,),) = stack.ask(
        'SET enable_seqscan = off; SELECT count(*) FROM vpv4."Mixed Case"'
        " WHERE span && tstzrange('2020-01-01', '2030-01-01')"
    )
    assert through_index == 300
    with pytest.raises(psycopg2.errors.RaiseException, match="a trigger fired"):
        stack.ask("INSERT INTO vpv4.team VALUES (9, 'x', 1)")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        stack.ask("DELETE FROM vpv4.person WHERE person_id = 5")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        stack.ask("INSERT INTO vpv4.badge VALUES (NULL, NULL, 's1')")
    ((analyzed,),) = stack.ask("SELECT count(*) FROM pg_stats WHERE schemaname = 'vpv4'")
    assert isinstance(analyzed, int)
    assert analyzed > 30


BROKEN_ROWS = {
    "a foreign key to nothing": (
        "ALTER TABLE vpv4.event DROP CONSTRAINT event_person_id_fkey;"
        "UPDATE vpv4.event SET person_id = 4711 WHERE event_id = 7",
        r"\(person_id\) = \(4711\).*event_person_id_fkey",
    ),
    "a foreign key in a circle": (
        "ALTER TABLE vpv4.team DROP CONSTRAINT team_lead_fkey;"
        "UPDATE vpv4.team SET lead_id = 4711 WHERE team_id = 2",
        "team_lead_fkey",
    ),
    "half of a MATCH FULL key": (
        "ALTER TABLE vpv4.badge DROP CONSTRAINT badge_person_id_team_id_fkey;"
        "UPDATE vpv4.badge SET team_id = NULL WHERE person_id = 3",
        r"\(3, null\)",
    ),
    "a key into a partitioned table": (
        "ALTER TABLE vpv4.event_note DROP CONSTRAINT event_note_event_id_at_fkey;"
        "UPDATE vpv4.event_note SET event_id = 4711 WHERE event_id = 2",
        "event_note_event_id_at_fkey",
    ),
    "a unique key twice": (
        "ALTER TABLE vpv4.badge REPLICA IDENTITY NOTHING; DROP INDEX vpv4.badge_identity;"
        "UPDATE vpv4.badge SET serial_no = 'same' WHERE person_id < 3",
        r"badge_identity.*\(serial_no\)=\(same\)",
    ),
    "a deferred unique key twice": (
        "ALTER TABLE vpv4.team DROP CONSTRAINT team_name_key; UPDATE vpv4.team SET name = 'same'",
        "team_name_key",
    ),
    "a unique key twice, in a small table": (
        "ALTER TABLE vpv4.fleeting DROP CONSTRAINT fleeting_pkey; UPDATE vpv4.fleeting SET id = 3"
        " WHERE id = 7",
        r"fleeting_pkey.*\(id\)=\(3\)",
    ),
    "a deferred unique key twice, in a small table": (
        "ALTER TABLE vpv4.event_note DROP CONSTRAINT event_note_note_key;"
        "UPDATE vpv4.event_note SET note = 'same' WHERE event_id < 5",
        r"line \d+.*event_note_note_key.*\(note\)=\(same\)",
    ),
    "an exclusion constraint": (
        'ALTER TABLE vpv4."Mixed Case" DROP CONSTRAINT "no overlap";'
        "UPDATE vpv4.\"Mixed Case\" SET span = '[2020-01-01,2021-01-01)'",
        "no overlap",
    ),
    "a check constraint": (
        "ALTER DOMAIN vpv4.short_text DROP CONSTRAINT short_text_check;"
        'UPDATE vpv4."Mixed Case" SET short = repeat(\'x\', 50) WHERE "Id" = 17',
        r"line \d+: .*short_text_check",
    ),
    "a null": (
        "ALTER TABLE vpv4.badge REPLICA IDENTITY NOTHING;"
        "ALTER TABLE vpv4.badge ALTER serial_no DROP NOT NULL;"
        "UPDATE vpv4.badge SET serial_no = NULL WHERE person_id = 3",
        r"line \d+: .*serial_no",
    ),
}


# What a single row breaks is refused by other code where rows are INSERTs; keys are proved later.
@pytest.mark.parametrize(
    ("fault", "form"),
    [
        *((fault, "COPY") for fault in BROKEN_ROWS),
        *((fault, "inserts") for fault in ("a check constraint", "a null", "a unique key twice")),
    ],
)
def test_rows_that_break_the_schema_are_refused_and_nothing_is_touched(
    fault: str, form: str, source: Stack, loaded: Stack
) -> None:
    statements, told = BROKEN_ROWS[fault]
    broken = f"{source.live}_broken"
    ask(source.server, "postgres", f"CREATE DATABASE {broken} TEMPLATE {source.live}")
    try:
        ask(source.server, broken, "SET session_replication_role = replica;" + statements)
        bad = source.dump("--schema=vpv4", *FORMS[form][0], database=broken)
    finally:
        ask(source.server, "postgres", f"DROP DATABASE {broken} WITH (FORCE)")
    before, names = rows_of(loaded.server, loaded.live), loaded.databases()
    path = loaded.folder / "bad.sql"
    path.write_bytes(bad)

    with pytest.raises(BackupRefused, match=told):
        loaded.load(source="backup", backup=str(path))

    assert rows_of(loaded.server, loaded.live) == before
    assert loaded.databases() == names


def test_a_row_that_does_not_arrive_is_missed(loaded: Stack) -> None:
    content = loaded.content(source="backup", backup=str(loaded.backup))
    assert content.backup is not None
    blocks = tuple(
        replace(block, rows=block.rows + (block.table == "team")) for block in content.backup.blocks
    )
    backup = replace(content.backup, blocks=blocks, data_hash="f" * 64)
    expecting_more = replace(content, seed=replace(content.seed, backup=backup))
    with pytest.raises(BackupRefused, match=r"it holds 6 rows of vpv4\.team, 5 arrived"):
        loaded.load_this(expecting_more)


def test_a_column_the_backup_lacks_is_fine_where_it_has_a_default(
    source: Stack, new_stack: Callable[[], Stack]
) -> None:
    stack, path = target_for(new_stack, source.dump("--data-only", "--schema=vpv4"), ".sql")
    stack.use_schema(
        SCHEMA.replace(
            "email     varchar(80),", "email varchar(80), nick text, rank int DEFAULT 7,"
        )
    )
    stack.load(source="backup", backup=path)
    assert stack.ask("SELECT DISTINCT nick, rank FROM vpv4.person") == [(None, 7)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("email     varchar(80),", ""), "line .*column email of vpv4.person is not in the schema"),
        (("email     varchar(80),", "email text, must int NOT NULL,"), "no values for must"),
        (("CREATE TABLE nothing_unique (a int, b text);", ""), "rows of vpv4.nothing_unique"),
        (("CREATE SEQUENCE loose_sequence INCREMENT 5 MINVALUE 5;", ""), "vpv4.loose_sequence"),
        (
            ("email     varchar(80),", "email text GENERATED ALWAYS AS ('x') STORED,"),
            "which the schema computes",
        ),
    ],
)
def test_a_backup_that_does_not_fit_is_refused_before_a_row_moves(
    change: tuple[str, str], told: str, source: Stack, new_stack: Callable[[], Stack]
) -> None:
    stack, path = target_for(new_stack, source.dump("--data-only", "--schema=vpv4"), ".sql")
    schema = SCHEMA.replace(*change)
    for gone in (
        "CREATE RULE swallow",
        "ALTER TABLE person ALTER COLUMN email",
        "CREATE INDEX email_index",
        "GRANT SELECT (email)",
    ):
        if ("email" in change[0] and "email" in gone) or "nothing_unique" in change[0]:
            schema = "\n".join(line for line in schema.splitlines() if not line.startswith(gone))
    stack.use_schema(schema)
    with pytest.raises(BackupRefused, match=told):
        stack.load(source="backup", backup=path)
    assert stack.databases() == []


def test_an_error_in_a_schema_file_names_file_and_line(stack: Stack) -> None:
    path = stack.init / "03-create-extensions.sql"
    path.write_text("\n\nSELECT 1;\nCREATE NONSENSE;\n")
    with pytest.raises(
        SeedError, match=r'03-create-extensions\.sql, line 4: syntax error .*"NONSENSE"'
    ):
        stack.load()
    assert stack.databases() == []


def test_the_real_backup_has_exactly_its_rows(stack: Stack) -> None:
    stack.load(source="backup", backup=str(REAL_BACKUP))
    assert stack.ask("SELECT count(*) FROM vpv4.products") == [(2281,)]
    assert stack.ask("SELECT count(*) FROM vpv4.adverse_drug_reactions") == [(29222,)]
    # Sequences go on behind the rows.
    stack.ask(
        "INSERT INTO vpv4.manufacturers (manufacturer_code, name, country_code, city)"
        " VALUES ('MF-new', 'new', 'DE', 'x')"
    )


def test_rows_of_a_large_table_are_frozen_by_the_load(stack: Stack) -> None:
    stack.load(source="backup", backup=str(REAL_BACKUP))
    stack.ask("CREATE EXTENSION pg_visibility")
    summary = "SELECT all_frozen FROM pg_visibility_map_summary('vpv4.adverse_drug_reactions')"
    pages = "SELECT count(DISTINCT (ctid::text::point)[0]) FROM vpv4.adverse_drug_reactions"
    assert stack.ask(summary) == stack.ask(pages)


def test_a_role_that_may_only_create_databases_builds_the_same_template(
    source: Stack, new_stack: Callable[[], Stack]
) -> None:
    stack, path = target_for(new_stack, source.dump("--data-only", "--schema=vpv4"), ".sql")
    admin, role, live = stack.server, f"{stack.live}_role", f"{stack.live}_plain"
    ask(admin, "postgres", f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'plain'")
    try:
        port = stack.server.port
        server = UrlServer(f"postgresql://{role}:plain@127.0.0.1:{port}/")
        seed = Seed(
            schema_files=(stack.init / "02-create-schema.sql",),
            owner=role,
            schema="vpv4",
            backup=read_backup(Path(path), schema="vpv4"),
        )
        with LiveDatabase(server, live).turn("build a template") as work:
            template = build_template(work, seed)
        assert rows_of(admin, template) == rows_of(source.server, source.live)
    finally:
        for name in databases_of(admin, live, spares=True):
            ask(admin, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
        ask(admin, "postgres", f"DROP ROLE {role}")


def test_what_is_off_stays_off_and_event_triggers_keep_silent(
    new_stack: Callable[[], Stack],
) -> None:
    stack = new_stack()
    stack.use_schema(
        """
        CREATE SCHEMA vpv4;
        CREATE TABLE vpv4.parent (id int PRIMARY KEY);
        CREATE TABLE vpv4.child (id int REFERENCES vpv4.parent);
        ALTER TABLE vpv4.child DISABLE TRIGGER ALL;
        CREATE FUNCTION vpv4.shout() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'an event trigger fired during the load'; END $$;
        CREATE EVENT TRIGGER shout ON ddl_command_start EXECUTE FUNCTION vpv4.shout();
        ALTER EVENT TRIGGER shout ENABLE ALWAYS;
        """
    )
    stack.backup.write_text(
        "-- PostgreSQL database dump\n"
        "COPY vpv4.parent (id) FROM stdin;\n1\n\\.\n"
        "COPY vpv4.child (id) FROM stdin;\n1\n\\.\n"
        "-- PostgreSQL database dump complete\n"
    )
    stack.load()
    stack.ask("INSERT INTO vpv4.child VALUES (2)")
    with pytest.raises(psycopg2.errors.RaiseException, match="an event trigger fired"):
        stack.ask("CREATE TABLE vpv4.other ()")


def test_no_shell_command_of_a_dump_runs(stack: Stack, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    stack.backup.write_text(f"\\! touch {trap}\n")
    with pytest.raises(BackupRefused, match="line 1"):
        stack.load()
    assert not trap.exists()
