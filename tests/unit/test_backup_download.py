"""Backups from shared storage: pinned, cached, resumed; tried against a server on this machine."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vpdb.download import FetchFailed, checked_url, fetch_backup, without_secrets
from vpdb.errors import SettingRefused

DATA = bytes(range(256)) * 8000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Storage:
    """What the server does, and what it was asked."""

    def __init__(self) -> None:
        self.data = DATA
        self.ranges: list[str | None] = []
        self.cut_after: list[int] = []  # one entry a request: end the connection after these bytes
        self.status: list[int] = []
        self.redirect = ""
        self.knows_ranges = True
        self.tells_length = True


class Handler(BaseHTTPRequestHandler):
    def __init__(self, storage: Storage, *args: object) -> None:
        self.storage = storage
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        storage = self.storage
        wanted = self.headers.get("Range")
        storage.ranges.append(wanted)
        if storage.redirect and self.path != "/final.sql":
            self.send_response(302)
            self.send_header("Location", storage.redirect)
            self.end_headers()
            return
        if storage.status and (status := storage.status.pop(0)) != 200:
            self.send_error(status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not storage.knows_ranges:
            start = 0
        if start >= len(storage.data) and start:
            self.send_error(416)
            return
        body = storage.data[start:]
        self.send_response(206 if start else 200)
        if storage.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if storage.cut_after:
            body = body[: storage.cut_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def url(storage: Storage) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/backups/b.sql.zst?key=secret"
    finally:
        server.shutdown()
        server.server_close()


def test_a_backup_is_downloaded_and_named_by_its_hash(url: str, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    path = fetch_backup(url, SHA256, tmp_path / "cache", progress=lambda *r: reports.append(r))
    assert path == tmp_path / "cache" / f"{SHA256}.sql.zst"
    assert path.read_bytes() == DATA
    downloads = [report for report in reports if report[0].startswith("downloading")]
    assert downloads[-1][1:] == (len(DATA), len(DATA))
    assert all("secret" not in phase for phase, _, _ in reports)


def test_it_is_downloaded_once(url: str, storage: Storage, tmp_path: Path) -> None:
    first = fetch_backup(url, SHA256, tmp_path)
    assert fetch_backup(url, SHA256, tmp_path) == first
    assert len(storage.ranges) == 1


def test_a_damaged_file_in_the_cache_is_got_anew(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    path = fetch_backup(url, SHA256, tmp_path)
    path.write_bytes(DATA[:-1] + b"x")
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA
    assert len(storage.ranges) == 2


def test_a_cut_download_goes_on_where_it_stopped(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.cut_after = [1_000_000, 500_000]
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA
    assert storage.ranges == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_later_run_goes_on_where_an_earlier_one_stopped(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.cut_after = [100_000, 100_000, 100_000, 100_000]
    with pytest.raises(FetchFailed, match="run the command again to go on"):
        fetch_backup(url, SHA256, tmp_path)
    storage.ranges.clear()
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA
    assert storage.ranges == ["bytes=400000-"]


def test_a_server_that_knows_no_ranges_starts_over(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.knows_ranges = False
    storage.cut_after = [1_000_000]
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA


def test_a_whole_partial_file_is_taken_or_got_anew(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / f"{SHA256}.part").write_bytes(b"x" * len(DATA))
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA
    assert storage.ranges == [f"bytes={len(DATA)}-", None]


def test_a_size_that_is_not_told_is_no_obstacle(url: str, storage: Storage, tmp_path: Path) -> None:
    storage.tells_length = False
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.data = DATA + b"evil"
    other = hashlib.sha256(storage.data).hexdigest()
    with pytest.raises(FetchFailed) as failed:
        fetch_backup(url, SHA256, tmp_path)
    assert SHA256 in str(failed.value)
    assert f"backupSha256 {other}" in str(failed.value)
    assert "secret" not in str(failed.value)
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_of_another_one_does_not_stand_in_the_way_for_ever(
    url: str, tmp_path: Path
) -> None:
    (tmp_path / f"{SHA256}.part").write_bytes(b"x" * 1000)
    with pytest.raises(FetchFailed, match="not the pinned"):
        fetch_backup(url, SHA256, tmp_path)
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "says"), [(403, "may have expired"), (404, "is gone"), (401, "may have expired")]
)
def test_a_refusal_of_the_server_is_told_at_once(
    status: int, says: str, url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.status = [status] * 9
    with pytest.raises(FetchFailed, match=says) as failed:
        fetch_backup(url, SHA256, tmp_path)
    assert str(status) in str(failed.value)
    assert "secret" not in str(failed.value)
    assert len(storage.ranges) == 1


def test_a_passing_fault_of_the_server_is_waited_out(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.status = [503, 200]
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA


def test_a_silent_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="Connection refused"):
        fetch_backup("http://127.0.0.1:9/b.sql", SHA256, tmp_path)


def test_redirects_are_followed_but_never_to_a_file_or_an_open_line(
    url: str, storage: Storage, tmp_path: Path
) -> None:
    storage.redirect = url.partition("/backups")[0] + "/final.sql"
    assert fetch_backup(url, SHA256, tmp_path).read_bytes() == DATA
    for bad in ("file:///etc/passwd", "http://storage.example.com/x", "ftp://127.0.0.1/x"):
        storage.redirect = bad
        with pytest.raises(FetchFailed, match=r"which is not https|is not allowed"):
            fetch_backup(url, "0" * 64, tmp_path)


def test_a_file_url_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "with space.sql.gz"
    source.write_bytes(DATA)
    path = fetch_backup(source.as_uri(), SHA256, tmp_path / "cache")
    assert path.read_bytes() == DATA
    assert path.name.endswith(".sql.gz")
    source.unlink()
    assert fetch_backup(source.as_uri(), SHA256, tmp_path / "cache") == path
    path.unlink()
    with pytest.raises(FetchFailed, match="No such file"):
        fetch_backup(source.as_uri(), SHA256, tmp_path / "cache")


def test_only_the_files_used_last_stay_in_the_cache(tmp_path: Path) -> None:
    for number in range(6):
        source = tmp_path / f"{number}.sql"
        source.write_bytes(b"%d" % number)
        fetch_backup(source.as_uri(), hashlib.sha256(b"%d" % number).hexdigest(), tmp_path / "c")
    assert sorted(path.read_bytes() for path in (tmp_path / "c").iterdir()) == [b"3", b"4", b"5"]


@pytest.mark.parametrize(
    "url",
    ["http://storage.example.com/b.sql", "ftp://x/b.sql", "b.sql", "", "file://other/b.sql",
     "https:///b.sql", "http://10.0.0.1/b.sql", "javascript:x", "file:"],
)  # fmt: skip
def test_other_urls_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="backupUrl"):
        fetch_backup(url, SHA256, tmp_path)


@pytest.mark.parametrize("sha256", ["", "abc", SHA256.upper(), SHA256 + "0"])
def test_a_hash_that_is_none_is_refused(sha256: str, tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="backupSha256"):
        fetch_backup("https://storage.example.com/b.sql", sha256, tmp_path)


def test_https_is_what_is_wanted() -> None:
    assert checked_url("https://storage.example.com/b.sql").scheme == "https"


def test_keys_and_passwords_of_a_url_are_not_shown() -> None:
    shown = without_secrets("https://me:pw@host:8443/b.sql?sig=key#x")
    assert shown == "https://host:8443/b.sql"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


def test_the_servers_certificate_is_checked(
    certificate: tuple[Path, Path], storage: Storage, tmp_path: Path
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate[1], certificate[0])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"https://localhost:{server.server_port}/b.sql"
    fetch: Callable[..., Path] = partial(fetch_backup, url, SHA256, tmp_path / "cache")
    try:
        with pytest.raises(FetchFailed, match="certificate"):
            fetch()
        trusting = ssl.create_default_context(cafile=str(certificate[1]))
        assert fetch(context=trusting).read_bytes() == DATA
    finally:
        server.shutdown()
        server.server_close()
