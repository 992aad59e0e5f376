"""A disk that fills up during a load: refused in one line, nothing lost, and it goes on later."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from pgseed.errors import ServerUnreachable
from tests.faults.conftest import Arena
from tests.integration.conftest import new_stacks
from tests.support import memory
from tests.support.backups import without_last_row
from tests.support.contents import ask
from tests.support.long_run import faults
from tests.support.server import REAL_BACKUP, image_tag, running_server
from vpdb import docker

FILLER = f"{memory.DATA}/filler"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Arena, str]]:
    """A server on a volume of 400 MB in memory; a second container keeps the volume mounted."""
    name = f"vpdb-test-disk-{secrets.token_hex(4)}"
    try:
        memory.make_volume(name, image_tag(), size="size=400m", always=True)
        with running_server(volume=name) as server:
            # The image's 2 GB of write-ahead log alone would fill this disk, between faults too.
            for setting in ("max_wal_size = '64MB'", "min_wal_size = '32MB'"):
                ask(server, "postgres", f"ALTER SYSTEM SET {setting}")
            ask(server, "postgres", "SELECT pg_reload_conf()")
            folder = tmp_path_factory.mktemp("disk")
            with new_stacks(server, folder) as make:
                new = folder / "new.sql"
                new.write_bytes(
                    without_last_row(REAL_BACKUP.read_bytes(), "vpv4.adverse_drug_reactions")
                )
                arena = Arena(make(), REAL_BACKUP, new)
                arena.run("load", new, templates=0)
                arena.new_rows = arena.rows()
                arena.run("load", REAL_BACKUP, templates=0)
                arena.old_rows = arena.rows()
                yield arena, name
    finally:
        memory.remove_volume(name)


@pytest.mark.parametrize(
    "left_mb",
    [12, *faults(0, 1, 2, 4, 8, 16, 20, 24, 28, 32)],
)
def test_a_disk_fills_up_during_a_load(small_disk: tuple[Arena, str], left_mb: int) -> None:
    arena, holder = small_disk
    arena.run("load", arena.old, templates=0)
    docker.execute(holder, ["rm", "-f", FILLER])
    free = docker.execute(holder, ["df", "--output=avail", "-B1", memory.DATA]).split()[-1]
    # What the server writes behind the load before may need the same room at the same time.
    fill = f"head -c {max(0, int(free) - left_mb * MEGABYTE)} /dev/zero > {FILLER} || true"
    docker.execute(holder, ["sh", "-c", fill])
    child = arena.start("load", arena.new)
    output = child.communicate(timeout=120)[0]
    docker.execute(holder, ["rm", "-f", FILLER])
    assert "Traceback" not in output
    if child.returncode:
        assert output.startswith("refused: failed to "), output
    try:
        arena.find_server_again()
    except ServerUnreachable:  # no room even for the write-ahead log, or for its recovery
        docker.run("start", arena.server.container)
        arena.find_server_again()
    # Refused behind the swap, where the old database is dropped, the new content is live already.
    arena.is_one_content((arena.old_rows, arena.new_rows))
    arena.run("load", arena.new, templates=0)
    arena.is_one_content((arena.new_rows,))
    arena.has_nothing_left_over()
