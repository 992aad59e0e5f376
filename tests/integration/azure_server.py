"""A stand-in for the production server: PostgreSQL that talks TLS only, with a CA of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.integration.cli_stack import docker, wait_until
from tests.support.server import image_tag

HOST = "production.azure.test"
PASSWORD = "pro'd sécret"
_HBA = """local all all trust
hostssl all all all scram-sha-256
"""


@dataclass
class AzureServer:
    """The container; `root` is the CA that signed its certificate, `other_root` another one."""

    name: str
    root: Path
    other_root: Path

    @property
    def address(self) -> str:
        return docker(
            *("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"),
            self.name,
        )

    def psql(self, sql: str) -> str:
        return docker(
            *("exec", "-i", self.name, "psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1"),
            *("-U", "postgres", "-d", "velpdevdb", "-f", "-"),
            stdin=sql,
        )

    def set_tls(self, on: bool) -> None:
        """Switch TLS; new connections see it."""
        hba = _HBA if on else _HBA.replace("hostssl", "host")
        self._write("pg_hba.conf", hba)
        self.psql(f"ALTER SYSTEM SET ssl = {'on' if on else 'off'}")
        self.psql("SELECT pg_reload_conf()")
        wanted = "on" if on else "off"
        wait_until(lambda: self.psql("SHOW ssl") == wanted, what=f"ssl {wanted}")

    def known_to(self, container: str, *names: str) -> None:
        """Make the names known inside another container, as a DNS would; anew after a restart."""
        # The file is a mount: it can be written, not replaced.
        script = 'grep -v "$2" /etc/hosts > /tmp/hosts; echo "$1" >> /tmp/hosts'
        script += "; cat /tmp/hosts > /etc/hosts"
        line = f"{self.address} {' '.join(names)}"
        docker("exec", "-u", "root", container, "sh", "-c", script, "sh", line, names[0])

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.name, check=False)

    def _write(self, name: str, text: str, mode: str = "600") -> None:
        script = f'umask 077; cat > "$PGDATA/{name}"; chmod {mode} "$PGDATA/{name}"'
        docker("exec", "-i", "-u", "postgres", self.name, "sh", "-c", script, stdin=text)


def start_azure_server(folder: Path, name: str) -> AzureServer:
    """Start it with the schema of init/ and a role `velpharma` of its own password."""
    root = make_authority(folder / "root")
    key, certificate = make_certificate(folder / "root", HOST)
    server = AzureServer(name, root, make_authority(folder / "other"))
    docker(
        *("run", "--detach", "--name", name, "--env", "VELPHARMA_PASSWORD"),
        *("--env", "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid", image_tag()),
    )
    wait_until(
        lambda: "accepting" in docker("exec", name, "pg_isready", "-h", "127.0.0.1", check=False),
        timeout_s=60,
        what="the production server",
    )
    quoted = PASSWORD.replace("'", "''")
    server.psql(f"ALTER ROLE velpharma PASSWORD '{quoted}'")
    server._write("server.key", key.read_text())
    server._write("server.crt", certificate.read_text())
    server.set_tls(True)
    return server


def make_authority(folder: Path) -> Path:
    """Make a certificate authority; give its certificate."""
    folder.mkdir(parents=True)
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test root"),
        *("-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")),
    )
    return folder / "ca.crt"


def make_certificate(authority: Path, host: str) -> tuple[Path, Path]:
    """Have the authority sign a certificate for a host; give key and certificate."""
    key, request, certificate = (authority / f"server.{end}" for end in ("key", "csr", "crt"))
    openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}"),
        *("-keyout", str(key), "-out", str(request)),
    )
    names = authority / "names"
    names.write_text(f"subjectAltName=DNS:{host}\n")
    openssl(
        *("x509", "-req", "-in", str(request), "-days", "2", "-out", str(certificate)),
        *("-CA", str(authority / "ca.crt"), "-CAkey", str(authority / "ca.key")),
        *("-CAcreateserial", "-extfile", str(names)),
    )
    return key, certificate


def openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)
