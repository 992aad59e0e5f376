"""Failures of libpq, psql and pg_dump: the cause in plain words, and what to do."""

from __future__ import annotations

PASSWORD_VARIABLE = "VELPHARMA_AZURE_PASSWORD"

_HOST = "Correct `pulumi config set azureHost`"
_FIREWALL = "Add this machine's address to the server's firewall rules in the Azure portal"
_ENDED = ("it ended the connection", "Run the command again; nothing here was changed")

# Part of the message: the cause, what to do. The first match wins.
_EXPLANATIONS = {
    "certificate verify failed": (
        "its certificate is not signed by an authority this machine trusts",
        "If your network inspects TLS, name its root with --root-cert; else somebody may be in"
        " between: stop here",
    ),
    "does not match host name": (
        "its certificate is for another host name",
        f"{_HOST}; somebody may be in between: do not go on",
    ),
    "server does not support ssl": ("it does not offer TLS, so nothing was sent to it", _HOST),
    "password authentication failed": (
        "it refused the user or the password",
        f"Give the right one at the prompt or in {PASSWORD_VARIABLE}",
    ),
    "no pg_hba.conf entry": ("it lets nobody in from this address", _FIREWALL),
    "could not translate host name": ("there is no such host name", f"{_HOST}, or connect the VPN"),
    "connection refused": (
        "nothing listens there",
        f"{_HOST}, or start the server in the Azure portal",
    ),
    "timeout expired": ("it does not answer", f"{_FIREWALL}, or connect the VPN"),
    "does not exist": (
        "it has no such database or role",
        "Correct `pulumi config set azureDatabase` or azureUser",
    ),
    "server closed the connection": _ENDED,
    "terminating connection": _ENDED,
    "ssl syscall error": _ENDED,
    "unexpected eof": _ENDED,
    "closed unexpectedly": _ENDED,
    "could not receive data": _ENDED,
    "permission denied": (
        "the user may not read everything",
        "Have the role granted SELECT on the schema's tables and sequences",
    ),
}


def explain(stderr: str) -> tuple[str, str]:
    """Return the cause and what to do for what psql or pg_dump wrote to stderr."""
    for words, explanation in _EXPLANATIONS.items():
        if words in stderr.lower():
            return explanation
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return (lines[0].rstrip(".") if lines else "no reason given"), "Nothing here was changed"
