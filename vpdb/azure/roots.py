"""The authorities to judge production's certificate by: this machine's, not the container's."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path

from pgseed.errors import SeedError

# Where systems keep them in one PEM file: Debian, Red Hat, SUSE, macOS and the BSDs, Homebrew.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def read_roots(given: Path | None, system: Sequence[str] = SYSTEM_FILES) -> bytes:
    """Read the PEM bundle that --root-cert names, else this machine's own.

    Raises SeedError: without roots nothing can be verified, and unverified is not an option.
    """
    if given is not None:
        try:
            pem = given.read_bytes()
        except OSError as error:
            raise SeedError(
                f"failed to read root certificate {given}: {error.strerror}."
                " Name a readable PEM file with --root-cert"
            ) from None
        if _BEGIN not in pem:
            raise SeedError(
                f"failed to read root certificate {given}: no PEM certificate in it."
                " Convert it: openssl x509 -inform der -in FILE -out FILE.pem"
            )
        return pem
    # OpenSSL's own convention wins, then what this Python's OpenSSL was built for.
    own = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile)
    for path in map(Path, filter(None, (*own, *system))):
        if path.is_file() and _BEGIN in (pem := path.read_bytes()):
            return pem
    raise SeedError(
        "failed to find this machine's root certificates: none of the usual files is there."
        " Install the package ca-certificates, or name a PEM file with --root-cert"
    )
