"""A disk that is full where the backups are: the old one is untouched, and one line says so."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sample_data.generated_files import write_backup
from tests.integration.cli_stack import Stack
from tests.support.long_run import faults

BACKUP = "production_backup_data_only.sql"
CHANGE = "UPDATE vpv4.products SET storage_note = 'mine' || clock_timestamp()"

# Runs in mounts of its own, which end with it: a folder becomes a small disk that holds what the
# folder held, with some room; then commands, and what is on that disk afterwards.
SMALL_DISK = """
import base64, json, subprocess, sys
from pathlib import Path
folder, room, commands = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
held = {path.name: path.read_bytes() for path in folder.iterdir()}
page = 4096
pages = sum(-(-len(data) // page) for data in held.values()) + room // page
mount = ["mount", "-t", "tmpfs", "-o", f"size={pages * page}", "tmpfs", str(folder)]
subprocess.run(mount, check=True)
for name, data in held.items():
    (folder / name).write_bytes(data)
ran = [subprocess.run(command, capture_output=True, text=True) for command in commands]
print(json.dumps({
    "ran": [[done.returncode, done.stdout, done.stderr] for done in ran],
    "files": {p.name: base64.b64encode(p.read_bytes()).decode() if p.is_file() else ""
              for p in folder.iterdir()},
    "held": {name: base64.b64encode(data).decode() for name, data in held.items()},
}))
"""


@dataclass(frozen=True)
class Outcome:
    """Code, stdout and stderr of each command; the small disk's files afterwards and before."""

    ran: list[tuple[int, str, str]]
    files: dict[str, str]
    held: dict[str, str]


def on_small_disk(stack: Stack, room_bytes: int, *commands: tuple[str, ...]) -> Outcome:
    """Run commands of ours while `backups/` has so much room left."""
    lines = [[sys.executable, "-m", "vpdb", *command] for command in commands]
    done = subprocess.run(
        [
            *("unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])),
            *(sys.executable, "-c", SMALL_DISK),
            *(str(stack.folder / "backups"), str(room_bytes), json.dumps(lines)),
        ],
        cwd=stack.folder,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Outcome(**json.loads(done.stdout))


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """A stack whose live database differs from its backup."""
    backups = shared.folder / "backups"
    for path in backups.iterdir():
        path.unlink()
    write_backup(backups / BACKUP, 0.05)
    shared.configure()
    shared.load()
    shared.psql(CHANGE)
    return shared


def refused_for_room(text: str, code: int) -> None:
    """One line with cause and remedy."""
    assert code == 1, text
    (line,) = text.strip().splitlines()
    assert line.startswith("failed to dump the database: "), line
    assert "No space left on device" in line
    assert "is as it was" in line
    assert "free space in " in line


@pytest.mark.parametrize("share", [0.1, 0.9, *faults(0.0, 0.5, 0.98)])
def test_a_dump_without_room_leaves_the_old_backup_alone(stack: Stack, share: float) -> None:
    size = (stack.folder / "backups" / BACKUP).stat().st_size
    done = on_small_disk(stack, int(share * size), ("dump",), ("status",))
    (code, _, error), (stale, status, _) = done.ran
    refused_for_room(error, code)
    assert done.files == done.held, "byte by byte, and nothing beside it"
    assert stale == 4, status


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_nor_does_a_compressed_one(stack: Stack, suffix: str) -> None:
    assert stack.vpdb("dump", "--out", f"backups/{BACKUP}{suffix}").returncode == 0
    stack.psql(CHANGE)
    size = (stack.folder / "backups" / BACKUP).stat().st_size
    command = ("dump", "--out", f"backups/{BACKUP}{suffix}")
    done = on_small_disk(stack, int(1.02 * size), command)
    ((code, _, error),) = done.ran
    refused_for_room(error, code)
    assert done.files == done.held


def test_processes_that_copy_side_by_side_say_the_same(stack: Stack) -> None:
    # Large enough to be copied by several; see vpdb/backup/dump_writer.py.
    stack.psql(
        "CREATE TABLE vpv4.filling AS SELECT i, repeat('x', 900) AS x"
        " FROM generate_series(1, 30000) AS i"
    )
    init = stack.folder / "postgres" / "init" / "02-create-schema.sql"
    schema = init.read_text()
    init.write_text(schema + '\nCREATE TABLE :"schema".filling (i int, x text);\n')
    try:
        done = on_small_disk(stack, 9_000_000, ("dump",))
    finally:
        init.write_text(schema)
        stack.psql("DROP TABLE vpv4.filling")
    ((code, _, error),) = done.ran
    refused_for_room(error, code)
    assert done.files == done.held


def test_without_room_for_the_dated_copy_the_dump_itself_is_whole(
    stack: Stack, tmp_path: Path
) -> None:
    # The space of the old backup is free for the copy, so the new one has to be far larger.
    stack.psql("UPDATE vpv4.adverse_drug_reactions SET description = repeat('x', 1000)")
    whole = tmp_path / "whole.sql"
    assert stack.vpdb("dump", "--out", str(whole)).returncode == 0
    done = on_small_disk(stack, int(1.2 * whole.stat().st_size), ("dump",), ("status",))
    (code, _, error), (in_step, status, _) = done.ran
    assert code == 1
    (line,) = error.strip().splitlines()
    assert line.startswith("failed to keep a dated copy"), line
    assert "free space" in line
    assert list(done.files) == [BACKUP]
    assert base64.b64decode(done.files[BACKUP]) == whole.read_bytes()
    assert in_step == 0, f"the database that was dumped is adopted: {status}"


def test_a_release_without_room_ends_bulk_mode_and_is_made_once_there_is_some(stack: Stack) -> None:
    assert stack.vpdb("generate", "--scale", "0.06", "--yes").returncode == 0
    try:
        commands = ("release", "2026-11"), ("bulk", "status"), ("status",)
        done = on_small_disk(stack, 20_000, *commands)
        (code, _, error), (_, bulk, _), (stale, status, _) = done.ran
        refused_for_room(error, code)
        assert bulk == "bulk mode is off\n"
        assert stale == 4, status
        assert done.files == done.held
        again = stack.vpdb("release", "2026-11")
        assert again.returncode == 0, again.stderr
        assert stack.vpdb("status").returncode == 0
        assert b"Release 2026-11" in (stack.folder / "backups" / BACKUP).read_bytes()
    finally:
        for path in Path(stack.folder / "data").glob("*.csv"):
            path.unlink()
