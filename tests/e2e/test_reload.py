"""What a developer sees after `git pull`: preview says it, `up` reloads, nothing else does."""

from __future__ import annotations

import gzip

import pytest

from tests.e2e.project import BACKUP, Project

SEED = "seed/pulumi-python:dynamic/velpharma:Seed"
CONTAINER = "server/docker:index/container:Container"
COUNTS = (2281, 29222)


@pytest.fixture(scope="module", autouse=True)
def _running(project: Project) -> None:
    project.up()


def test_up_from_nothing_serves_the_committed_counts(project: Project) -> None:
    assert project.counts() == COUNTS
    outputs = project.outputs()
    assert outputs["port"] == project.port
    assert outputs["rows"]["vpv4.products"] == "2281 rows"
    assert outputs["rows"]["vpv4.adverse_drug_reactions"] == "29222 rows"
    assert outputs["psql"].startswith("postgresql://velpharma:")
    assert f"Port={project.port};" in outputs["dotnet"]


def test_a_second_preview_up_and_refresh_change_nothing(project: Project) -> None:
    assert project.planned() == {}
    project.pulumi("preview", "--expect-no-changes", "--stack", project.stack)
    project.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", project.stack)
    project.pulumi("refresh", "--yes", "--expect-no-changes", "--stack", project.stack)
    assert project.planned() == {}


def test_the_program_causes_no_warning(project: Project) -> None:
    assert "warning" not in project.preview()


def test_a_changed_row_shows_in_preview_and_reloads(project: Project) -> None:
    before = project.content_hash()
    text = project.backup.read_text(encoding="utf-8")
    header = next(line for line in text.splitlines() if line.startswith("COPY vpv4.reaction_terms"))
    start = text.index(header) + len(header) + 1
    row = text[start : text.index("\n", start)]
    try:
        project.edit_backup(row, row.replace(row.split("\t")[-1], row.split("\t")[-1]))
        assert project.planned() == {}, "an edit that changes nothing must not reload"
        project.edit_backup("Ibuprofen", "Ibuprofen changed")
        assert project.planned() == {SEED: "replace"} or SEED in project.planned()
        there = project.databases()
        assert "contentId" in project.preview()
        assert project.databases() == there, "a preview loads nothing"
        project.up()
        assert project.content_hash() != before
        assert project.planned() == {}
    finally:
        project.run("git", "checkout", "--", BACKUP)
    project.up()
    assert project.content_hash() == before


def test_a_changed_header_and_gzip_reload_nothing(project: Project) -> None:
    packed = project.folder / "backups" / "packed.sql.gz"
    try:
        project.edit_backup("-- PostgreSQL database dump\n", "-- Dumped on another day\n")
        assert project.planned() == {}
        packed.write_bytes(gzip.compress(project.backup.read_bytes()))
        project.config("backup", "backups/packed.sql.gz")
        assert SEED not in {
            name for name, operation in project.planned().items() if operation != "update"
        }
        loaded = stamp_time(project)
        project.up()
        assert stamp_time(project) == loaded
    finally:
        project.pulumi("config", "rm", "backup", "--stack", project.stack, check=False)
        project.run("git", "checkout", "--", BACKUP)
        packed.unlink(missing_ok=True)
    project.up()


def stamp_time(project: Project) -> str:
    """Give the live database's stamp; it changes with every reload."""
    ((stamp,),) = project.query(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()"
    )
    return str(stamp)


def test_a_changed_schema_reloads_and_a_misfit_is_refused(project: Project) -> None:
    schema = project.folder / "postgres" / "init" / "02-create-schema.sql"
    loaded = stamp_time(project)
    before = project.content_hash()
    original = schema.read_text()
    try:
        schema.write_text(original + '\nCREATE TABLE :"schema".added_later (id int);\n')
        project.up()
        assert stamp_time(project) != loaded
        assert project.query("SELECT count(*) FROM vpv4.added_later") == [(0,)]
        schema.write_text(original + '\nALTER TABLE :"schema".products DROP COLUMN name CASCADE;\n')
        output = project.refused_up()
        assert "failed to" in output
        assert "Traceback" not in output
    finally:
        schema.write_text(original)
    project.up()
    assert project.content_hash() == before


def test_another_port_and_password_reload_nothing(project: Project) -> None:
    from tests.e2e.project import free_port

    loaded = stamp_time(project)
    old_port, project.port = project.port, free_port()
    try:
        project.config("port", str(project.port))
        assert project.planned()[SEED] == "update"
        project.up()
        assert stamp_time(project) == loaded
        project.config("password", "another $ecret'", "--secret")
        project.up()
        assert project.query("SELECT 1", password="another $ecret'") == [(1,)]
        ((stamp,),) = project.query(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE datname = current_database()",
            password="another $ecret'",
        )
        assert stamp == loaded
        state = project.pulumi("stack", "export", "--stack", project.stack)
        assert "another $ecret" not in state
    finally:
        project.pulumi("config", "rm", "password", "--stack", project.stack, check=False)
        project.port = old_port
        project.config("port", str(project.port))
    project.up()
    assert stamp_time(project) == loaded
    assert project.planned() == {}


def test_replacing_the_seed_brings_the_data_back_and_keeps_what_was_changed(
    project: Project,
) -> None:
    before = project.content_hash()
    project.query("DELETE FROM vpv4.adverse_drug_reactions WHERE true")
    project.query("CREATE TABLE vpv4.my_own (note text)")
    command = project.outputs()["reloadData"]
    project.run("sh", "-c", f"{command} --yes --skip-preview --non-interactive -s {project.stack}")
    assert project.content_hash() == before
    assert len(project.kept()) == 1


def test_replacing_the_volume_is_a_fresh_start(project: Project) -> None:
    before = project.content_hash()
    command = project.outputs()["wipeVolume"]
    project.run("sh", "-c", f"{command} --yes --skip-preview --non-interactive -s {project.stack}")
    assert project.content_hash() == before
    assert project.kept() == []
    assert project.planned() == {}
