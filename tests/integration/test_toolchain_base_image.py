"""The base image in use, official or built here, keeps the contract that postgres/ relies on."""

from __future__ import annotations

import gzip
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolchain.base_image import VARIABLE, chosen
from vpdb.settings import project_defaults

PROJECT = Path(__file__).resolve().parents[2]
READY = "PostgreSQL init process complete; ready for start up"

Run = Callable[..., str]


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    return done


@pytest.fixture(scope="module")
def base() -> str:
    default = project_defaults(PROJECT)[1]["baseImage"]
    image = os.environ.get(VARIABLE) or chosen(PROJECT / ".velpharma") or default
    if docker("image", "inspect", image, check=False).returncode:
        pytest.skip(f"base image {image} is not there: run `python3 bootstrap.py up` first")
    return str(image)


@pytest.fixture
def start(base: str) -> Iterator[Run]:
    """Give a function that runs a container in the background and names it."""
    made: list[str] = []

    def run(*flags: str, command: tuple[str, ...] = ()) -> str:
        name = f"velpharma-test-base-{secrets.token_hex(4)}"
        made.append(name)
        docker("run", "--detach", "--name", name, *flags, base, *command)
        return name

    try:
        yield run
    finally:
        for name in made:
            docker("rm", "--force", "--volumes", name)


def wait_for_log(container: str, text: str, *, limit_s: float = 45) -> str:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        log = docker("logs", container).stdout
        if text in log:
            return log
        time.sleep(0.1)
    raise AssertionError(f"{text!r} is not in the log:\n{docker('logs', container).stdout}")


def query(container: str, sql: str, database: str = "postgres") -> str:
    deadline = time.monotonic() + 20
    while True:
        flags = ("-h", "127.0.0.1", "-U", "postgres", "-d", database)
        done = docker("exec", container, "psql", "-At", *flags, "-c", sql, check=False)
        if done.returncode == 0 or time.monotonic() > deadline:
            assert done.returncode == 0, done.stdout
            return done.stdout.strip()
        time.sleep(0.1)


def exit_code(container: str) -> int:
    docker("wait", container)
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout)


def test_init_files_run_in_order_arguments_reach_the_server_and_data_survives(
    start: Run, tmp_path: Path
) -> None:
    init = tmp_path / "init"
    init.mkdir()
    (init / "01-first.sh").write_text(
        'psql -U postgres -d "$POSTGRES_DB" -c "CREATE TABLE t(x text)"'
    )
    (init / "02-second.sql").write_text("INSERT INTO t VALUES ('sql');\n")
    (init / "03-third.sql.gz").write_bytes(gzip.compress(b"INSERT INTO t VALUES ('gzip');\n"))
    (init / "_04-fourth.sql.disabled").write_text("DROP TABLE t;\n")
    (tmp_path / "password").write_text("secret\n")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    tmp_path.chmod(0o755)
    container = start(
        *("--volume", f"{init}:/docker-entrypoint-initdb.d:ro"),
        *("--volume", f"{tmp_path}/password:/run/password:ro"),
        *("--env", "POSTGRES_PASSWORD_FILE=/run/password", "--env", "POSTGRES_DB=odd name"),
        command=("-c", "max_connections=37"),
    )

    log = wait_for_log(container, READY)
    order = [log.index(name) for name in ("01-first.sh", "02-second.sql", "03-third.sql.gz")]
    assert order == sorted(order)
    assert "ignoring /docker-entrypoint-initdb.d/_04-fourth.sql.disabled" in log
    assert "secret" not in log
    assert query(container, "SELECT x FROM t ORDER BY 1", "odd name").split() == ["gzip", "sql"]
    assert query(container, "SHOW max_connections") == "37"
    assert query(container, "SHOW data_directory") == "/var/lib/postgresql/data"
    assert query(container, "SHOW listen_addresses") == "*"
    assert query(container, "SHOW server_version").startswith("17.")

    # SIGINT, the image's stop signal: a fast shutdown in spite of an open session.
    docker("exec", "--detach", container, "psql", "-U", "postgres", "-c", "SELECT pg_sleep(60)")
    started = time.monotonic()
    docker("stop", "-t", "30", container)
    assert time.monotonic() - started < 15
    assert "received fast shutdown request" in docker("logs", container).stdout

    docker("start", container)
    assert query(container, "SELECT count(*) FROM t", "odd name") == "2"
    assert docker("logs", container).stdout.count(READY) == 1, "the init files ran again"


def test_it_has_the_extensions_of_init_and_other_hosts_need_the_password(start: Run) -> None:
    server = start("--env", "POSTGRES_PASSWORD=right")
    wait_for_log(server, READY)
    wanted = "('pg_trgm', 'unaccent', 'pg_stat_statements', 'pg_prewarm', 'btree_gin')"
    found = query(server, f"SELECT count(*) FROM pg_available_extensions WHERE name IN {wanted}")
    assert found == "5"
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker("inspect", "--format", template, server).stdout.strip()
    for password, code in (("right", 0), ("wrong", 2)):
        client = start(
            *("--env", f"PGPASSWORD={password}"),
            command=("psql", "-h", address, "-U", "postgres", "-Atc", "SELECT 'let in'"),
        )
        assert exit_code(client) == code
        assert ("let in" in docker("logs", client).stdout) is (password == "right")


def test_without_a_password_it_refuses(start: Run) -> None:
    container = start()
    assert exit_code(container) == 1
    assert "POSTGRES_PASSWORD" in docker("logs", container).stdout


def test_a_failing_init_file_ends_the_start(start: Run, tmp_path: Path) -> None:
    (tmp_path / "01-bad.sql").write_text("SELECT no_such_function();\n")
    (tmp_path / "01-bad.sql").chmod(0o644)
    tmp_path.chmod(0o755)
    container = start(
        *("--volume", f"{tmp_path}:/docker-entrypoint-initdb.d:ro"),
        *("--env", "POSTGRES_HOST_AUTH_METHOD=trust"),
    )
    assert exit_code(container) != 0
    assert READY not in docker("logs", container).stdout


def test_the_image_says_where_data_and_port_are(base: str) -> None:
    template = "{{json .Config.Volumes}} {{json .Config.ExposedPorts}} {{.Config.StopSignal}}"
    said = docker("image", "inspect", "--format", template, base).stdout
    assert "/var/lib/postgresql/data" in said
    assert "5432/tcp" in said
    assert "SIGINT" in said
