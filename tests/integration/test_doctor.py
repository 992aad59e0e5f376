"""Each trouble made for real, and what the doctor says of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.integration.cli_stack import Stack, docker, new_stack, wait_until
from tests.support.pulumi_lock import write_lock
from tests.support.server import CHECKOUT, wait_for

BACKUP = CHECKOUT / "backups" / "production_backup_data_only.sql"
SEED = "postgres/init/_05-seed-base.sql.disabled"


@pytest.fixture
def stack(shared: Stack) -> Iterator[Stack]:
    """The shared stack, well: freshly loaded, no backup file, its own settings and password."""
    shared.configure()
    shared.load()
    yield shared
    shutil.rmtree(shared.folder / "backups")
    (shared.folder / "backups").mkdir()


class Answer:
    """What `doctor` said: its lines by check, and its exit code."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert "Traceback" not in done.stderr, done.stderr
        self.code = done.returncode
        self.text = done.stdout
        self.lines: dict[str, str] = {}
        for line in done.stdout.splitlines():
            level, rest = line[:8].strip(), line[8:]
            self.lines[rest[:17].strip()] = f"{level}: {rest[17:]}"

    def __getitem__(self, check: str) -> str:
        return self.lines[check]


def doctor(stack: Stack, *args: str, env: Mapping[str, str] | None = None) -> Answer:
    return Answer(stack.vpdb("doctor", *args, env=env))


def test_a_healthy_stack(stack: Stack) -> None:
    answer = doctor(stack)
    checks = ["port", "volume", "disk", "server", "role", "content", "locks"]
    # A container of another image than this checkout's is only worth a note.
    assert answer["container"].endswith("runs") or "older image" in answer["container"]
    assert {name: answer[name].split(":")[0] for name in checks} == dict.fromkeys(checks, "ok")
    document = json.loads(stack.vpdb("doctor", "--json").stdout)
    assert document["server"]["level"] == "ok"
    assert document["backup"]["level"] == "note"


class TestBackupNotLoading:
    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda text: "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs"),
            (lambda text: text[: len(text) // 2], "truncated"),
            (lambda text: text.replace("\n", "\r\n"), "CR LF"),
            (lambda text: "", "empty"),
            (lambda text: text + "\\! touch /tmp/owned\n", "line"),
        ],
        ids=["lfs", "truncated", "crlf", "empty", "hostile"],
    )
    def test_the_file_is_named_with_its_damage_and_remedy(
        self, stack: Stack, damage: Callable[[str], str], words: str
    ) -> None:
        text = (stack.folder / SEED).read_text(encoding="utf-8")
        path = stack.folder / "backups" / BACKUP.name
        path.write_bytes(damage(text).encode())
        answer = doctor(stack)
        assert answer.code == 1
        line = answer["backup"]
        assert line.startswith("trouble: production_backup_data_only.sql")
        assert words.lower() in line.lower()
        assert "->" in line

    def test_a_missing_file_that_the_settings_ask_for(self, stack: Stack) -> None:
        stack.configure(source="backup")
        answer = doctor(stack)
        assert answer.code == 1
        assert "there is no" in answer["backup"]


class TestSlowLoader:
    def test_a_commit_a_row_is_seen_and_told(self, stack: Stack) -> None:
        stack.psql("CREATE TABLE vpv4.loaded (a int); ALTER TABLE vpv4.loaded OWNER TO velpharma")
        ended = threading.Event()

        def load() -> None:
            with closing(stack.connect("VelLoader")) as session, session.cursor() as cursor:
                session.autocommit = True
                while not ended.is_set():
                    cursor.execute("INSERT INTO vpv4.loaded VALUES (1)")

        thread = threading.Thread(target=load)
        thread.start()
        try:
            wait_until(lambda: stack.psql("SELECT count(*) > 20 FROM vpv4.loaded") == "t")
            answer = doctor(stack)
        finally:
            ended.set()
            thread.join()
            stack.psql("DROP TABLE vpv4.loaded")
        assert answer["loader"].startswith("warning: VelLoader, velpharma")
        assert "about one row a commit" in answer["loader"]
        assert "bulk on" in answer["loader"]
        assert "vpdb load" in answer["loader"]

    def test_who_waits_for_a_forgotten_transaction(self, stack: Stack) -> None:
        holder, loader = stack.connect("DBeaver"), stack.connect("VelLoader")
        with closing(holder), closing(loader):
            pid = holder.info.backend_pid
            holder.cursor().execute("LOCK TABLE vpv4.products IN SHARE MODE")
            thread = threading.Thread(
                target=lambda: (
                    loader.cursor().execute("DELETE FROM vpv4.adverse_drug_reactions")
                    or loader.cursor().execute("UPDATE vpv4.products SET updated_at = now()")
                )
            )
            thread.start()
            try:
                wait_until(
                    lambda: stack.psql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
                )
                answer = doctor(stack)
            finally:
                holder.rollback()
                thread.join()
        assert answer["locks"].startswith("warning: DBeaver, velpharma")
        assert "blocks 1 other session" in answer["locks"]
        assert f"pg_terminate_backend({pid})" in answer["locks"]


def test_too_large_for_git(stack: Stack) -> None:
    seed = (stack.folder / SEED).read_text(encoding="utf-8")
    path = stack.folder / "backups" / BACKUP.name
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for _ in range(560):
            out.write("-- padding\n" * 9000)
        out.write(seed)
    answer = doctor(stack)
    assert answer["backup size"].startswith("warning: ")
    assert "GitHub warns from 50 MB" in answer["backup size"]
    assert "Git LFS" in answer["backup size"]


class TestDifferentDataAcrossTheTeam:
    def git(self, folder: Path, *args: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)

    def test_a_newer_backup_upstream_and_one_not_loaded_yet(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        origin, mate = tmp_path / "origin.git", tmp_path / "mate"
        seed = stack.folder / SEED
        path = stack.folder / "backups" / BACKUP.name
        shutil.copy2(seed, path)
        self.git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
        try:
            self.git(stack.folder, "init", "-q", "-b", "main")
            self.git(stack.folder, "add", "backups", "postgres")
            self.git(stack.folder, "commit", "-qm", "data")
            self.git(stack.folder, "remote", "add", "origin", str(origin))
            self.git(stack.folder, "push", "-qu", "origin", "main")
            stack.load()
            assert doctor(stack)["team"] == "ok: as origin/main when last fetched"

            self.git(tmp_path, "clone", "-q", str(origin), str(mate))
            theirs = mate / "backups" / BACKUP.name
            theirs.write_text(theirs.read_text().replace("Bayer", "Beyer"))
            theirs.write_text(theirs.read_text() + "-- another month\n")
            self.git(mate, "commit", "-qam", "november")
            self.git(mate, "push", "-q")
            self.git(stack.folder, "fetch", "-q")
            behind = doctor(stack)
            assert behind["team"].startswith("warning: origin/main has 1 commit on the backup")
            assert "git pull" in behind["team"]

            path.write_text(path.read_text() + "-- a note\n")
            self.git(stack.folder, "reset", "-q", "--hard", "origin/main")
            self.git(stack.folder, "config", "user.name", "t")
            changed_row = _change_one_row(path)
            answer = doctor(stack)
            assert changed_row
            assert answer["content"].startswith("warning: it holds")
            assert "pulumi up" in answer["content"]
            assert answer["team"].startswith("note: the backup or the schema here is not what is")
        finally:
            shutil.rmtree(stack.folder / ".git", ignore_errors=True)


def _change_one_row(path: Path) -> bool:
    """Alter a value inside the rows, not a comment."""
    text = path.read_text(encoding="utf-8")
    changed = text.replace("\tKopfschmerzen\t", "\tKopfweh\t", 1)
    path.write_text(changed, encoding="utf-8")
    return changed != text


class TestPortTaken:
    def test_by_a_process(self, stack: Stack) -> None:
        docker("stop", stack.container)
        try:
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", stack.port))
                listener.listen()
                answer = doctor(stack)
        finally:
            docker("start", stack.container)
            wait_for(stack.server)
        assert answer.code == 5
        assert f"taken by process {os.getpid()}" in answer["port"]
        # The team's stack keeps its port: bootstrap.py would refuse another one.
        assert "bootstrap.py stack NAME --port" in answer["port"]

    def test_by_another_stacks_container(self, stack: Stack) -> None:
        answer = doctor(stack, "--stack", "second")
        assert f"taken by container {stack.container}" not in answer.text
        (stack.folder / "Pulumi.second.yaml").write_text(
            f"config:\n  {stack.project}:port: {stack.port}\n"
        )
        answer = doctor(stack, "--stack", "second")
        assert f"taken by container {stack.container}" in answer["port"]


class TestContainer:
    def test_stopped_and_started_again_by_fix(self, stack: Stack) -> None:
        docker("stop", stack.container)
        answer = doctor(stack)
        assert answer.code == 5
        assert "does not run (stopped)" in answer["container"]
        assert "doctor --fix` repairs" in answer.text
        fixed = doctor(stack, "--fix")
        assert f"fixed: started {stack.container}" in fixed.text
        assert fixed["server"].startswith("ok")

    def test_killed(self, stack: Stack) -> None:
        docker("kill", stack.container)
        assert "does not run (killed)" in doctor(stack)["container"]
        assert doctor(stack, "--fix")["server"].startswith("ok")

    def test_paused(self, stack: Stack) -> None:
        docker("pause", stack.container)
        assert "is paused" in doctor(stack)["container"]
        assert doctor(stack, "--fix")["server"].startswith("ok")


class TestGone:
    """On a stack of its own: what is taken away does not come back by itself."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[Stack]:
        made = new_stack(tmp_path)
        try:
            made.create()
            remember(made)
            yield made
        finally:
            made.remove()

    def test_first_the_container_then_the_volume(self, own: Stack) -> None:
        docker("rm", "--force", own.container)
        answer = doctor(own)
        assert answer.code == 5
        assert f"{own.container} is gone; its data is still in the volume" in answer["container"]
        assert "bootstrap.py up" in answer["container"]
        assert answer["volume"].startswith("ok")
        assert answer["port"].endswith("is free")

        docker("volume", "rm", own.volume)
        answer = doctor(own)
        assert answer.code == 5
        assert f"{own.volume} is gone, and the data in it" in answer["volume"]
        assert "load the backup" in answer["volume"]


class TestDiskFull:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Stack]:
        made = new_stack(tmp_path)
        options = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=256m,mode=0777")
        docker("volume", "create", *options, made.volume)
        try:
            made.create()
            yield made
        finally:
            made.remove()

    def test_a_full_volume(self, small: Stack) -> None:
        script = "dd if=/dev/zero of=/var/lib/postgresql/data/filler bs=1M 2>/dev/null || true"
        docker("exec", small.container, "sh", "-c", script)
        answer = doctor(small)
        assert answer.code in (1, 5)
        assert answer["disk"].startswith("trouble: the disk of the data volume is full")
        assert "prune" in answer["disk"]


class TestWrongPassword:
    def test_it_is_found_and_fixed(self, stack: Stack) -> None:
        stack.psql("ALTER ROLE velpharma PASSWORD 'another'")
        answer = doctor(stack)
        assert answer.code == 1
        assert "refuses the settings' password for velpharma" in answer["role"]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            stack.connect()
        fixed = doctor(stack, "--fix")
        assert fixed["role"].startswith("ok: velpharma logs in")
        stack.connect().close()

    def test_no_role_at_all(self, stack: Stack) -> None:
        stack.psql("ALTER ROLE velpharma RENAME TO somebody")
        try:
            assert "there is no role velpharma" in doctor(stack)["role"]
        finally:
            stack.psql("ALTER ROLE somebody RENAME TO velpharma")
            stack.psql("ALTER ROLE velpharma PASSWORD 'velpharma'")


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_docker_not_running(stack: Stack, tmp_path: Path, killed: bool) -> None:
    place = tmp_path / "docker.sock"
    if killed:
        # It leaves its socket behind, on which nobody listens any more.
        with socket.socket(socket.AF_UNIX) as engine:
            engine.bind(str(place))
    answer = doctor(stack, env={"DOCKER_HOST": f"unix://{place}"})
    assert answer.code == 5
    assert answer["Docker engine"].startswith("trouble: Docker does not answer")
    assert "systemctl start docker" in answer["Docker engine"]
    # What needs no Docker is still looked at.
    assert "backup" in answer.lines


def test_not_in_the_docker_group(stack: Stack, tmp_path: Path) -> None:
    """Root is never refused, so a stand-in says what the real command says to others."""
    command = tmp_path / "docker"
    command.write_text(
        "#!/bin/sh\n"
        'test "$1" = context && { echo unix:///var/run/docker.sock; exit; }\n'
        "echo 'permission denied while trying to connect to the Docker daemon socket at"
        ' unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version":'
        " dial unix /var/run/docker.sock: connect: permission denied' >&2\n"
        "exit 1\n"
    )
    command.chmod(0o755)
    answer = doctor(stack, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert answer.code == 5
    assert answer["Docker engine"].startswith("trouble: Docker does not answer: permission denied")
    assert "usermod -aG docker" in answer["Docker engine"]
    assert "systemctl" not in answer["Docker engine"]


def test_no_docker_command(stack: Stack) -> None:
    answer = doctor(stack, env={"PATH": "/nonexistent"})
    assert answer.code == 5
    assert "no docker command" in answer["Docker engine"]


class TestLeftovers:
    def test_an_unfinished_build_is_found_and_dropped(self, stack: Stack) -> None:
        stack.psql("CREATE DATABASE velpdevdb_build_0123456789ab", database="postgres")
        assert "velpdevdb_build_0123456789ab" in doctor(stack)["unfinished loads"]
        assert doctor(stack, "--fix")["unfinished loads"] == "ok: none"

    def test_what_is_kept_stays_even_beyond_the_settings_number(self, stack: Stack) -> None:
        stack.psql("DELETE FROM vpv4.adverse_drug_reactions")
        assert stack.vpdb("reset", "--yes").returncode == 0
        databases = "SELECT datname FROM pg_database WHERE datname ~ '_(kept|template)_' ORDER BY 1"
        before = stack.psql(databases, database="postgres")
        assert "velpdevdb_kept_" in before
        stack.psql("CREATE DATABASE velpdevdb_build_0123456789ab", database="postgres")
        stack.configure(keptDatabases=0, templates=0)
        assert "fixed: dropped what" in doctor(stack, "--fix").text
        assert stack.psql(databases, database="postgres") == before

    def test_a_killed_dumps_file_is_found_and_removed(self, stack: Stack) -> None:
        shutil.copy2(stack.folder / SEED, stack.folder / "backups" / BACKUP.name)
        child = subprocess.Popen(["sleep", "100"])
        leftover = stack.folder / "backups" / f".tmp-{child.pid}-abc"
        leftover.mkdir()
        (leftover / "dump.sql").write_text("half")
        try:
            assert doctor(stack)["backup"].startswith("ok")
            child.kill()
            child.wait()
            assert leftover.name in doctor(stack)["backup"]
            doctor(stack, "--fix")
            assert not leftover.exists()
        finally:
            child.kill()
            child.wait()


class TestHalfFinishedUp:
    """The state files as a killed Pulumi leaves them; tests/e2e kills a real one."""

    def test_a_dead_holders_lock_is_removed_and_a_living_ones_is_not(self, stack: Stack) -> None:
        remember(stack, pending=True)
        locks = stack.folder / ".state/.pulumi/locks/organization" / stack.project / "dev"
        child = subprocess.Popen(["sleep", "100"])
        lock = write_lock(locks, pid=child.pid)
        try:
            assert doctor(stack)["last up"].startswith("note: a pulumi command is at work")
            doctor(stack, "--fix")
            assert lock.exists()
            child.kill()
            child.wait()
            answer = doctor(stack)
            assert answer.code == 1
            assert "left its lock" in answer["last up"]
            assert "while creating server" in answer["last up"]
            fixed = doctor(stack, "--fix")
            assert not lock.exists()
            assert "was interrupted while creating server" in fixed["last up"]
        finally:
            child.kill()
            child.wait()
            shutil.rmtree(stack.folder / ".state")


def remember(stack: Stack, *, pending: bool = False) -> None:
    """Write the state file of a stack that Pulumi has brought up."""
    folder = stack.folder / ".state" / ".pulumi" / "stacks" / stack.project
    folder.mkdir(parents=True, exist_ok=True)
    urn = f"urn:pulumi:dev::{stack.project}::docker:index/container:Container::server"
    latest: dict[str, object] = {"resources": [{"urn": urn}]}
    if pending:
        latest["pending_operations"] = [{"resource": {"urn": urn}, "type": "creating"}]
    (folder / "dev.json").write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
