"""A role's password, changed over the container's local socket.

The password itself never leaves this process: PostgreSQL gets the SCRAM-SHA-256 verifier that it
would compute and store, as psql's `\\password` does. So no argument list, log or statement
statistics can hold it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata

from pgseed.errors import SeedError
from pgseed.server import MAINTENANCE_DATABASE, Server
from pgseed.sql_names import quote_literal, quote_name
from vpdb import docker

# PostgreSQL's own numbers (src/include/common/scram-common.h).
_ITERATIONS = 4096
_SALT_BYTES = 16
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(?P<iterations>[0-9]+):(?P<salt>[A-Za-z0-9+/=]+)\$.+")


def set_password(container: str, user: str, password: str) -> None:
    """Set a role's password without knowing any; a wrong or missing role raises SeedError."""
    verifier = scram_verifier(password, secrets.token_bytes(_SALT_BYTES))
    script = (
        "SET log_min_duration_statement = -1;\n"
        "SET log_min_error_statement = panic;\n"
        "SET pg_stat_statements.track_utility = off;\n"
        f"ALTER ROLE {quote_name(user)} PASSWORD {quote_literal(verifier)};\n"
    )
    command = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]
    try:
        docker.execute(
            container, [*command, "-d", "postgres", "-f", "-"], stdin=script.encode(), timeout_s=30
        )
    except docker.DockerFailed as error:
        cause = error.stderr.strip().splitlines()[0] if error.stderr.strip() else "no reason given"
        raise SeedError(
            f"failed to set the password of role {user}: {cause}."
            f" Look at the server's log: docker logs {container}"
        ) from None


def ensure_password(server: Server, user: str, password: str) -> None:
    """Set a role's password unless it is the one already; to ask costs a tenth of setting it."""
    with (
        server.session(MAINTENANCE_DATABASE, purpose="password") as admin,
        admin.cursor() as cursor,
    ):
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (user,))
        stored = next((verifier for (verifier,) in cursor.fetchall()), None)
    if not is_password_of(stored or "", password):
        set_password(server.container, user, password)


def is_password_of(verifier: str, password: str) -> bool:
    """Tell whether a stored SCRAM-SHA-256 verifier is this password's; False for any other form."""
    found = _VERIFIER.fullmatch(verifier)
    if found is None:
        return False
    salt = base64.b64decode(found["salt"])
    return hmac.compare_digest(scram_verifier(password, salt, int(found["iterations"])), verifier)


def scram_verifier(password: str, salt: bytes, iterations: int = _ITERATIONS) -> str:
    """Compute what PostgreSQL stores for a password (RFC 5803, scram_build_secret())."""
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _prepared(password: str) -> bytes:
    """Bring a password into the form that clients send (SASLprep, RFC 4013).

    Where the profile forbids a password, PostgreSQL and libpq take it as it is (pg_saslprep()).
    """
    if password.isascii():
        return password.encode()
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )
    text = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    forbidden = any(_is_forbidden(c) for c in text)
    if not text or forbidden or _breaks_direction(text):
        return password.encode()
    return text.encode()


def _is_forbidden(character: str) -> bool:
    tables = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    return any(table(character) for table in tables)


def _breaks_direction(text: str) -> bool:
    """Tell whether right-to-left text stands where the profile does not allow it (RFC 3454, 6)."""
    if not any(stringprep.in_table_d1(c) for c in text):
        return False
    mixed = any(stringprep.in_table_d2(c) for c in text)
    return mixed or not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1]))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
