"""A backup cut at every 64th part, in every form: refused, and the live database untouched."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest
import zstandard

from pgseed.errors import BackupRefused
from tests.integration.conftest import Stack, new_stacks
from tests.support.contents import rows_of
from tests.support.long_run import faults
from vpdb.server.docker_server import DockerServer

FORMS: dict[str, tuple[tuple[str, ...], Callable[[bytes], bytes], str]] = {
    "COPY": ((), bytes, ".sql"),
    "inserts": (("--column-inserts",), bytes, ".sql"),
    "gzip": ((), gzip.compress, ".sql.gz"),
    "zstd": ((), zstandard.ZstdCompressor(write_checksum=True).compress, ".sql.zst"),
    "archive": (("-Fc",), bytes, ".dump"),
}


@pytest.mark.parametrize("form", ["COPY", "archive", *faults("inserts", "gzip", "zstd")])
def test_every_truncation_is_refused(
    form: str, victim: DockerServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    flags, pack, suffix = FORMS[form]
    with new_stacks(victim, tmp_path_factory.mktemp("cut")) as make:
        stack: Stack = make()
        stack.load()
        whole = pack(stack.dump("--data-only", "--schema=vpv4", *flags))
        path = stack.folder / "backups" / f"cut{suffix}"
        path.write_bytes(whole)
        stack.load(backup=str(path))
        before, names = rows_of(stack.server, stack.live), stack.databases()
        for part in range(64):
            path.write_bytes(whole[: len(whole) * part // 64])
            with pytest.raises(BackupRefused):
                stack.load(backup=str(path))
        assert rows_of(stack.server, stack.live) == before
        assert stack.databases() == names
