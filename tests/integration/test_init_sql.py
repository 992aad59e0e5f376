"""The init files: repeatable, for any schema and role name, owned by the application role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest

from master_data import tables
from master_data.tables import TABLES, Column, Table
from pgseed.errors import ScriptFailed
from tests.integration.scratch import VARIABLES, Scratch, new_database, run_init
from tests.support.server import CHECKOUT, PASSWORD
from vpdb import docker
from vpdb.server.docker_server import DockerServer

INIT = CHECKOUT / "postgres" / "init"


@pytest.fixture(scope="module")
def example(server: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with new_database(server) as name:
        run_init(server, name)
        yield Scratch(server, name, tmp_path_factory.mktemp("unused"))


def test_every_object_belongs_to_the_application_role(example: Scratch) -> None:
    assert example.ask(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class"
        " WHERE relnamespace = 'vpv4'::regnamespace"
        " UNION SELECT proowner::regrole::text FROM pg_proc"
        " WHERE pronamespace = 'vpv4'::regnamespace"
        " UNION SELECT typowner::regrole::text FROM pg_type"
        " WHERE typnamespace = 'vpv4'::regnamespace"
        " UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'vpv4'"
        " UNION SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
    ) == [("velpharma",)]


def test_the_application_role_is_no_superuser(example: Scratch) -> None:
    assert example.ask(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin"
        " FROM pg_roles WHERE rolname = 'velpharma'"
    ) == [(False, False, False, False, False, True)]


def test_the_mark_is_hidden_from_the_application_role(server: DockerServer) -> None:
    with server.session("postgres") as connection, connection.cursor() as cursor:
        cursor.execute("SET ROLE velpharma")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT pg_read_file('vpdb-server.json')")
    listing = docker.execute(server.container, ["sh", "-c", 'stat -c "%a %U" "$PGDATA"/vpdb-*'])
    assert listing.decode().strip() == "600 postgres"


def test_only_the_password_that_nobody_chose_is_stored_with_a_single_round(
    server: DockerServer,
) -> None:
    with server.session("postgres") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, split_part(split_part(rolpassword, '$', 2), ':', 1)::int"
            " FROM pg_authid WHERE rolpassword IS NOT NULL"
        )
        rounds = dict(cursor.fetchall())
    assert rounds.pop("vpdb") == 1
    assert rounds["velpharma"] >= 4096
    assert set(rounds.values()) == {4096}


def test_the_user_file_run_again_changes_neither_password_nor_settings(
    server: DockerServer,
) -> None:
    state = "SELECT a.rolpassword, r.rolconfig FROM pg_authid a JOIN pg_roles r USING (oid)"
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        run_init(server, name)
        scratch.ask("ALTER ROLE velpharma PASSWORD 'changed'")
        scratch.ask("ALTER ROLE velpharma SET work_mem = '1MB'")
        before = scratch.ask(f"{state} WHERE a.rolname = 'velpharma'")
        try:
            server.psql(name, (INIT / "01-create-user.sql").read_bytes(), VARIABLES)
            assert scratch.ask(f"{state} WHERE a.rolname = 'velpharma'") == before
        finally:
            scratch.ask("ALTER ROLE velpharma RESET work_mem")


def test_passwords_are_neither_in_the_log_nor_in_the_statements(
    server: DockerServer, example: Scratch
) -> None:
    log = docker.logs(server.container, lines=100_000)
    statements = " ".join(
        str(text) for (text,) in example.ask("SELECT query FROM public.pg_stat_statements")
    )
    for secret in (PASSWORD, PASSWORD.replace("'", "''"), server.admin_password):
        assert secret not in log
        assert secret not in statements


def test_schema_and_role_names_are_configuration(server: DockerServer) -> None:
    variables = {"schema": "Other-Schema", "app_user": "o'hara"}
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        try:
            run_init(server, name, variables)
            assert scratch.ask(
                "SELECT DISTINCT relnamespace::regnamespace::text, relowner::regrole::text"
                " FROM pg_class WHERE relname IN ('products', 'products_name_trgm_idx')"
            ) == [('"Other-Schema"', '"o\'hara"')]
            assert scratch.ask("SELECT to_regnamespace('vpv4')") == [(None,)]
            assert scratch.ask("SELECT rolconfig FROM pg_roles WHERE rolname = 'o''hara'") == [
                (['search_path="Other-Schema", public'],)
            ]
        finally:
            scratch.ask('REASSIGN OWNED BY "o\'hara" TO postgres')
            scratch.ask('DROP OWNED BY "o\'hara"')
            scratch.ask('DROP ROLE "o\'hara"')


def test_a_failing_schema_file_leaves_nothing_behind(server: DockerServer) -> None:
    script = (INIT / "02-create-schema.sql").read_bytes()
    broken = script.replace(b"CREATE VIEW product_reactions", b"CREATE VIEW broken AS SELECT 1/0;")
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        with pytest.raises(ScriptFailed):
            server.psql(name, broken, VARIABLES)
        assert scratch.ask("SELECT to_regnamespace('vpv4')") == [(None,)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_loaders_description_is_that_of_the_schema(example: Scratch, table: Table) -> None:
    columns = example.ask(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, atthasdef, attidentity"
        " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''"
        " AND NOT attisdropped ORDER BY attnum",
        f"vpv4.{table.name}",
    )
    assert [name for name, *_ in columns] == list(table.row_columns)
    known = {column.target: column for column in table.columns}
    for name, type_name, not_null, has_default, identity in columns:
        if identity:
            assert name == table.identity
        elif name in known:
            column = known[str(name)]
            assert (not column.optional, column.defaulted) == (not_null, has_default), name
            assert type_name in types_of(column), name
            if column.reference or column.kind != "choice" or type_name == "text":
                continue
            assert example.ask(
                "SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum"
                " WHERE enumtypid = %s::regtype",
                f"vpv4.{str(type_name).removeprefix('vpv4.')}",
            ) == [(list(column.choices),)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_loaders_keys_are_the_unique_constraints(example: Scratch, table: Table) -> None:
    found = example.ask(
        "SELECT (SELECT array_agg(a.attname::text ORDER BY k.n) FROM"
        " unnest(c.conkey) WITH ORDINALITY k (num, n)"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num), condeferrable"
        " FROM pg_constraint c WHERE conrelid = %s::regclass AND contype IN ('u', 'p')",
        f"vpv4.{table.name}",
    )
    unique = {tuple(map(str, columns)): deferrable for columns, deferrable in found}  # type: ignore[call-overload]
    key = tuple(table.column(name).target for name in table.key)
    assert unique.pop(key) is False
    if table.identity:
        unique.pop((table.identity,))
    # Deferrable, so that two rows of a file may exchange their values.
    assert unique == dict.fromkeys(table.unique, True)


def test_the_loaders_references_are_all_the_foreign_keys(example: Scratch) -> None:
    described = {
        (table.name, column.target, column.reference.table, column.reference.id_column)
        for table in TABLES
        for column in table.columns
        if column.reference
    }
    found = example.ask(
        "SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, f.attname"
        " FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]"
        " WHERE c.contype = 'f' AND c.connamespace = 'vpv4'::regnamespace"
    )
    assert {(str(a).split(".")[1], b, str(c).split(".")[1], d) for a, b, c, d in found} == described


def test_tables_and_checks_explain_themselves(example: Scratch) -> None:
    assert not example.ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'vpv4'::regnamespace"
        " AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL"
    )
    # The loader shows these comments to people.
    assert not example.ask(
        "SELECT conname FROM pg_constraint WHERE connamespace = 'vpv4'::regnamespace"
        " AND contype = 'c' AND obj_description(oid, 'pg_constraint') IS NULL"
        " AND conrelid <> %s::regclass",
        f"vpv4.{tables.IMPORT_LOG.name}",
    )


def test_every_foreign_key_has_an_index(example: Scratch) -> None:
    script = (CHECKOUT / "data" / "analyze-performance.sql").read_text()
    found = re.search(r"(SELECT c\.conrelid::regclass AS \"table\".*?);\n\n", script, re.DOTALL)
    assert found
    statement = found[1].replace(":'schema'", "'vpv4'").replace("%", "%%")
    assert example.ask(statement, None) == []


def test_search_finds_words_without_their_accents_by_index(server: DockerServer) -> None:
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        run_init(server, name)
        server.psql(name, (CHECKOUT / "backups/production_backup_data_only.sql").read_bytes())
        scratch.ask("ANALYZE vpv4.reaction_terms; ANALYZE vpv4.products")
        assert scratch.ask(
            "SELECT name FROM vpv4.reaction_terms WHERE vpv4.search_text(german_name) = 'ubelkeit'"
        ) == [("Nausea",)]
        (plan,) = scratch.ask(
            "EXPLAIN (FORMAT JSON) SELECT name FROM vpv4.products"
            " WHERE vpv4.search_text(name) LIKE '%%sagesser%%'",
            None,
        )[0]
        assert "products_name_trgm_idx" in str(plan)


def test_changed_rows_are_dated_and_unchanged_ones_are_not(server: DockerServer) -> None:
    dated = "SELECT count(*) FROM vpv4.{} WHERE updated_at > created_at"
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        run_init(server, name)
        server.psql(name, (INIT / "_05-seed-base.sql.disabled").read_bytes())
        for table in (t.name for t in TABLES if t.timestamps):
            first = TABLES_BY_NAME[table].columns[0].target
            scratch.ask(f"UPDATE vpv4.{table} SET {first} = {first}")
            assert scratch.ask(dated.format(table)) == [(0,)], table
        scratch.ask("UPDATE vpv4.products SET price_eur = 3 WHERE product_id = 1")
        assert scratch.ask(dated.format("products")) == [(1,)]


def test_the_seed_is_loaded_by_plain_psql(server: DockerServer) -> None:
    with new_database(server) as name:
        scratch = Scratch(server, name, Path())
        run_init(server, name)
        server.psql(name, (INIT / "_05-seed-base.sql.disabled").read_bytes())
        assert scratch.ask("SELECT count(*), sum(report_count) FROM vpv4.product_reactions") == [
            (4, 43)
        ]
        # Its sequences go on behind its ids.
        scratch.ask(
            "INSERT INTO vpv4.manufacturers (manufacturer_code, name, country_code, city)"
            " VALUES ('MF-0003', 'x', 'DE', 'y')"
        )


TABLES_BY_NAME = {table.name: table for table in TABLES}


def types_of(column: Column) -> tuple[str, ...]:
    if column.reference:
        return ("integer",)
    if column.kind == "decimal":
        return (f"numeric({column.precision},{column.scale})",)
    if column.kind == "choice":
        return ("text", "vpv4.marketing_status", "vpv4.frequency_class", "vpv4.seriousness")
    return {"code": ("text",), "line": ("text",)}.get(column.kind, (column.kind,))
