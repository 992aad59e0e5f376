"""Gets a backup from shared storage (an https or file URL) into a cache, once, and proves its hash.

The hash is pinned in the stack's configuration: who may write to the storage can give nobody
another file. An interrupted download goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import Request

from pgseed.backup.work_folder import keep_newest
from pgseed.errors import SeedError
from pgseed.progress import Progress, quiet
from pgseed.units import size
from vpdb.errors import SettingRefused

_CHUNK = 256 * 1024
_TIMEOUT_S = 30
_ATTEMPTS = 4
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT = 3
_RETRIED = (TimeoutError, ConnectionError, http.client.HTTPException)


class FetchFailed(SeedError):
    """The backup could not be got from its URL, or is not the one that was pinned."""


def fetch_backup(
    url: str,
    sha256: str,
    cache: Path,
    *,
    progress: Progress = quiet,
    context: ssl.SSLContext | None = None,
) -> Path:
    """Return the path of the pinned file in `cache`, downloading what of it is not there yet.

    `context` replaces the system's TLS settings. Raises SettingRefused or FetchFailed.
    """
    parts = checked_url(url)
    if not _SHA256.fullmatch(sha256):
        raise SettingRefused(
            f"failed to read setting backupSha256: {sha256 or 'nothing'} is not a SHA-256 hash."
            " It has 64 digits 0-9 a-f: `sha256sum FILE` prints it"
        )
    suffix = "".join(PurePosixPath(unquote(parts.path)).suffixes[-2:])
    target = cache / f"{sha256}{suffix}"
    shown = without_secrets(url)
    try:
        if target.exists():
            if _sha256(target) == sha256:
                os.utime(target)
                return target
            target.unlink()  # damaged in the cache
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / f"{sha256}.part"
        _download(urlunsplit(parts), shown, partial, progress, context)
        found = _sha256(partial)
        if found != sha256:
            held = partial.stat().st_size
            partial.unlink()
            raise FetchFailed(
                f"failed to get the backup from {shown}: the {size(held)} that came have the"
                f" SHA-256 hash {found}, not the pinned {sha256}. If the new file is right,"
                f" `pulumi config set backupSha256 {found}`"
            )
        partial.replace(target)
        # Without this the cache would grow with every release.
        keep_newest((path for path in cache.iterdir() if _SHA256.match(path.name)), _KEPT)
    except OSError as error:
        raise FetchFailed(f"failed to get the backup from {shown}: {_reason(error)}") from error
    return target


def checked_url(url: str) -> SplitResult:
    """Judge a backupUrl. Raises SettingRefused: https and file only; http to this machine too."""
    parts = urlsplit(url)
    allowed = {
        "file": parts.path and parts.netloc in ("", "localhost"),
        "https": parts.hostname,
        "http": _is_this_machine(parts.hostname or ""),
    }
    if allowed.get(parts.scheme):
        return parts
    raise SettingRefused(
        f"failed to read setting backupUrl: {without_secrets(url)} is not an https or file URL."
        " Valid: https://storage.example.com/backup.sql.zst, file:///mnt/team/backup.sql.gz"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_secrets(url: str) -> str:
    """The URL for a message: signed URLs carry their key in the query, others a password."""
    parts = urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _download(
    url: str, shown: str, partial: Path, progress: Progress, context: ssl.SSLContext | None
) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _continue(url, shown, partial, progress, context)
            return
        except (*_RETRIED, urllib.error.URLError) as error:
            final = isinstance(error, urllib.error.HTTPError) and error.code < 500
            final |= isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError)
            if final or attempt == _ATTEMPTS:
                raise FetchFailed(
                    f"failed to get the backup from {shown}: {_reason(error)}."
                    f" {_remedy(error, partial)}"
                ) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _remedy(error: BaseException, partial: Path) -> str:
    code = error.code if isinstance(error, urllib.error.HTTPError) else 0
    if code in (401, 403):
        return "The URL may have expired: set a new one with `pulumi config set backupUrl …`"
    if code in (404, 410):
        return "The file is gone: set its new place with `pulumi config set backupUrl …`"
    held = partial.stat().st_size if partial.exists() else 0
    return f"{size(held)} are there; run the command again to go on"


def _continue(
    url: str, shown: str, partial: Path, progress: Progress, context: ssl.SSLContext | None
) -> None:
    """Add to the partial file what the server still has of it."""
    held = partial.stat().st_size if partial.exists() else 0
    with (
        _open(url, held, context) as (source, start, total),
        partial.open("r+b" if start else "wb") as file,
    ):
        file.truncate(start)
        file.seek(start)
        while chunk := source.read(_CHUNK):
            file.write(chunk)
            progress(f"downloading {shown}", file.tell(), total)
        done = file.tell()
    if total and done < total:
        raise ConnectionError(f"the connection ended after {size(done)} of {size(total)}")


@contextmanager
def _open(
    url: str, held: int, context: ssl.SSLContext | None
) -> Iterator[tuple[BinaryIO, int, int]]:
    """The source, where in the file it starts, and the size of the whole (0: not known)."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        with path.open("rb") as file:
            yield file, 0, path.stat().st_size
        return
    request = urllib.request.Request(url, headers={"User-Agent": "velpharma-vpdb"})
    if held:
        request.add_header("Range", f"bytes={held}-")
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), _SafeRedirects()
    )
    try:
        response = opener.open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not held:
            raise
        # The file there is no longer than what is held: it is whole, or another one.
        error.close()
        request.remove_header("Range")
        response = opener.open(request, timeout=_TIMEOUT_S)
    with response:
        start = held if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        yield cast("BinaryIO", response), start, start + int(length) if length else 0


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only, as storage services use them."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        try:
            allowed = checked_url(newurl).scheme != "file"
        except SettingRefused:
            allowed = False
        if not allowed:
            raise FetchFailed(
                f"failed to get the backup from {without_secrets(req.full_url)}: it redirects to"
                f" {without_secrets(newurl)}, which is not https"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
