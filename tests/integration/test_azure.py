"""The emergency backup against a TLS-only server of the test's own: right, and every wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgseed.backup.reader import read_backup
from tests.integration.azure_server import (
    HOST,
    PASSWORD,
    AzureServer,
    start_azure_server,
)
from tests.integration.cli_stack import Stack, docker, terminal, wait_until

WRONG_HOST = "elsewhere.azure.test"
SEED = "postgres/init/_05-seed-base.sql.disabled"
BACKUP = "production_backup_data_only.sql"


@pytest.fixture(scope="module")
def production(shared: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    name = f"{shared.project}-azure"
    try:
        server = start_azure_server(tmp_path_factory.mktemp("tls"), name)
        server.psql((shared.folder / SEED).read_text(encoding="utf-8"))
        server.psql(
            "INSERT INTO vpv4.manufacturers (manufacturer_code, name, country_code, city)"
            " VALUES ('M-9999', 'Only in production GmbH', 'DE', 'Jena')"
        )
        server.known_to(shared.container, HOST, WRONG_HOST)
        yield server
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


@pytest.fixture
def stack(shared: Stack, production: AzureServer) -> Iterator[Stack]:
    """A stack whose team's backup is the seed, TLS on, settings as they began."""
    shared.configure(azureHost=HOST)
    backups = shared.folder / "backups"
    for path in backups.iterdir():
        path.unlink()
    (backups / BACKUP).write_bytes((shared.folder / SEED).read_bytes())
    yield shared
    assert not list(backups.glob(".tmp-*"))


def azure_backup(
    stack: Stack,
    production: AzureServer,
    *args: str,
    root: Path | None = None,
    password: str = PASSWORD,
) -> subprocess.CompletedProcess[str]:
    return stack.vpdb(
        *("azure-backup", "--root-cert", str(root or production.root), *args),
        env={"VELPHARMA_AZURE_PASSWORD": password},
    )


def refused(stack: Stack, done: subprocess.CompletedProcess[str]) -> str:
    """The line of a refusal; the backup has to be as it was, and nothing beside it."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    backups = stack.folder / "backups"
    assert [path.name for path in backups.iterdir()] == [BACKUP]
    assert (backups / BACKUP).read_bytes() == (stack.folder / SEED).read_bytes()
    return done.stderr.strip().rpartition("\n")[2]


class TestRight:
    def test_the_backup_is_production_in_canonical_form(
        self, stack: Stack, production: AzureServer
    ) -> None:
        # The file it replaces is kept even so: it may be the only one with its data.
        stack.configure(azureHost=HOST, dumpRetention=0)
        done = azure_backup(stack, production, "--yes")
        assert done.returncode == 0, done.stderr
        assert "1 added" in done.stderr
        assert "Only in production GmbH" in done.stderr
        target = stack.folder / "backups" / BACKUP
        text = target.read_text(encoding="utf-8")
        assert "Only in production GmbH" in text
        assert "restrict" not in text
        (kept,) = (p for p in target.parent.iterdir() if p != target)
        assert kept.read_bytes() == (stack.folder / SEED).read_bytes()
        # Loading it and dumping the loaded database gives the same bytes.
        stack.load()
        assert stack.psql("SELECT count(*) FROM vpv4.manufacturers WHERE name ~ '^Only in'") == "1"
        again = stack.folder / "again.sql"
        assert stack.vpdb("dump", "--out", str(again)).returncode == 0
        assert again.read_bytes() == target.read_bytes()

    def test_production_is_only_read(self, stack: Stack, production: AzureServer) -> None:
        query = (
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables;"
            "SELECT count(*) FROM pg_namespace; SELECT count(*) FROM pg_class"
        )
        before = production.psql(query)
        assert azure_backup(stack, production, "--out", "x.sql", "--yes").returncode == 0
        (stack.folder / "x.sql").unlink()
        assert production.psql(query) == before

    def test_elsewhere_without_a_question(self, stack: Stack, production: AzureServer) -> None:
        out = stack.folder / "elsewhere.sql.zst"
        done = azure_backup(stack, production, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert read_backup(out, schema="vpv4").compression == "zstd"
        out.unlink()

    def test_only_the_schema(self, stack: Stack, production: AzureServer) -> None:
        production.psql("CREATE SCHEMA other; CREATE TABLE other.secret AS SELECT 'hidden' AS t")
        try:
            out = stack.folder / "only.sql"
            assert azure_backup(stack, production, "--out", str(out)).returncode == 0
            assert "hidden" not in out.read_text(encoding="utf-8")
            out.unlink()
        finally:
            production.psql("DROP SCHEMA other CASCADE")

    def test_the_password_is_in_no_argument_list(
        self, stack: Stack, production: AzureServer
    ) -> None:
        """Looked for in every process of this machine, the container's among them, meanwhile."""
        seen: set[bytes] = set()
        run = subprocess.Popen(
            [sys.executable, "-m", "vpdb", "azure-backup", "--root-cert",
             str(production.root), "--out", str(stack.folder / "p.sql")],
            cwd=stack.folder,
            env={**stack.env, "VELPHARMA_AZURE_PASSWORD": PASSWORD},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while run.poll() is None:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue
        assert run.returncode == 0
        assert any(b"pg_dump" in line for line in seen)
        assert not any(PASSWORD.encode() in line for line in seen)
        (stack.folder / "p.sql").unlink()


class TestWrong:
    def test_host_name(self, stack: Stack, production: AzureServer) -> None:
        stack.configure(azureHost=WRONG_HOST)
        line = refused(stack, azure_backup(stack, production, "--yes"))
        assert "its certificate is for another host name" in line

    def test_root(self, stack: Stack, production: AzureServer) -> None:
        line = refused(stack, azure_backup(stack, production, "--yes", root=production.other_root))
        assert "not signed by an authority this machine trusts" in line

    def test_the_systems_roots_do_not_know_it_either(
        self, stack: Stack, production: AzureServer, tmp_path: Path
    ) -> None:
        system = tmp_path / "system.pem"
        system.write_bytes(production.other_root.read_bytes())
        done = stack.vpdb(
            *("azure-backup", "--yes"),
            env={"VELPHARMA_AZURE_PASSWORD": PASSWORD, "SSL_CERT_FILE": str(system)},
        )
        assert "not signed by an authority" in refused(stack, done)
        system.write_bytes(production.root.read_bytes())
        done = stack.vpdb(
            *("azure-backup", "--compare-schema"),
            env={"VELPHARMA_AZURE_PASSWORD": PASSWORD, "SSL_CERT_FILE": str(system)},
        )
        assert done.returncode == 0, done.stderr

    def test_no_tls(self, stack: Stack, production: AzureServer) -> None:
        production.set_tls(False)
        try:
            line = refused(stack, azure_backup(stack, production, "--yes"))
        finally:
            production.set_tls(True)
        assert "does not offer TLS" in line

    def test_password(self, stack: Stack, production: AzureServer) -> None:
        line = refused(stack, azure_backup(stack, production, "--yes", password="wrong-one"))
        assert "refused the user or the password" in line
        assert "wrong-one" not in line

    def test_no_password_and_no_terminal(self, stack: Stack, production: AzureServer) -> None:
        done = stack.vpdb("azure-backup", "--root-cert", str(production.root), "--yes")
        assert "VELPHARMA_AZURE_PASSWORD" in refused(stack, done)

    def test_no_such_host(self, stack: Stack, production: AzureServer) -> None:
        stack.configure(azureHost="nowhere.azure.test")
        line = refused(stack, azure_backup(stack, production, "--yes"))
        assert "there is no such host name" in line

    def test_no_such_schema(self, stack: Stack, production: AzureServer) -> None:
        production.psql("ALTER SCHEMA vpv4 RENAME TO vpv5")
        try:
            line = refused(stack, azure_backup(stack, production, "--yes"))
        finally:
            production.psql("ALTER SCHEMA vpv5 RENAME TO vpv4")
        assert "there is no schema vpv4" in line

    def test_a_table_that_the_role_may_not_read(
        self, stack: Stack, production: AzureServer
    ) -> None:
        production.psql("CREATE TABLE vpv4.closed (a int)")
        try:
            line = refused(stack, azure_backup(stack, production, "--yes"))
        finally:
            production.psql("DROP TABLE vpv4.closed")
        assert "may not read closed" in line

    def test_a_column_that_the_local_schema_does_not_have(
        self, stack: Stack, production: AzureServer
    ) -> None:
        production.psql("ALTER TABLE vpv4.products ADD COLUMN brand_new text")
        try:
            line = refused(stack, azure_backup(stack, production, "--yes"))
        finally:
            production.psql("ALTER TABLE vpv4.products DROP COLUMN brand_new")
        assert "brand_new" in line

    def test_another_schema_than_this_stacks(self, stack: Stack, production: AzureServer) -> None:
        stack.configure(azureHost=HOST, azureSchema="other")
        line = refused(stack, azure_backup(stack, production, "--yes"))
        assert "its schema is other, this stack's is vpv4" in line

    def test_the_server_goes_half_way(self, stack: Stack, production: AzureServer) -> None:
        """Killed while pg_dump waits for a lock in the middle of its work."""
        holder = subprocess.Popen(
            ["docker", "exec", "-i", production.name, "psql", "-U", "postgres", "-d", "velpdevdb"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert holder.stdin is not None
        holder.stdin.write("BEGIN; LOCK TABLE vpv4.products IN ACCESS EXCLUSIVE MODE;\n")
        holder.stdin.flush()
        held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
        wait_until(lambda: production.psql(held) != "0")
        run = subprocess.Popen(
            [sys.executable, "-m", "vpdb", "azure-backup", "--yes", "--root-cert",
             str(production.root)],
            cwd=stack.folder,
            env={**stack.env, "VELPHARMA_AZURE_PASSWORD": PASSWORD},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        try:
            wait_until(lambda: production.psql(waiting) != "0", timeout_s=60)
            docker("kill", production.name)
            out, errors = run.communicate(timeout=60)
        finally:
            run.kill()
            holder.kill()
            holder.wait()
            docker("start", production.name)
            wait_until(
                lambda: docker("exec", production.name, "pg_isready", check=False).count("accept")
            )
            # Docker may have given it another address.
            production.known_to(stack.container, HOST, WRONG_HOST)
        done = subprocess.CompletedProcess(run.args, run.returncode, out, errors)
        assert "it ended the connection" in refused(stack, done)


class TestQuestion:
    def test_without_a_terminal_nothing_is_even_read(
        self, stack: Stack, production: AzureServer
    ) -> None:
        line = refused(stack, azure_backup(stack, production))
        assert "needs the word azure" in line

    @pytest.mark.parametrize(("word", "replaced"), [("azure", True), ("yes", False), ("", False)])
    def test_only_the_word_replaces(
        self, stack: Stack, production: AzureServer, word: str, replaced: bool
    ) -> None:
        target = stack.folder / "backups" / BACKUP
        before = target.read_bytes()
        args = ("azure-backup", "--root-cert", str(production.root))
        with terminal(stack, *args, columns=120) as screen:
            screen.expect("Password of velpharma on")
            screen.send(f"{PASSWORD}\r")
            screen.expect("Type azure to replace", timeout_s=60)
            assert "1 added" in screen.text
            screen.send(f"{word}\r")
            assert screen.wait(60) == (0 if replaced else 1)
            # What was typed as password is not shown.
            assert PASSWORD not in screen.text
        assert (target.read_bytes() != before) == replaced


class TestCompareSchema:
    def compare(self, stack: Stack, production: AzureServer) -> subprocess.CompletedProcess[str]:
        return azure_backup(stack, production, "--compare-schema")

    def test_the_same(self, stack: Stack, production: AzureServer) -> None:
        done = self.compare(stack, production)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the schema is production's" in done.stdout

    def test_every_kind_of_difference(self, stack: Stack, production: AzureServer) -> None:
        production.psql(
            "ALTER TABLE vpv4.products ADD COLUMN brand_new text;"
            "ALTER TABLE vpv4.manufacturers ALTER COLUMN city TYPE varchar(500);"
            "CREATE TABLE vpv4.added (a int PRIMARY KEY);"
        )
        stack.psql("CREATE INDEX mine ON vpv4.products (name, created_at)")
        try:
            done = self.compare(stack, production)
        finally:
            production.psql(
                "ALTER TABLE vpv4.products DROP COLUMN brand_new;"
                "ALTER TABLE vpv4.manufacturers ALTER COLUMN city TYPE text;"
                "DROP TABLE vpv4.added"
            )
            stack.psql("DROP INDEX vpv4.mine")
        assert done.returncode == 3
        assert done.stdout.splitlines() == [
            "table added: only in production",
            "column manufacturers.city: character varying(500) not null in production,"
            " text not null here",
            "column products.brand_new: only in production",
            "index products.mine: only here",
        ]


def test_a_newer_server_is_refused_before_anything_is_dumped(
    stack: Stack, production: AzureServer
) -> None:
    """No newer PostgreSQL is at hand, so the container's pg_dump says it is older."""
    script = "#!/bin/sh\necho 'pg_dump (PostgreSQL) 16.4'\n"
    place = docker("exec", stack.container, "sh", "-c", "command -v pg_dump")
    docker("exec", "-u", "root", stack.container, "mv", place, f"{place}.real")
    docker(
        *("exec", "-i", "-u", "root", stack.container, "sh", "-c"),
        f"cat > {place}; chmod 755 {place}",
        stdin=script,
    )
    try:
        line = refused(stack, azure_backup(stack, production, "--yes"))
    finally:
        docker("exec", "-u", "root", stack.container, "mv", f"{place}.real", place)
    assert "it runs PostgreSQL 17, and pg_dump in the container is 16" in line


def test_nothing_else_ever_leaves_this_machine() -> None:
    """Only vpdb/azure names a host that is not the container's published address."""
    from tests.support.server import CHECKOUT

    for path in (CHECKOUT / "vpdb").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "azure" in path.parts or path.name in ("azure.py", "settings.py"):
            continue
        assert "azure_host" not in text, path
        assert "sslmode" not in text or '"sslmode": "disable"' in text, path
