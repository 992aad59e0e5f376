"""The image on its own: plain `docker run`, kills, old volumes, settings, memory."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest

from pgseed.errors import SeedError
from tests.support import memory
from tests.support.long_run import faults
from tests.support.server import CHECKOUT, free_port, image_tag
from vpdb import docker, image
from vpdb.docker import DockerFailed
from vpdb.server.server_probe import MARK_FILE

START_DEADLINE_S = 60


class Plain:
    """A container started by hand, with nothing but a password."""

    def __init__(self, name: str, volume: str, port: int) -> None:
        self.name, self.volume, self.port = name, volume, port

    def run(
        self, *arguments: str, password: str | None = "secret", command: tuple[str, ...] = ()
    ) -> None:
        """Start it; without a password, with one that nobody knows, as the Pulumi program does."""
        given = f"={password}" if password else "_FILE=/proc/sys/kernel/random/uuid"
        docker.run(
            *("run", "--detach", "--name", self.name),
            *("--publish", f"127.0.0.1:{self.port}:5432"),
            *("--volume", f"{self.volume}:{memory.DATA}"),
            *("--env", f"POSTGRES_PASSWORD{given}", *arguments, image_tag(), *command),
        )

    def connect(
        self, user: str = "velpharma", database: str = "velpdevdb"
    ) -> psycopg2.extensions.connection:
        end = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                connection = psycopg2.connect(
                    host="127.0.0.1",
                    port=self.port,
                    user=user,
                    password="secret",
                    dbname=database,
                    connect_timeout=2,
                )
            except psycopg2.OperationalError as error:
                if time.monotonic() > end or "password" in str(error):
                    raise
                time.sleep(0.1)
            else:
                connection.autocommit = True
                return connection

    def ask(self, statement: str, user: str = "velpharma") -> list[tuple[object, ...]]:
        connection = self.connect(user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def ask_inside(self, statement: str) -> str:
        """Ask as the superuser over the container's socket, once it is listening for everybody."""
        ready = "until pg_isready -q -h 127.0.0.1; do sleep 0.1; done"
        ask = 'exec psql -X -At -U postgres -d velpdevdb -c "$1"'
        command = ["sh", "-ec", f"{ready}; {ask}", "sh", statement]
        return docker.execute(self.name, command, timeout_s=START_DEADLINE_S).decode().strip()

    def remove(self) -> None:
        docker.run("rm", "--force", self.name)


@contextmanager
def new_plain() -> Iterator[Plain]:
    name = f"image-test-{secrets.token_hex(4)}"
    plain = Plain(name, f"{name}-data", free_port())
    try:
        memory.make_volume(plain.volume, image_tag())
        yield plain
    finally:
        plain.remove()
        memory.remove_volume(plain.volume)


@pytest.fixture(scope="module")
def started() -> Iterator[Plain]:
    with new_plain() as plain:
        plain.run()
        yield plain


@pytest.fixture
def plain() -> Iterator[Plain]:
    with new_plain() as made:
        yield made


def test_plain_docker_run_gives_database_schema_and_extensions(started: Plain) -> None:
    assert started.ask("SELECT current_database(), current_schema(), count(*) FROM products") == [
        ("velpdevdb", "vpv4", 0)
    ]
    extensions = started.ask("SELECT extname FROM pg_extension ORDER BY 1")
    assert {"pg_trgm", "unaccent", "pg_stat_statements"} <= {str(name) for (name,) in extensions}
    assert started.ask("SELECT count(*) > 0 FROM pg_stat_statements") == [(True,)]


def test_without_a_stack_there_is_no_mark(started: Plain) -> None:
    assert not started.ask("SELECT FROM pg_roles WHERE rolname = 'vpdb'", "postgres")
    assert docker.read_file(started.name, f"{memory.DATA}/pgdata/{MARK_FILE}") is None


def test_the_container_becomes_healthy(started: Plain) -> None:
    end = time.monotonic() + START_DEADLINE_S
    while True:
        state = docker.run("inspect", "--format", "{{.State.Health.Status}}", started.name)
        if state.decode().strip() == "healthy":
            return
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_health_check_that_takes_too_long_ends_no_session(plain: Plain) -> None:
    """Docker kills it; its exit code must not reach PostgreSQL, process 1, as a session's crash."""
    plain.run("--health-interval=1s", "--health-timeout=1s")
    plain.ask("SELECT 1")
    lock = "BEGIN; LOCK pg_database IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT"
    plain.ask_inside(lock)
    checks = docker.run("inspect", "--format", "{{json .State.Health.Log}}", plain.name)
    assert b"exceeded timeout" in checks
    assert "terminating any other active" not in docker.logs(plain.name, lines=200)


def test_every_setting_of_the_settings_file_is_in_force(started: Plain) -> None:
    names = [
        line.split("=")[0].strip()
        for line in (CHECKOUT / "postgres" / "velpharma.conf").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert not started.ask("SELECT * FROM pg_file_settings WHERE error IS NOT NULL", "postgres")
    found = started.ask(
        "SELECT name FROM pg_file_settings WHERE applied"
        " AND sourcefile = '/etc/postgresql/velpharma.conf'",
        "postgres",
    )
    assert sorted(str(name) for (name,) in found) == sorted(names)
    assert started.ask("SHOW fsync") == started.ask("SHOW synchronous_commit") == [("on",)]


def test_sorting_does_not_depend_on_the_base_images_c_library(started: Plain) -> None:
    assert started.ask(
        "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database"
        " WHERE datname = current_database()"
    ) == [("b", "C.UTF-8", "UTF8")]


def test_a_parallel_query_needs_no_larger_shared_memory_of_docker(started: Plain) -> None:
    """Docker's 64 MB of /dev/shm would end this one: "could not resize shared memory segment"."""
    connection = started.connect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET work_mem = '400MB'; SET max_parallel_workers_per_gather = 2;"
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
            "SET min_parallel_table_scan_size = 0; SET enable_mergejoin = off;"
            "CREATE TABLE public.wide AS SELECT n, repeat('x', 100) AS x"
            " FROM generate_series(1, 1000000) n; ANALYZE public.wide"
        )
        statement = "SELECT count(a.x), count(b.x) FROM public.wide a JOIN public.wide b USING (n)"
        cursor.execute(f"EXPLAIN {statement}")
        assert "Parallel Hash" in str(cursor.fetchall())
        cursor.execute(statement)
        assert cursor.fetchone() == (1_000_000, 1_000_000)
        cursor.execute("DROP TABLE public.wide")
    connection.close()


def test_an_old_volume_keeps_its_password_and_gets_the_settings_of_the_image(
    plain: Plain,
) -> None:
    plain.run(command=("postgres",))  # the settings that initdb wrote into the volume
    assert plain.ask("SHOW wal_level") == [("replica",)]
    plain.remove()
    plain.run(password="another")
    assert plain.ask("SHOW wal_level") == [("minimal",)]
    plain.remove()
    conf = "config_file=/etc/postgresql/velpharma.conf"
    plain.run(command=("postgres", "-c", conf, "-c", "work_mem=77MB"))
    assert plain.ask("SHOW work_mem") == [("77MB",)], "single settings can be added behind the file"
    assert plain.ask("SHOW wal_level") == [("minimal",)]


@pytest.mark.parametrize("password", ["secret", None])
@pytest.mark.parametrize("moment_s", [0.8, *faults(0.3, 1.3, 1.8)])
def test_a_first_start_that_is_killed_begins_again(
    plain: Plain, moment_s: float, password: str | None
) -> None:
    plain.run(password=password)
    time.sleep(moment_s)
    docker.run("kill", plain.name)
    docker.run("start", plain.name)
    assert plain.ask_inside("SELECT count(*) FROM vpv4.products") == "0"


def test_a_server_with_an_unknown_password_starts_from_the_cluster_of_the_image(
    plain: Plain, started: Plain
) -> None:
    plain.run(password=None)
    clusters = (
        "SELECT datname, datlocprovider, datlocale, encoding, datcollate"
        " FROM pg_database WHERE datistemplate OR datname = 'postgres' ORDER BY 1"
    )
    assert plain.ask_inside(clusters) == started.ask_inside(clusters)
    log = docker.logs(plain.name, lines=1000)
    assert "copying the cluster" in log
    assert "running bootstrap script" not in log
    for file in ("PG_VERSION", "pg_hba.conf", "pg_ident.conf", "postgresql.conf"):
        made, own = (
            docker.read_file(x.name, f"{memory.DATA}/pgdata/{file}") for x in (plain, started)
        )
        assert made
        assert made == own, file
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        plain.connect("postgres")


def test_other_arguments_than_the_builds_get_an_initdb_of_their_own(plain: Plain) -> None:
    plain.run("--env", "POSTGRES_INITDB_ARGS=--data-checksums", password=None)
    assert plain.ask_inside("SHOW data_checksums") == "on"
    assert "copying the cluster" not in docker.logs(plain.name, lines=1000)


def test_a_failing_init_file_fails_each_start_alike(plain: Plain, tmp_path: Path) -> None:
    """The official entrypoint alone would serve the half-made cluster at the second start."""
    (tmp_path / "50-broken.sql").write_text("SELECT 1/0;")
    tmp_path.chmod(0o755)
    broken = f"{tmp_path}/50-broken.sql:/docker-entrypoint-initdb.d/50-broken.sql:ro"
    plain.run("--volume", broken)
    for _ in range(2):
        assert docker.run("wait", plain.name).decode().strip() != "0"
        assert "division by zero" in docker.logs(plain.name, lines=30)
        docker.run("start", plain.name)
    docker.run("wait", plain.name)


def test_a_finished_cluster_survives_kills_and_is_never_begun_again(plain: Plain) -> None:
    plain.run()
    plain.ask(
        "INSERT INTO manufacturers (manufacturer_code, name, country_code, city)"
        " VALUES ('MF-0001', 'Stays GmbH', 'DE', 'Jena')"
    )
    for _ in range(3):
        docker.run("kill", plain.name)
        docker.run("start", plain.name)
    assert plain.ask("SELECT name FROM manufacturers") == [("Stays GmbH",)]
    with pytest.raises(DockerFailed):
        docker.execute(plain.name, ["test", "-e", f"{memory.DATA}/pgdata.unfinished"])


def test_a_seed_file_that_is_switched_on_is_loaded(plain: Plain) -> None:
    seed = CHECKOUT / "postgres" / "init" / "_05-seed-base.sql.disabled"
    plain.run("--volume", f"{seed}:/docker-entrypoint-initdb.d/05-seed-base.sql:ro")
    assert plain.ask("SELECT count(*) FROM product_reactions") == [(4,)]


def test_the_image_builds_from_a_checkout_with_a_strict_umask(tmp_path: Path) -> None:
    """Git keeps no modes but the executable bit; the files must be readable in the container."""
    context = tmp_path / "postgres"
    shutil.copytree(CHECKOUT / "postgres", context, ignore=shutil.ignore_patterns("offline-base"))
    for path in context.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    tag = f"image-test-{secrets.token_hex(4)}:umask"
    # On the finished image: all that counts here is the modes of what is copied. By its tag, for
    # BuildKit takes an image's id for the name of one to pull.
    image.ensure_built(tag, context, base_image=image_tag())
    try:
        with new_plain() as plain:
            docker.run(
                *("run", "--detach", "--name", plain.name, "--env", "POSTGRES_PASSWORD=secret"),
                *("--publish", f"127.0.0.1:{plain.port}:5432"),
                *("--volume", f"{plain.volume}:{memory.DATA}", tag),
            )
            assert plain.ask("SELECT count(*) FROM products") == [(0,)]
    finally:
        docker.run("rmi", tag)


def test_a_failing_build_says_what_its_step_said(tmp_path: Path) -> None:
    """With whichever builder this machine's docker command uses."""
    step = 'RUN echo "wants nosuch" && echo "E: Unable to locate package nosuch" >&2 && exit 100'
    (tmp_path / "Dockerfile").write_text(f"ARG BASE_IMAGE\nFROM $BASE_IMAGE\n{step}\n")
    tag = f"image-test-{secrets.token_hex(4)}:fails"
    with pytest.raises(SeedError) as failure:
        image.ensure_built(tag, tmp_path, base_image=image_tag())
    text = str(failure.value)
    assert text.startswith(f"failed to build image {tag}: ")
    # The builder passes the step's two outputs on as they come, in either order.
    cause = text.partition("The command")[0]
    assert "wants nosuch" in cause
    assert "E: Unable to locate package nosuch" in cause
    assert "100" in text
