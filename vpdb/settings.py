"""A stack's settings: read once from the Pulumi files, checked, frozen.

`Pulumi.yaml` declares every key with its default; `Pulumi.<stack>.yaml` overrides. The Pulumi
program hands the same keys to `Settings.from_values`, so a value is judged by one rule whoever
reads it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vpdb.errors import SettingRefused

DEFAULT_STACK = "dev"
BASE_IMAGE_VARIABLE = "VELPHARMA_BASE_IMAGE"
STACK_VARIABLE = "VELPHARMA_STACK"
PASSWORD_VARIABLE = "VELPHARMA_PASSWORD"
# Stands for a password that only Pulumi can decrypt.
ENCRYPTED = "(encrypted)"
# What a stack's committed file must not hold: what one developer asks of one `up`.
PERSONAL_KEYS = ("bulkMode", "dump", "release")

RELEASE_NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
# PostgreSQL cuts names at 63 bytes; templates and kept databases append up to 33 to the live one.
_DATABASE_BYTES = 30
_SOURCES = ("auto", "backup", "seed", "empty")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting's value must be: in words, by an example, and judged."""

    words: str
    example: object
    holds: Callable[[str], object] = lambda _text: True


def _pattern(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _whole_number(low: int, high: int, example: int) -> Rule:
    def holds(text: str) -> bool:
        return text.isascii() and text.isdigit() and low <= int(text) <= high

    return Rule(f"a whole number from {low} to {high}", example, holds)


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        return text == "localhost" or bool(ipaddress.ip_address(text))
    return False


# Where the empty text keeps a rule, the setting is not set.
_TEXT = Rule("a text", "text")
_BOOLEAN = Rule("true or false", "true", _pattern("(?i)true|false"))
_SOURCE = Rule(f"one of {', '.join(_SOURCES)}", _SOURCES[0], _SOURCES.__contains__)
_ADDRESS = Rule("an IP address of this machine", "127.0.0.1", _is_address)
_NAME = "a name of up to 63 letters, digits, - or _, not beginning with pg_"
_SCHEMA = Rule(_NAME, "vpv4", _pattern(r"(?!pg_)[A-Za-z_][A-Za-z0-9_-]{0,62}"))
_ROLE = Rule(
    f"{_NAME}, and not postgres or vpdb, which are the server's own roles",
    "velpharma",
    _pattern(r"(?!pg_|(?:postgres|vpdb|public|none)$)[A-Za-z_][A-Za-z0-9_-]{0,62}"),
)
_DATABASE = Rule(
    f"a name of up to {_DATABASE_BYTES} letters, digits, - or _, none of PostgreSQL's own",
    "velpdevdb",
    _pattern(r"(?!pg_|(postgres|template0|template1)$)[A-Za-z_][A-Za-z0-9_-]{0,29}"),
)
_RELEASE = Rule("a month as YYYY-MM", "2026-11", _pattern(f"({RELEASE_NAME.pattern})?"))
_LABEL = Rule(
    "a label of letters, digits, . _ -", "2026-11", _pattern("([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?")
)
_URL = Rule(
    "an https:// or file:// URL", "https://host/backup.sql.zst", _pattern("((https|file)://.*)?")
)
_SHA256 = Rule(
    "64 hexadecimal digits", "$(sha256sum FILE | cut -c-64)", _pattern("([0-9a-fA-F]{64})?")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one stack is set to; see the descriptions in Pulumi.yaml."""

    project_dir: Path
    project: str
    stack: str
    port: int
    address: str
    database: str
    db_schema: str
    user: str
    password: str = field(repr=False)
    password_is_default: bool
    base_image: str
    source: str
    backup: Path
    backup_url: str
    backup_sha256: str
    templates: int
    kept_databases: int
    cache_limit_gb: int
    bulk_mode: bool
    bulk_mode_hours: int
    loader: str
    release: str
    dump: str
    dump_retention: int
    azure_host: str
    azure_database: str
    azure_user: str
    azure_schema: str

    @property
    def container(self) -> str:
        return f"{self.project}-{self.stack}"

    @property
    def volume(self) -> str:
        return f"{self.project}-{self.stack}-data"

    @classmethod
    def from_values(
        cls,
        project_dir: Path,
        project: str,
        stack: str,
        values: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> Settings:
        """Check raw config values (text or typed) and freeze them.

        `values` are this stack's, `defaults` those of Pulumi.yaml. A key nobody declares is
        refused. Raises SettingRefused with rule, value and a valid example.
        """
        for key in sorted(set(values) - set(defaults)):
            import difflib  # only here: it would cost every command 5 ms

            close = "".join(difflib.get_close_matches(key, defaults, 1))
            raise SettingRefused(
                f"failed to read setting {key}: no such setting."
                f" {f'Did you mean {close}? ' if close else ''}"
                f"Remove it with `pulumi config rm {key}`; Pulumi.yaml lists them all"
            )
        merged = {**defaults, **values}

        def take(key: str, rule: Rule = _TEXT) -> str:
            value = merged[key]
            text = str(value).strip()
            if not isinstance(value, (str, int, float)) or not rule.holds(text):
                raise _refusal(key, rule, value)
            return text

        def number(key: str, low: int, high: int, example: int) -> int:
            return int(take(key, _whole_number(low, high, example)))

        settings = cls(
            project_dir=project_dir,
            project=project,
            stack=checked_stack_name(stack),
            port=number("port", 1, 65535, 5440),
            address=take("address", _ADDRESS),
            database=take("database", _DATABASE),
            db_schema=take("schema", _SCHEMA),
            user=take("user", _ROLE),
            password=_password(merged["password"]),
            password_is_default=merged["password"] == defaults["password"],
            base_image=os.environ.get(BASE_IMAGE_VARIABLE) or take("baseImage"),
            source=take("source", _SOURCE),
            backup=project_dir / Path(take("backup")).expanduser(),
            backup_url=take("backupUrl", _URL),
            backup_sha256=take("backupSha256", _SHA256).lower(),
            templates=number("templates", 0, 50, 3),
            kept_databases=number("keptDatabases", 0, 50, 3),
            cache_limit_gb=number("cacheLimitGb", 0, 10_000, 20),
            bulk_mode=take("bulkMode", _BOOLEAN).lower() == "true",
            bulk_mode_hours=number("bulkModeHours", 1, 10_000, 8),
            loader=take("loader"),
            release=take("release", _RELEASE),
            dump=take("dump", _LABEL),
            dump_retention=number("dumpRetention", 0, 1000, 3),
            azure_host=take("azureHost"),
            azure_database=take("azureDatabase"),
            azure_user=take("azureUser"),
            azure_schema=take("azureSchema", _SCHEMA),
        )
        _check_together(settings)
        return settings


def checked_stack_name(name: str) -> str:
    """Return a stack's name that Docker, too, accepts as part of a container's name."""
    if not _STACK_NAME.fullmatch(name):
        raise SettingRefused(
            f"failed to read stack name {name!r}: it must be 1 to 40 letters, digits, dots,"
            " dashes or underscores and begin with a letter or digit. For example: dev2"
        )
    return name


def find_project_dir() -> Path:
    """Walk up from the working directory to the folder of this project's Pulumi.yaml."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parent.parent):
        if (folder / "Pulumi.yaml").is_file() and (folder / "postgres" / "init").is_dir():
            return folder
    raise SettingRefused(
        f"failed to find Pulumi.yaml above {here}: not inside the project. Change into its folder"
    )


def find_stack(project_dir: Path) -> str:
    """Name the stack a command means: the environment's, else the one selected in Pulumi, else dev.

    Pulumi keeps the selection in `$PULUMI_HOME/workspaces/<project>-<sha1 of Pulumi.yaml's
    path>-workspace.json` (sdk/go/common/workspace/workspace.go, `workspacePath`).
    """
    for variable in (STACK_VARIABLE, "PULUMI_STACK"):
        if os.environ.get(variable):
            return checked_stack_name(os.environ[variable].rsplit("/", 1)[-1])
    project_file = (project_dir / "Pulumi.yaml").resolve()
    digest = hashlib.sha1(str(project_file).encode(), usedforsecurity=False).hexdigest()
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    document = _read_yaml(project_file)
    name = f"{document['name']}-{digest}-workspace.json"
    try:
        selection = json.loads((home / "workspaces" / name).read_text())
    except (OSError, ValueError):
        selection = {}
    backend = os.environ.get("PULUMI_BACKEND_URL") or document.get("backend", {}).get("url", "")
    # Newer CLIs keep one selection for each backend under "stacks", older ones a single "stack".
    selected = selection.get("stacks", {}).get(backend) or selection.get("stack") or DEFAULT_STACK
    return checked_stack_name(selected.rsplit("/", 1)[-1])


def load_settings(project_dir: Path, stack: str | None = None) -> Settings:
    """Read Pulumi.yaml and Pulumi.<stack>.yaml without Pulumi.

    An encrypted value cannot be read here; it counts as set by the user, and its text is the one in
    VELPHARMA_PASSWORD, else unknown (few commands need the password: the container's own socket is
    the way in).
    """
    name = checked_stack_name(stack or find_stack(project_dir))
    project, defaults = project_defaults(project_dir)
    stack_file = project_dir / f"Pulumi.{name}.yaml"
    values: dict[str, Any] = {}
    if stack_file.is_file():
        prefix = f"{project}:"
        for key, value in (_read_yaml(stack_file).get("config") or {}).items():
            if key.startswith(prefix):
                encrypted = isinstance(value, dict) and "secure" in value
                hidden = os.environ.get(PASSWORD_VARIABLE) or ENCRYPTED
                values[key.removeprefix(prefix)] = hidden if encrypted else value
    return Settings.from_values(project_dir, project, name, values, defaults)


def project_defaults(project_dir: Path) -> tuple[str, dict[str, Any]]:
    """Return the project's name and the default of every setting that Pulumi.yaml declares."""
    document = _read_yaml(project_dir / "Pulumi.yaml")
    return document["name"], {key: spec["default"] for key, spec in document["config"].items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # not at the top: commands that read no file start faster

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise SettingRefused(f"failed to read {path}: {error.strerror}. Restore the file") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        raise SettingRefused(
            f"failed to read {path}{where}: not valid YAML. Mend the line or restore the file"
        ) from None
    return document if isinstance(document, dict) else {}


def _check_together(settings: Settings) -> None:
    loopback = settings.address == "localhost" or ipaddress.ip_address(settings.address).is_loopback
    if settings.password_is_default and not loopback:
        raise SettingRefused(
            f"failed to publish on address {settings.address}: with the default password only"
            " 127.0.0.1 is allowed. Run `pulumi config set --secret password` first"
        )
    if bool(settings.backup_url) != bool(settings.backup_sha256):
        raise SettingRefused(
            "failed to read setting backupUrl: backupUrl and backupSha256 go together."
            " Set both, or remove both"
        )


def _refusal(key: str, rule: Rule, value: object) -> SettingRefused:
    shown = "(hidden)" if key == "password" else repr(value)
    return SettingRefused(
        f"failed to read setting {key}: it must be {rule.words}, not {shown}."
        f" For example: pulumi config set {key} {rule.example}"
    )


def _password(value: object) -> str:
    # Blanks at its ends are part of it.
    if not isinstance(value, (str, int)) or not str(value) or "\0" in str(value):
        raise _refusal("password", Rule("a text that is not empty", "--secret"), value)
    return str(value)
