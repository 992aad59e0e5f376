"""The emergency backup's thinking: refusals, wording of failures, schemas compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg2.extensions
import pytest

from pgseed.errors import SeedError
from vpdb.azure.explain import explain
from vpdb.azure.production import Probe, Production, refusal
from vpdb.azure.roots import read_roots
from vpdb.azure.schema import as_schema, differences
from vpdb.settings import load_settings

SETTINGS = load_settings(Path(__file__).resolve().parents[2], "dev")
PRODUCTION = Production(SETTINGS, "s3cret", b"roots")
FINE = Probe(170004, True, True, True, True, ())


def test_the_documented_defaults() -> None:
    assert SETTINGS.azure_host == "velp-dev-dbserver.postgres.database.azure.com"
    assert (SETTINGS.azure_database, SETTINGS.azure_user) == ("velpdevdb", "velpharma")
    assert SETTINGS.azure_schema == "vpv4"


def test_the_connection_asks_for_verified_tls_and_a_read_only_session() -> None:
    odd = replace(PRODUCTION, settings=replace(SETTINGS, azure_user="o'neil\\x"))
    parts = psycopg2.extensions.parse_dsn(odd.conninfo.replace("sslcertmode='disable' ", ""))
    assert parts["sslmode"] == "verify-full"
    assert "default_transaction_read_only=on" in parts["options"]
    assert parts["user"] == "o'neil\\x"
    assert "password" not in parts
    assert "s3cret" not in repr(PRODUCTION)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (
            replace(FINE, version=180001),
            "it runs PostgreSQL 18, and pg_dump in the container is 17",
        ),
        (replace(FINE, encrypted=False), "not encrypted"),
        (replace(FINE, schema_exists=False), "there is no schema vpv4"),
        (replace(FINE, may_use_schema=False), "may not read schema vpv4"),
        (replace(FINE, unreadable=("a", "b")), "may not read a, b"),
    ],
)
def test_a_server_that_cannot_be_dumped_is_refused(probe: Probe, words: str) -> None:
    assert words in refusal(probe, SETTINGS, 170000)


@pytest.mark.parametrize("version", [170004, 160009, 140000])
def test_the_same_version_and_older_ones_are_fine(version: int) -> None:
    assert refusal(replace(FINE, version=version), SETTINGS, 170000) == ""


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        ('psql: error: connection to server at "h" (1.2.3.4), port 5432 failed: SSL error:'
         " certificate verify failed", "not signed by an authority"),
        ('server certificate for "a" does not match host name "b"', "for another host name"),
        ("server does not support SSL, but SSL was required", "does not offer TLS"),
        ('FATAL:  password authentication failed for user "x"', "refused the user"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4"', "nobody in from this address"),
        ('could not translate host name "x" to address', "no such host name"),
        ("Connection refused\n\tIs the server running", "nothing listens there"),
        ("connection to server failed: timeout expired", "does not answer"),
        ('FATAL:  database "x" does not exist', "no such database or role"),
        ("pg_dump: error: query failed: server closed the connection", "ended the connection"),
        ("SSL SYSCALL error: EOF detected", "ended the connection"),
        ("pg_dump: error: permission denied for table t", "may not read everything"),
        ("pg_dump: error: something new.\nmore", "pg_dump: error: something new"),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_what_libpq_says_is_put_into_words(stderr: str, cause: str) -> None:
    found, remedy = explain(stderr)
    assert cause in found
    assert remedy
    assert "\n" not in found + remedy


class TestRoots:
    def test_a_file_that_is_given(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n…")
        assert read_roots(tmp_path / "ca.pem").startswith(b"-----BEGIN")

    @pytest.mark.parametrize("text", [None, "", "0\x82 DER"])
    def test_what_holds_no_certificate_is_refused(self, tmp_path: Path, text: str | None) -> None:
        if text is not None:
            (tmp_path / "ca.pem").write_text(text)
        with pytest.raises(SeedError, match=r"--root-cert|openssl x509"):
            read_roots(tmp_path / "ca.pem")

    def test_the_systems_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "own.pem").write_text("-----BEGIN CERTIFICATE-----\nmine")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
        assert read_roots(None).endswith(b"mine")

    def test_without_any_there_is_no_unverified_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.setattr("ssl.get_default_verify_paths", lambda: SimpleNamespace(cafile=None))
        with pytest.raises(SeedError, match="ca-certificates"):
            read_roots(None, ())


def test_schemas_are_compared_object_by_object() -> None:
    production = as_schema(
        [
            ["table", "a", "table"],
            ["column", "a.x", "integer  not\nnull"],
            ["column", "a.y", "text"],
            ["table", "new", "table"],
            ["column", "new.x", "text"],
            ["index", "new.i", "CREATE INDEX"],
        ]
    )
    local = as_schema(
        [["table", "a", "table"], ["column", "a.x", "bigint not null"], ["type", "t", "enum 'a'"]]
    )
    assert differences(production, local) == [
        "column a.x: integer not null in production, bigint not null here",
        "column a.y: only in production",
        "table new: only in production",
        "type t: only here",
    ]
    assert differences(local, local) == []
