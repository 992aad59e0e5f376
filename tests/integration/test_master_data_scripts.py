"""The SQL files in data/, run as people run them: psql -f, by owner and by administrator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgseed.databases.catalog import read_catalog
from tests.integration.scratch import Scratch, filled_template, new_database
from tests.support.server import CHECKOUT
from vpdb import docker
from vpdb.server.docker_server import DockerServer

OPTIMIZE = CHECKOUT / "data" / "optimize-for-bulk-insert.sql"
RESTORE = CHECKOUT / "data" / "restore-after-bulk-insert.sql"
ANALYZE = CHECKOUT / "data" / "analyze-performance.sql"


@pytest.fixture(scope="module")
def template(server: DockerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_template(server, tmp_path_factory.mktemp("csvs"), 0.1) as name:
        yield name


@pytest.fixture
def scratch(server: DockerServer, template: str, tmp_path: Path) -> Iterator[Scratch]:
    with new_database(server, template) as name:
        # A copy has the tables' owner, but not the database's.
        server.psql(name, b'ALTER DATABASE :"DBNAME" OWNER TO velpharma')
        yield Scratch(server, name, tmp_path)


def psql(scratch: Scratch, script: Path, *flags: str, user: str = "postgres") -> str:
    """Run a script with nothing but what its head says."""
    command = ["psql", "--no-psqlrc", *flags, "-U", user, "-d", scratch.database, "-f", "-"]
    answer = docker.execute(scratch.server.container, command, stdin=script.read_bytes())
    return answer.decode()


def state(scratch: Scratch) -> tuple[object, ...]:
    """The catalog with all storage options, and the settings of the database."""
    with scratch.server.session(scratch.database) as connection:
        catalog = dict(read_catalog(connection))
    return catalog, scratch.ask(
        "SELECT setrole, setconfig FROM pg_db_role_setting s JOIN pg_database d"
        " ON d.oid = s.setdatabase WHERE datname = current_database() ORDER BY 1"
    )


def autovacuum(scratch: Scratch) -> dict[str, str | None]:
    found: list[tuple[Any, ...]] = scratch.ask(
        "SELECT c.relname, (SELECT option_value FROM pg_options_to_table(c.reloptions)"
        " WHERE option_name = 'autovacuum_enabled') FROM pg_class c"
        " WHERE relnamespace = 'vpv4'::regnamespace AND relkind = 'r'"
    )
    return dict(found)


def note(scratch: Scratch) -> dict[str, object]:
    """What bulk mode noted, as any session on the server can read it."""
    found = scratch.ask("SELECT current_setting('velpharma.bulk_mode', true)")[0][0]
    return dict(json.loads(str(found))) if found else {}


def test_bulk_mode_finds_the_big_tables_and_leaves_the_small_ones(scratch: Scratch) -> None:
    told = psql(scratch, OPTIMIZE)
    options = autovacuum(scratch)
    assert options["adverse_drug_reactions"] == "off"
    assert options["system_organ_classes"] is None
    assert "vpv4.adverse_drug_reactions" in told
    assert scratch.ask("SHOW synchronous_commit") == [("off",)]
    assert scratch.ask("SHOW fsync") == [("on",)]
    assert note(scratch)["schema"] == "vpv4"
    assert str(note(scratch)["since"]).endswith("Z")


def test_what_counts_as_big_can_be_told(scratch: Scratch) -> None:
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    assert set(autovacuum(scratch).values()) == {"off"}


@pytest.mark.parametrize("user", ["postgres", "velpharma"])
def test_restoring_brings_everything_back_exactly(scratch: Scratch, user: str) -> None:
    scratch.ask("ALTER TABLE vpv4.adverse_drug_reactions SET (autovacuum_enabled = false)")
    scratch.ask(
        "ALTER TABLE vpv4.products SET (autovacuum_vacuum_scale_factor = 0.3, fillfactor = 90,"
        " toast.autovacuum_enabled = true)"
    )
    scratch.ask(f"ALTER DATABASE {scratch.database} SET synchronous_commit = 'remote_apply'")
    before = state(scratch)
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0", user=user)
    assert state(scratch) != before
    psql(scratch, RESTORE, user=user)
    assert state(scratch) == before
    assert note(scratch) == {}


def test_both_scripts_can_be_repeated(scratch: Scratch) -> None:
    scratch.ask("ALTER TABLE vpv4.products SET (autovacuum_enabled = false)")
    before = state(scratch)
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    once, since = state(scratch), note(scratch)["since"]
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    assert state(scratch) == once
    assert note(scratch)["since"] == since
    psql(scratch, RESTORE)
    psql(scratch, RESTORE)
    assert state(scratch) == before


def test_restoring_without_bulk_mode_only_vacuums(scratch: Scratch) -> None:
    scratch.ask("ALTER TABLE vpv4.products SET (autovacuum_enabled = false)")
    before = state(scratch)
    psql(scratch, RESTORE)
    assert state(scratch) == before


def test_a_table_that_came_or_went_meanwhile_is_no_obstacle(scratch: Scratch) -> None:
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    scratch.ask("DROP TABLE vpv4.data_imports")
    scratch.ask("CREATE TABLE vpv4.late (n int)")
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    assert autovacuum(scratch)["late"] == "off"
    psql(scratch, RESTORE)
    assert set(autovacuum(scratch).values()) == {None}


def test_restoring_vacuums_and_refreshes_the_statistics(scratch: Scratch) -> None:
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    scratch.ask("DELETE FROM vpv4.adverse_drug_reactions WHERE adverse_drug_reaction_id % 2 = 0")
    told = psql(scratch, RESTORE)
    counted = scratch.ask("SELECT count(*) FROM vpv4.adverse_drug_reactions")[0][0]
    assert scratch.ask(
        "SELECT reltuples::int, relallvisible > 0 FROM pg_class"
        " WHERE oid = 'vpv4.adverse_drug_reactions'::regclass"
    ) == [(counted, True)]
    assert str(counted) in told


def test_odd_names_are_quoted(scratch: Scratch) -> None:
    scratch.ask('CREATE SCHEMA "Odd-Schema"')
    scratch.ask("""CREATE TABLE "Odd-Schema"."it's ""a"" table" (n int)""")
    flags = ("-v", "schema=Odd-Schema", "-v", "min_size_kb=0")
    before = state(scratch)
    assert """it's ""a"" table""" in psql(scratch, OPTIMIZE, *flags)
    # The schema is noted: restoring needs no telling.
    assert """it's ""a"" table""" in psql(scratch, RESTORE)
    assert state(scratch) == before


@pytest.mark.parametrize("user", ["postgres", "velpharma"])
def test_the_analysis_runs_and_writes_nothing(scratch: Scratch, user: str) -> None:
    psql(scratch, RESTORE)
    before = state(scratch), scratch.rows()
    told = psql(scratch, ANALYZE, user=user)
    assert (state(scratch), scratch.rows()) == before
    for number in ("1", "2", "3", "4", "5a", "5b", "6", "7", "8a", "8b", "9"):
        assert f"\n{number}. " in told
    assert "adverse_drug_reactions_severe_idx" in told


def test_the_analysis_finds_what_is_wrong(scratch: Scratch) -> None:
    scratch.ask("DROP INDEX vpv4.products_manufacturer_id_idx")
    scratch.ask("CREATE INDEX superfluous ON vpv4.adverse_drug_reactions (reaction_term_id)")
    # As a person's statement: those of the administrator's own sessions are not counted.
    update = b"UPDATE vpv4.adverse_drug_reactions SET report_count = report_count + 1;"
    scratch.server.psql(scratch.database, 2 * update)
    psql(scratch, OPTIMIZE, "-v", "min_size_kb=0")
    scratch.ask("ANALYZE")
    sections = dict(part.split(". ", 1) for part in psql(scratch, ANALYZE).split("\n\n") if part)
    assert "products_manufacturer_id_fkey" in sections["5a"]
    assert "CREATE INDEX ON vpv4.products (manufacturer_id);" in sections["5a"]
    assert "vpv4.superfluous" in sections["6"]
    assert "vpv4.adverse_drug_reactions_reaction_term_id_idx" in sections["6"]
    (bloat,) = (line for line in sections["7"].splitlines() if "adverse_drug_reactions" in line)
    assert int(bloat.split("|")[-1]) > 40
    assert "velpharma.bulk_mode" in sections["9"]
    assert "UPDATE vpv4.adverse_drug_reactions" in sections["8a"]


def test_the_analysis_does_without_pg_stat_statements(scratch: Scratch) -> None:
    scratch.ask("DROP EXTENSION pg_stat_statements")
    assert "pg_stat_statements is not in use here" in psql(scratch, ANALYZE)
