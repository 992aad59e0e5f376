"""The doctor's judgements, each from plain facts: what it says, how bad, what to do."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgseed.databases.stamp import Stamp
from tests.support.pulumi_lock import write_lock
from toolchain.stack_lock import Holder, Lock, judged
from vpdb.doctor import docker, files, pulumi, server
from vpdb.doctor.docker import last_words
from vpdb.doctor.examination import CHECKS, judge
from vpdb.doctor.facts import (
    BackupFile,
    ContainerState,
    Disk,
    Engine,
    Facts,
    Idler,
    Port,
    Postgres,
    SlowLoader,
    StackState,
    Team,
    ToolVersions,
    Wanted,
)
from vpdb.doctor.finding import Finding, Level, exit_code
from vpdb.doctor.fixes import FIXES
from vpdb.doctor.ports import look_at_port
from vpdb.doctor.pulumi import look_at_state, pending
from vpdb.doctor.server import slow_loader, wanted_version
from vpdb.settings import Settings, load_settings

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS: Settings = load_settings(CHECKOUT, "dev")
ID, OTHER_ID = "a" * 64, "b" * 64


def a_lock(*, dead: bool | None) -> Lock:
    return Lock(Path("l"), Holder(7, socket.gethostname(), 0.0, "jan"), dead)


STAMP = Stamp(ID, label="backups/x.sql")

WELL = Facts(
    settings=SETTINGS,
    engine=Engine(True, client="28.2", server="28.2", address="unix:///var/run/docker.sock"),
    tools=ToolVersions(
        "3.256.0",
        {"pulumi": "3.272.0"},
        {"pulumi": "3.272.0"},
        {"docker": ("5.2.0",)},
        {"docker": "5.2.0"},
    ),
    state=StackState(exists=True),
    port=Port(5434, "127.0.0.1", "container velpharma-dev", ours=True),
    container=ContainerState(
        True, "running", image_current=True, published_port=5434, volume=SETTINGS.volume
    ),
    volume_exists=True,
    disk=Disk(50 << 30, 100 << 30, 50 << 30, 100 << 30),
    postgres=Postgres(
        version=170006,
        version_wanted=17,
        password_accepted=True,
        stamp=STAMP,
    ),
    backup=BackupFile(SETTINGS.backup, exists=True, size_bytes=5 << 20),
    wanted=Wanted(content=ID, schema="s2", source="backups/x.sql"),
    team=Team(in_git=True, upstream="origin/main"),
)


def postgres(**values: Any) -> Facts:
    assert WELL.postgres is not None
    return replace(WELL, postgres=replace(WELL.postgres, **values))


def loaded(**values: Any) -> Facts:
    return postgres(stamp=replace(STAMP, content_id=OTHER_ID, **values))


def container(**values: Any) -> Facts:
    assert WELL.container is not None
    return replace(WELL, container=replace(WELL.container, **values))


def backup(**values: Any) -> Facts:
    assert WELL.backup is not None
    return replace(WELL, backup=replace(WELL.backup, **values))


def test_a_healthy_stack_has_nothing_to_say() -> None:
    findings = judge(WELL)
    assert {name: f.level for name, f in findings.items()} == dict.fromkeys(CHECKS, Level.ok)
    assert exit_code(findings.values()) == 0


Check = Callable[[Facts], Finding]

CASES: list[tuple[str, Check, Facts, Level, str, str]] = [
    ("no docker", docker.check_engine, replace(WELL, engine=Engine(False)), Level.unreachable,
     "no docker command", "Install"),
    ("Docker not running", docker.check_engine,
     replace(WELL, engine=Engine(True, "cannot connect")),
     Level.unreachable, "cannot connect", "systemctl start docker"),
    ("not in the docker group", docker.check_engine,
     replace(WELL, engine=Engine(True, "permission denied while trying to connect to the Docker")),
     Level.unreachable, "permission denied", "sudo usermod -aG docker"),
    ("remote engine", docker.check_engine,
     replace(WELL, engine=Engine(True, address="ssh://x", local=False)), Level.trouble,
     "another machine", "docker context use default"),
    ("no pulumi", pulumi.check_tools, replace(WELL, tools=replace(WELL.tools, pulumi="")),
     Level.warning, "no pulumi", "bootstrap.py"),
    ("old package", pulumi.check_tools,
     replace(WELL, tools=replace(WELL.tools, packages={"pulumi": "3.1.0"})), Level.warning,
     "pulumi 3.1.0 instead of 3.272.0", "bootstrap.py up"),
    ("missing plugin", pulumi.check_tools, replace(WELL, tools=replace(WELL.tools, plugins={})),
     Level.warning, "plugin docker missing instead of 5.2.0", "bootstrap.py up"),
    ("killed up", pulumi.check_last_up,
     replace(WELL, state=StackState(exists=True, pending=("creating server",),
                               locks=(a_lock(dead=True),))),
     Level.trouble, "left its lock (process 7 of jan) while creating server", "bootstrap.py up"),
    ("half-finished up", pulumi.check_last_up,
     replace(WELL, state=StackState(exists=True, pending=("creating server",))), Level.trouble,
     "interrupted while creating server", "pulumi up --refresh"),
    ("up at work", pulumi.check_last_up,
     replace(WELL, state=StackState(exists=True, locks=(a_lock(dead=False),))),
     Level.note, "at work (process 7 of jan)", ""),
    ("lock of another machine", pulumi.check_last_up,
     replace(WELL, state=StackState(exists=True, locks=(a_lock(dead=None),))),
     Level.note, "at work", ""),
    ("never brought up", pulumi.check_last_up, replace(WELL, state=StackState()), Level.note,
     "never brought up", "bootstrap.py up"),
    ("port taken", docker.check_port,
     replace(WELL, port=Port(5434, "127.0.0.1", "process 9 (nc)", next_free=5435)),
     Level.trouble, "taken by process 9 (nc)", "stack NAME --port 5435"),
    ("port of one's own stack taken", docker.check_port,
     replace(WELL, settings=replace(SETTINGS, stack="mine"),
             port=Port(5440, "127.0.0.1", "process 9 (nc)", next_free=5441)),
     Level.trouble, "taken by process 9 (nc)", "stack mine --port 5441"),
    ("other port", docker.check_port, container(published_port=5440), Level.warning,
     "answers on 5440, the settings say 5434", "pulumi up"),
    ("container gone", docker.check_container, replace(WELL, container=ContainerState(False)),
     Level.unreachable, "is gone; its data is still in the volume", "pulumi up --refresh"),
    ("all gone", docker.check_container,
     replace(WELL, container=ContainerState(False), volume_exists=False),
     Level.unreachable, "velpharma-dev is gone", "bootstrap.py up"),
    ("stopped", docker.check_container, container(status="exited"), Level.unreachable, "(stopped)",
     "bootstrap.py up"),
    ("killed", docker.check_container, container(status="exited", exit_code=137), Level.unreachable,
     "(killed)", "data is kept"),
    ("out of memory", docker.check_container,
     container(status="exited", exit_code=137, out_of_memory=True), Level.unreachable,
     "out of memory", ""),
    ("paused", docker.check_container, container(status="paused"), Level.unreachable, "paused",
     "docker unpause"),
    ("crashed", docker.check_container,
     container(status="exited", exit_code=1, last_words="FATAL: x"), Level.unreachable,
     "exit code 1), its last words: FATAL: x", ""),
    ("unhealthy", docker.check_container, container(health="unhealthy"), Level.warning,
     "does not feel well", "logs"),
    ("old image", docker.check_container, container(image_current=False), Level.note, "older image",
     "pulumi up"),
    ("volume gone", docker.check_volume, replace(WELL, volume_exists=False), Level.trouble,
     "is gone, and the data in it", "load the backup"),
    ("other volume", docker.check_volume,
     replace(container(volume="old-data"), volume_exists=False), Level.warning, "is in old-data",
     "pulumi up --refresh"),
    ("disk full", docker.check_disk, replace(WELL, disk=Disk(0, 1 << 30, 5 << 30, 9 << 30)),
     Level.trouble, "the disk of the data volume is full: 0 B free", "prune"),
    ("backups full", docker.check_disk, replace(WELL, disk=Disk(5 << 30, 9 << 30, 0, 9 << 30)),
     Level.trouble, "the disk of backups/ is full", "prune"),
    ("server died of it", docker.check_disk,
     replace(container(status="exited", last_words="PANIC: No space left on device"),
             disk=Disk(None, None, 5 << 30, 9 << 30)),
     Level.trouble, "stopped because the disk was full", "prune"),
    ("disk nearly full", docker.check_disk, replace(WELL, disk=Disk(500 << 20, 9 << 30)),
     Level.warning, "500 MB of 9.0 GB free", "prune"),
    ("silent", server.check_server, postgres(error="no answer"), Level.unreachable, "no answer",
     "logs"),
    ("no mark", server.check_server, postgres(error="it has no mark", refused=True), Level.trouble,
     "no mark", ""),
    ("other version", server.check_server, postgres(version=160001), Level.trouble,
     "PostgreSQL 16 runs, the settings ask for 17", "wipeVolume"),
    ("no role", server.check_role, postgres(role_exists=False), Level.trouble,
     "no role velpharma", ""),
    ("wrong password", server.check_role, postgres(password_accepted=False), Level.trouble,
     "refuses the settings' password for velpharma", "doctor --fix"),
    ("superuser", server.check_role, postgres(role_is_superuser=True), Level.warning, "superuser",
     "NOSUPERUSER"),
    ("not the owner", server.check_role, postgres(role_owns_database=False), Level.warning,
     "does not own", "reset"),
    ("no database", server.check_content, postgres(live_exists=False), Level.unreachable,
     "no database velpdevdb", "refresh"),
    ("unknown data", server.check_content, postgres(stamp=None), Level.warning,
     "not loaded by this project", "pulumi up"),
    ("stale", server.check_content, loaded(), Level.warning,
     "this checkout has aaaaaaaaaaaa", "pulumi up"),
    ("other schema", server.check_content, loaded(schema_id="s1"),
     Level.warning, "postgres/init/ has another schema", "pulumi up"),
    ("undone", server.check_content, loaded(origin="undo"), Level.warning,
     "brought back by undo", "pulumi up"),
    ("held", server.check_content, loaded(origin="undo", held_for=ID), Level.note,
     "`pulumi up` leaves it", "python -m vpdb undo"),
    ("changed here", server.check_content, postgres(local_changes="vpv4.products (1 added)"),
     Level.note, "changed here: vpv4.products (1 added)", "reset"),
    ("bulk mode", server.check_bulk_mode, postgres(bulk_mode_s=60.0), Level.note, "on for 1 min",
     "bulk off"),
    ("bulk mode overdue", server.check_bulk_mode, postgres(bulk_mode_s=9 * 3600.0), Level.warning,
     "longer than 8 h", "bulk off"),
    ("autovacuum off", server.check_bulk_mode, postgres(autovacuum=False), Level.warning,
     "whole server", "ALTER SYSTEM RESET"),
    ("table without autovacuum", server.check_bulk_mode, postgres(autovacuum_off=("vpv4.x",)),
     Level.note, "off for vpv4.x", "RESET (autovacuum_enabled)"),
    ("blocker", server.check_locks, postgres(idle_in_transaction=(Idler(5, "DBeaver", 90, 2),)),
     Level.warning, "DBeaver is idle inside a transaction for 1 min 30 s and blocks 2 other",
     "pg_terminate_backend(5)"),
    ("sleeper", server.check_locks, postgres(idle_in_transaction=(Idler(5, "DBeaver", 900, 0),)),
     Level.note, "DBeaver is idle", "pg_terminate_backend(5)"),
    ("hung operation", server.check_locks, postgres(operation="vpdb load", operation_s=4000),
     Level.warning, "has held this project's lock for 1 h 6 min", "cleans up"),
    ("unfinished", server.check_leftovers, postgres(unfinished=("velpdevdb_build_1",)), Level.note,
     "left velpdevdb_build_1", "prune"),
    ("slow loader", server.check_loader,
     postgres(slow_loader=SlowLoader("VelLoader", 800, 801)),
     Level.warning, "VelLoader loads slowly: 800 commits/s for 801 rows/s", "bulk on"),
    ("no backup", files.check_backup, backup(exists=False), Level.note, "is loaded instead",
     "dump"),
    ("no backup, none to load", files.check_backup,
     replace(backup(exists=False), wanted=Wanted(error="the setting asks for it")),
     Level.trouble, "there is no", "asks for it"),
    ("refused backup", files.check_backup,
     backup(refused="x.sql: a Git LFS pointer", remedy="pull"),
     Level.trouble, "Git LFS pointer", "pull"),
    ("killed dump", files.check_backup, backup(leftovers=(Path("backups/.tmp-1"),)), Level.note,
     ".tmp-1", "doctor --fix"),
    ("too large", files.check_backup_size, backup(size_bytes=60 << 20), Level.warning,
     "60 MB; GitHub warns", "Git LFS"),
    ("team ahead", files.check_team,
     replace(WELL, team=Team(True, behind=2, upstream="origin/main")), Level.warning,
     "origin/main has 2 commits on the backup", "git pull"),
    ("changed file", files.check_team, replace(WELL, team=Team(True, modified=True)), Level.note,
     "not what is committed", "git checkout"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "facts", "level", "text", "remedy"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_each_trouble_has_its_line_and_its_remedy(
    check: Check, facts: Facts, level: Level, text: str, remedy: str
) -> None:
    finding = check(facts)
    assert finding.level == level
    assert text in finding.text
    assert remedy in finding.remedy
    assert "\n" not in finding.text + finding.remedy
    assert finding.fix == "" or finding.fix in FIXES


ALRIGHT: list[tuple[str, Check, Facts]] = [
    ("nobody has the port and nobody runs", docker.check_port,
     replace(WELL, port=Port(5434, "127.0.0.1"), container=ContainerState(False))),
    ("a large file in Git LFS", files.check_backup_size, backup(size_bytes=60 << 20, git_lfs=True)),
    ("a build under way is no leftover", server.check_leftovers,
     postgres(unfinished=("velpdevdb_build_1",), operation="vpdb load")),
    ("a short operation", server.check_locks, postgres(operation="vpdb load", operation_s=5)),
    ("an encrypted password is not judged", server.check_role, postgres(password_accepted=None)),
]  # fmt: skip


@pytest.mark.parametrize(("check", "facts"), [c[1:] for c in ALRIGHT], ids=[c[0] for c in ALRIGHT])
def test_what_is_alright_is_said_so(check: Check, facts: Facts) -> None:
    assert check(facts).level == Level.ok


def test_without_docker_nothing_inside_is_judged() -> None:
    facts = Facts(
        SETTINGS, Engine(True, error="not running"), backup=WELL.backup, wanted=WELL.wanted
    )
    findings = judge(facts)
    for name in ("port", "container", "volume", "server", "role", "content", "locks"):
        assert findings[name].level == Level.skipped
    assert exit_code(findings.values()) == 5


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ([], 0),
        ([Level.ok, Level.note, Level.skipped], 0),
        ([Level.warning, Level.note], 3),
        ([Level.trouble, Level.warning], 1),
        ([Level.trouble, Level.unreachable], 5),
    ],
)
def test_the_worst_decides_the_exit_code(levels: list[Level], code: int) -> None:
    assert exit_code([Finding(level, "") for level in levels]) == code


class TestSlowLoader:
    @staticmethod
    def look(at: float, commits: int, rows: int, *pids: int) -> list[dict[str, Any]]:
        return [
            {"pid": p, "who": f"loader {p}", "commits": commits, "rows": rows, "taken_at": at}
            for p in pids
        ]

    def test_a_commit_a_row_is_slow(self) -> None:
        found = slow_loader(self.look(1, 0, 0, 7), self.look(3, 400, 402, 7))
        assert found == SlowLoader("loader 7", 200, 201)

    @pytest.mark.parametrize(
        ("commits", "rows", "why"),
        [(2, 2000, "batches"), (400, 0, "only reads"), (4, 4, "somebody at a keyboard")],
    )
    def test_everything_else_is_not(self, commits: int, rows: int, why: str) -> None:
        assert slow_loader(self.look(1, 0, 0, 7), self.look(3, commits, rows, 7)) is None, why

    def test_who_ended_meanwhile_is_not_judged(self) -> None:
        assert slow_loader(self.look(1, 0, 0, 7), self.look(3, 400, 400, 8)) is None


@pytest.mark.parametrize(
    ("image", "version"),
    [("postgres:17-trixie", 17), ("registry/postgres:18", 18), ("velpharma-base:local", 0)],
)
def test_the_wanted_version_is_the_base_images(image: str, version: int) -> None:
    assert wanted_version(image) == version


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("x LOG:  ok\ny PANIC:  could not write: No space left on device\n",
         "PANIC: could not write: No space left on device"),
        ("a FATAL:  bad setting\nb FATAL:  the database system is shutting down\n",
         "FATAL: bad setting"),
        ("u@d psql: ERROR:  column x does not exist\n", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_last_words_name_a_cause_or_nothing(log: str, words: str) -> None:
    assert last_words(log) == words


class TestPorts:
    @pytest.fixture
    def taken(self) -> Iterator[int]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            yield listener.getsockname()[1]

    def test_a_listener_is_found_and_named(self, taken: int) -> None:
        found = look_at_port(taken, "127.0.0.1", "velpharma-none")
        assert found.holder.startswith(f"process {os.getpid()} (")
        assert not found.ours
        assert found.next_free > taken

    def test_a_free_port_has_no_holder(self, taken: int) -> None:
        free = look_at_port(taken, "127.0.0.1", "velpharma-none").next_free
        assert look_at_port(free, "127.0.0.1", "velpharma-none") == Port(free, "127.0.0.1")

    def test_a_port_of_another_stack_is_not_offered(self, taken: int) -> None:
        promised = range(taken + 1, taken + 4)
        found = look_at_port(taken, "127.0.0.1", "velpharma-none", promised)
        assert found.next_free > taken + 3


class TestPulumiState:
    def lay_out(self, folder: Path, latest: dict[str, Any]) -> Settings:
        stacks = folder / ".state" / ".pulumi" / "stacks" / "velpharma"
        stacks.mkdir(parents=True)
        document = {"version": 3, "checkpoint": {"latest": latest}}
        (stacks / "dev.json").write_text(json.dumps(document))
        (folder / "Pulumi.yaml").write_text((CHECKOUT / "Pulumi.yaml").read_text())
        return replace(SETTINGS, project_dir=folder)

    def test_nothing_there(self, tmp_path: Path) -> None:
        settings = self.lay_out(tmp_path, {})
        assert look_at_state(settings, {}) == StackState()

    def test_pending_operations_and_the_lock_of_a_dead_process(self, tmp_path: Path) -> None:
        urn = "urn:pulumi:dev::velpharma::docker:index/container:Container::server"
        operation = {"resource": {"urn": urn}, "type": "creating"}
        settings = self.lay_out(tmp_path, {"resources": [{}], "pending_operations": [operation]})
        locks = tmp_path / ".state/.pulumi/locks/organization/velpharma/dev"
        write_lock(locks, pid=dead_pid())
        (locks / "2.json").write_text("{damaged")
        state = look_at_state(settings, {})
        assert state.exists
        assert state.pending == ("creating server",)
        assert [(lock.holder.user, lock.dead) for lock in state.locks] == [("jan", True)]

    def test_a_damaged_state_is_named(self, tmp_path: Path) -> None:
        settings = self.lay_out(tmp_path, {})
        (tmp_path / ".state/.pulumi/stacks/velpharma/dev.json").write_text("{")
        assert "cannot be read" in look_at_state(settings, {}).error

    def test_the_lock_of_another_machine_is_not_judged(self, tmp_path: Path) -> None:
        write_lock(tmp_path, pid=1, host="elsewhere")
        (lock,) = judged(tmp_path)
        assert lock.dead is None
        assert lock.who == "process 1 of jan on elsewhere"

    def test_a_process_that_only_took_over_the_id_does_not_hold_the_lock(
        self, tmp_path: Path
    ) -> None:
        write_lock(tmp_path, pid=os.getpid(), at="2020-01-01T00:00:00.123456789Z")
        (lock,) = judged(tmp_path)
        assert lock.dead

    def test_the_repair_removes_a_dead_ones_lock_whole_and_no_other(self, tmp_path: Path) -> None:
        write_lock(tmp_path, pid=dead_pid())
        write_lock(tmp_path, pid=os.getpid(), name="2", at="2999-01-01T00:00:00Z")
        facts = replace(WELL, state=StackState(exists=True, locks=tuple(judged(tmp_path))))
        assert "the lock of the killed" in FIXES["clear_locks"](facts)
        assert {path.name for path in tmp_path.iterdir()} == {"2.json", "2.json.attrs"}

    def test_an_operation_without_a_name(self) -> None:
        assert list(pending({"pending_operations": [{}]})) == ["changing a resource"]


def dead_pid() -> int:
    """The id of a process that has just ended and was waited for."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child
