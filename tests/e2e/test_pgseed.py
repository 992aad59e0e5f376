"""The library alone: its wheel in an empty environment, its README against a plain PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pgseed
from tests.support.server import free_port

LIBRARY = Path(pgseed.__file__).parent
SCHEMA = """\
CREATE SCHEMA app;
CREATE TABLE app.team (id int PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE app.person (
    id int PRIMARY KEY, team_id int NOT NULL REFERENCES app.team, born date,
    CHECK (born > DATE '1900-01-01')
);
CREATE INDEX ON app.person (team_id);
"""
BACKUP = """\
--
-- PostgreSQL database dump
--

COPY app.person (id, team_id, born) FROM stdin;
1\t2\t1970-01-01
2\t1\t\\N
\\.

COPY app.team (id, name) FROM stdin;
1\treds
2\tblues
\\.

--
-- PostgreSQL database dump complete
--
"""


def binaries() -> Path | None:
    """Find the programs of an installed PostgreSQL server, the newest of several."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    programs = [*debian, *([Path(found)] if found else [])]
    return next((p.parent for p in reversed(programs) if (p.parent / "postgres").exists()), None)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the library's wheel and what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, LIBRARY], check=True)
    (wheel,) = folder.glob("pgseed-*.whl")
    subprocess.run([*pip, "install", wheel], check=True)
    return python


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A PostgreSQL of this machine's own, in which `app` may create databases and nothing more."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("cluster")
    data, number = folder / "data", free_port()
    # PostgreSQL's programs refuse to run as root.
    as_user: list[str | Path] = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if os.geteuid() != 0:
        as_user = []
    else:
        shutil.chown(folder, "nobody", "nogroup")
        for parent in folder.parents:
            if parent.owner() == "root" and parent != Path("/tmp") and len(parent.parts) > 2:
                parent.chmod(0o755)
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "admin",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
    options = f"-p {number} -k {folder} -c fsync=off -c listen_addresses=127.0.0.1"
    control: list[str | Path] = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    start: list[str | Path] = ["-l", folder / "log", "-o", options, "start"]
    subprocess.run([*control, *start], check=True, cwd=folder)
    try:
        admin = ["psql", "-h", "127.0.0.1", "-p", str(number), "-U", "admin", "-d", "postgres"]
        subprocess.run([*admin, "-c", "CREATE ROLE app LOGIN CREATEDB"], check=True)
        yield number
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=folder)


def readme_lines(port: int) -> str:
    text = (LIBRARY / "README.md").read_text(encoding="utf-8")
    lines: str
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "localhost:5432" in lines
    return lines.replace("localhost:5432", f"localhost:{port}")


def test_the_readmes_lines_work_against_a_plain_server(
    python: Path, port: int, tmp_path: Path
) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA)
    (tmp_path / "backup.sql").write_text(BACKUP)
    done = subprocess.run(
        [python, "-c", readme_lines(port)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["built", "False"]
    again = (tmp_path / "backup.sql").read_text()
    assert "2\tblues" in again
    assert "1\t2\t1970-01-01" in again


def test_the_public_names_are_there_and_nothing_heavy_comes_with_the_package() -> None:
    code = (
        "import sys, pgseed; assert 'psycopg2' not in sys.modules;"
        "assert [n for n in pgseed.__all__ if not hasattr(pgseed, n)] == []"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=LIBRARY.parent)
