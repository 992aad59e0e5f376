"""What a developer sees after `git pull`: preview says it, `up` reloads, nothing else does."""

from __future__ import annotations

import gzip

import pytest

from tests.e2e.project import Project, free_port

SEED = "seed/pulumi-python:dynamic/velpharma:Seed"
COUNTS = (2281, 29222)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.rest()


def stamp_of(project: Project, **access: str) -> str:
    """Give the live database's stamp; it changes with every reload."""
    ((stamp,),) = project.query(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()",
        **access,
    )
    return str(stamp)


def test_the_committed_rows_are_served_and_the_outputs_tell_where(project: Project) -> None:
    assert project.counts() == COUNTS
    outputs = project.outputs()
    assert outputs["port"] == project.port
    assert outputs["rows"]["vpv4.products"] == "2281 rows"
    assert outputs["rows"]["vpv4.adverse_drug_reactions"] == "29222 rows"
    assert outputs["psql"].startswith("postgresql://velpharma:")
    assert f"Port={project.port};" in outputs["dotnet"]


def test_a_second_up_refresh_and_preview_change_nothing_and_warn_of_nothing(
    project: Project,
) -> None:
    project.up("--expect-no-changes")
    project.pulumi(
        *("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", project.stack)
    )
    plan = project.plan()
    assert plan.operations == {}
    assert plan.warnings == []


def test_a_changed_row_shows_in_preview_and_reloads_a_header_and_gzip_do_not(
    project: Project,
) -> None:
    before = project.content_hash()
    project.edit_backup("-- PostgreSQL database dump\n", "-- Dumped on another day\n")
    assert project.plan().operations == {}

    project.edit_backup("Ibuprofen", "Ibuprofen changed")
    there = project.databases()
    shown = project.diff()
    assert "velpharma:Seed: (replace)" in shown
    assert "contentId" in shown
    assert project.databases() == there, "a preview loads nothing"
    project.up()
    assert project.content_hash() != before

    loaded = stamp_of(project)
    packed = project.folder / "backups" / "packed.sql.gz"
    packed.write_bytes(gzip.compress(project.backup.read_bytes()))
    project.configure(backup="backups/packed.sql.gz")
    project.up()
    assert stamp_of(project) == loaded
    packed.unlink()

    project.rest()
    assert project.content_hash() == before


def test_a_changed_schema_reloads(project: Project) -> None:
    schema = project.folder / "postgres" / "init" / "02-create-schema.sql"
    before, loaded = project.content_hash(), stamp_of(project)
    with schema.open("a") as file:
        file.write('\nCREATE TABLE :"schema".added_later (id int);\n')
    project.up()
    assert stamp_of(project) != loaded
    assert project.query("SELECT count(*) FROM vpv4.added_later") == [(0,)]
    project.rest()
    assert project.content_hash() == before


def test_another_port_and_password_reload_nothing(project: Project) -> None:
    loaded, password = stamp_of(project), "another $ecret'"
    old_port, project.port = project.port, free_port()
    try:
        project.configure()
        plan = project.plan()
        assert plan.operations[SEED] == "update", plan.text
        project.pulumi("config", "set", "--secret", "password", password, "--stack", project.stack)
        project.up()
        assert stamp_of(project, password=password) == loaded
        state = project.pulumi("stack", "export", "--stack", project.stack)
        assert "another $ecret" not in state
    finally:
        project.port = old_port
        project.rest()
    assert stamp_of(project) == loaded


def test_the_outputs_commands_bring_the_data_back_or_give_a_fresh_start(project: Project) -> None:
    before, outputs = project.content_hash(), project.outputs()
    options = f"--yes --skip-preview --non-interactive -s {project.stack}"
    project.query("DELETE FROM vpv4.adverse_drug_reactions WHERE true")
    project.query("CREATE TABLE vpv4.my_own (note text)")
    project.run("sh", "-c", f"{outputs['reloadData']} {options}")
    assert project.content_hash() == before
    assert len(project.kept()) == 1, "what was changed is kept"

    project.run("sh", "-c", f"{outputs['wipeVolume']} {options}")
    assert project.content_hash() == before
    assert project.kept() == []
    assert project.plan().operations == {}
