"""Which source is loaded, why, and what makes a content another one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from pgseed.errors import BackupRefused, FileMissing, SeedError
from pgseed.seed import Seed
from vpdb.seed_source import SEED_SQL, Content, choose_content, choose_source
from vpdb.settings import Settings, project_defaults

CHECKOUT = Path(__file__).resolve().parents[2]
HEADER = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n"
ROWS = "COPY vpv4.thing (id, name) FROM stdin;\n1\ta\n2\tb\n\\.\n\n"
SETVAL = "SELECT pg_catalog.setval('vpv4.thing_id_seq', 2, true);\n\n"
FOOTER = "--\n-- PostgreSQL database dump complete\n--\n\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    init = tmp_path / "postgres" / "init"
    init.mkdir(parents=True)
    (tmp_path / "backups").mkdir()
    shutil.copy(CHECKOUT / "Pulumi.yaml", tmp_path)
    for name in ("01-create-user.sql", "02-create-schema.sql", "03-create-extensions.sql"):
        (init / name).write_text(f"-- {name}\nSELECT 1;\n")
    (init / SEED_SQL).write_text(ROWS)
    (tmp_path / "backups" / "production_backup_data_only.sql").write_text(
        HEADER + ROWS + SETVAL + FOOTER
    )
    return tmp_path


def choose(project: Path, **values: Any) -> Content:
    name, defaults = project_defaults(project)
    return choose_content(project, Settings.from_values(project, name, "dev", values, defaults))


def test_the_backup_comes_first_then_the_seed_then_nothing(project: Path) -> None:
    assert choose(project).source == "backup"
    (project / "backups" / "production_backup_data_only.sql").unlink()
    seed = choose(project)
    assert (seed.source, seed.tables) == ("seed", {"vpv4.thing": 2})
    assert "there is no production_backup_data_only.sql" in seed.reason
    (project / "postgres" / "init" / SEED_SQL).unlink()
    empty = choose(project)
    assert (empty.source, empty.tables, empty.path) == ("empty", {}, None)
    assert "neither" in empty.reason


@pytest.mark.parametrize("source", ["backup", "seed", "empty"])
def test_the_setting_source_wins(source: str, project: Path) -> None:
    assert choose(project, source=source).source == source


def test_a_backup_named_by_the_settings_is_never_passed_over(project: Path) -> None:
    with pytest.raises(BackupRefused, match="the setting backup asks for it"):
        choose(project, backup="backups/missing.sql")
    (project / "backups" / "production_backup_data_only.sql").unlink()
    with pytest.raises(BackupRefused, match="the setting source asks for it"):
        choose(project, source="backup")


def test_a_missing_schema_file_is_told_in_one_line(project: Path) -> None:
    (project / "postgres" / "init" / "02-create-schema.sql").unlink()
    with pytest.raises(FileMissing, match=r"02-create-schema\.sql: there is no such file"):
        choose(project)


@pytest.mark.parametrize(
    "text",
    [
        HEADER.replace("database dump", "database dump\n-- Dumped on another day") + ROWS + SETVAL,
        HEADER + "SET lock_timeout = 0;\n" + ROWS + SETVAL,
        HEADER + "\n\n" + ROWS + "\n\n-- a comment\n" + SETVAL,
    ],
)
def test_comments_and_settings_do_not_count(text: str, project: Path) -> None:
    before = choose(project).content_id
    (project / "backups" / "production_backup_data_only.sql").write_text(text + FOOTER)
    assert choose(project).content_id == before


@pytest.mark.parametrize(
    ("old", "new"), [("1\ta", "1\tA"), ("1\ta\n2\tb", "2\tb\n1\ta"), ("_seq', 2", "_seq', 3")]
)
def test_one_changed_value_does(old: str, new: str, project: Path) -> None:
    before = choose(project).content_id
    path = project / "backups" / "production_backup_data_only.sql"
    path.write_text(path.read_text().replace(old, new))
    assert choose(project).content_id != before


@pytest.mark.parametrize("name", ["02-create-schema.sql", "03-create-extensions.sql"])
def test_the_schema_counts_and_its_line_endings_do_not(name: str, project: Path) -> None:
    before = choose(project).content_id
    path = project / "postgres" / "init" / name
    text = path.read_text()
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert choose(project).content_id == before
    path.write_text(text + "SELECT 2;\n")
    assert choose(project).content_id != before


def test_fields_do_not_run_into_each_other(tmp_path: Path) -> None:
    def seed_of(*texts: str, schema: str = "s", owner: str = "u") -> Seed:
        files = []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"{number}-{len(texts)}-{text}.sql")
            files[-1].write_text(text)
        return Seed(schema_files=tuple(files), schema=schema, owner=owner)

    ids = {
        seed_of("c").id_with("ab"),
        seed_of("bc").id_with("a"),
        seed_of("c", "").id_with("ab"),
        seed_of("c", schema="su", owner="").id_with("ab"),
        seed_of("abc").id,
    }
    assert len(ids) == 5


def test_every_choice_has_a_reason() -> None:
    for wanted in ("auto", "empty"):
        for backup in (False, True):
            for seed in (False, True):
                *_, reason = choose_source(
                    wanted=wanted,
                    backup=Path("b.sql"),
                    backup_exists=backup,
                    backup_is_default=True,
                    seed=Path("s.sql"),
                    seed_exists=seed,
                )
                assert reason


def test_a_backup_behind_a_url_is_fetched_once_and_named_by_its_setting(project: Path) -> None:
    elsewhere = project / "elsewhere.sql"
    backup = project / "backups" / "production_backup_data_only.sql"
    elsewhere.write_bytes(backup.read_bytes())
    pinned = {
        "backupUrl": elsewhere.as_uri(),
        "backupSha256": hashlib.sha256(elsewhere.read_bytes()).hexdigest(),
    }
    direct = choose(project)
    backup.unlink()
    fetched = choose(project, **pinned)
    assert fetched.content_id == direct.content_id
    assert fetched.reason == "the setting backupUrl names it"
    elsewhere.unlink()
    assert choose(project, **pinned).content_id == direct.content_id, "the download is kept"


def test_another_file_behind_the_url_is_refused(project: Path) -> None:
    elsewhere = project / "elsewhere.sql"
    elsewhere.write_text("-- not what was pinned\n")
    with pytest.raises(SeedError, match="not the pinned"):
        choose(project, backupUrl=elsewhere.as_uri(), backupSha256="0" * 64)


def test_the_roles_file_counts_for_what_is_run_and_not_for_what_is_loaded(project: Path) -> None:
    before = choose(project)
    path = project / "postgres" / "init" / "01-create-user.sql"
    path.write_text(path.read_text() + "SELECT 2;\n")
    after = choose(project)
    assert after.content_id == before.content_id
    assert after.seed.schema_id == before.seed.schema_id
    assert after.seed.init_id != before.seed.init_id
