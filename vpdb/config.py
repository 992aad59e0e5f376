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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from vpdb.errors import SettingRefused

DEFAULT_STACK = "dev"
BASE_IMAGE_VARIABLE = "VELPHARMA_BASE_IMAGE"
STACK_VARIABLE = "VELPHARMA_STACK"
PASSWORD_VARIABLE = "VELPHARMA_PASSWORD"
# Stands for a password that only Pulumi can decrypt.
ENCRYPTED = "(encrypted)"
# What a stack's committed file must not hold: wishes of one developer, for one `up`.
PERSONAL_KEYS = ("bulkMode", "dump", "release")

T = TypeVar("T")

_STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
RELEASE_NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# PostgreSQL cuts names at 63 bytes; templates and kept databases append up to 33 to the live one.
_DATABASE_BYTES = 30
_SOURCES = ("auto", "backup", "seed", "empty")


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
        unknown = sorted(set(values) - set(defaults))
        if unknown:
            close = _closest(unknown[0], defaults)
            raise SettingRefused(
                f"failed to read setting {unknown[0]}: no such setting."
                f" {f'Did you mean {close}? ' if close else ''}"
                f"Remove it with `pulumi config rm {unknown[0]}`; Pulumi.yaml lists them all"
            )
        merged = {**defaults, **values}

        def take(key: str, parse: Callable[[str, Any], T]) -> T:
            return parse(key, merged[key])

        settings = cls(
            project_dir=project_dir,
            project=project,
            stack=checked_stack_name(stack),
            port=take("port", _whole_number(1, 65535, 5440)),
            address=take("address", _address),
            database=take("database", _database_name),
            db_schema=take("schema", _plain_name("vpv4")),
            user=take("user", _plain_name("velpharma")),
            password=take("password", _password),
            password_is_default=merged["password"] == defaults["password"],
            base_image=os.environ.get(BASE_IMAGE_VARIABLE) or take("baseImage", _text),
            source=take("source", _one_of(_SOURCES)),
            backup=project_dir / Path(take("backup", _text)).expanduser(),
            backup_url=take("backupUrl", _url),
            backup_sha256=take("backupSha256", _sha256),
            templates=take("templates", _whole_number(0, 50, 3)),
            kept_databases=take("keptDatabases", _whole_number(0, 50, 3)),
            cache_limit_gb=take("cacheLimitGb", _whole_number(0, 10_000, 20)),
            bulk_mode=take("bulkMode", _boolean),
            bulk_mode_hours=take("bulkModeHours", _whole_number(1, 10_000, 8)),
            loader=take("loader", _text),
            release=take("release", _matching(RELEASE_NAME, "a month as YYYY-MM", "2026-11")),
            dump=take("dump", _matching(_LABEL, "a label of letters, digits, . _ -", "2026-11")),
            dump_retention=take("dumpRetention", _whole_number(0, 1000, 3)),
            azure_host=take("azureHost", _text),
            azure_database=take("azureDatabase", _text),
            azure_user=take("azureUser", _text),
            azure_schema=take("azureSchema", _plain_name("vpv4")),
        )
        _check_together(settings)
        return settings


def checked_stack_name(name: str) -> str:
    """Give back a stack's name that Docker, too, accepts as part of a container's name."""
    if not _STACK_NAME.fullmatch(name):
        raise SettingRefused(
            f"failed to read stack name {name!r}: it must be 1 to 40 letters, digits, dots,"
            " dashes or underscores and begin with a letter or digit. For example: dev2"
        )
    return name


def find_project_dir(start: Path | None = None) -> Path:
    """Walk up from `start` (the working directory) to the folder of this project's Pulumi.yaml."""
    here = (start or Path.cwd()).resolve()
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
    """Give the project's name and the default of every setting that Pulumi.yaml declares."""
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


def _refusal(key: str, rule: str, value: object, example: object) -> SettingRefused:
    shown = "(hidden)" if key == "password" else repr(value)
    return SettingRefused(
        f"failed to read setting {key}: it must be {rule}, not {shown}."
        f" For example: pulumi config set {key} {example}"
    )


def _text(key: str, value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise _refusal(key, "a text", value, "text")
    return str(value).strip()


def _whole_number(low: int, high: int, example: int) -> Callable[[str, Any], int]:
    def parse(key: str, value: Any) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not text.isascii() or not text.isdigit():
            raise _refusal(key, f"a whole number from {low} to {high}", value, example)
        if not low <= int(text) <= high:
            raise _refusal(key, f"a whole number from {low} to {high}", value, example)
        return int(text)

    return parse


def _boolean(key: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise _refusal(key, "true or false", value, "true")
    return word == "true"


def _one_of(choices: tuple[str, ...]) -> Callable[[str, Any], str]:
    def parse(key: str, value: Any) -> str:
        if value not in choices:
            raise _refusal(key, f"one of {', '.join(choices)}", value, choices[0])
        return str(value)

    return parse


def _matching(pattern: re.Pattern[str], rule: str, example: str) -> Callable[[str, Any], str]:
    def parse(key: str, value: Any) -> str:
        text = _text(key, value)
        if text and not pattern.fullmatch(text):
            raise _refusal(key, rule, value, example)
        return text

    return parse


def _plain_name(example: str) -> Callable[[str, Any], str]:
    def parse(key: str, value: Any) -> str:
        text = _text(key, value)
        if not _PLAIN_NAME.fullmatch(text) or len(text) > 63 or text.startswith("pg_"):
            rule = "a name of up to 63 letters, digits, - or _, not beginning with pg_"
            raise _refusal(key, rule, value, example)
        return text

    return parse


def _database_name(key: str, value: Any) -> str:
    name = _plain_name("velpdevdb")(key, value)
    if len(name) > _DATABASE_BYTES or name in ("postgres", "template0", "template1"):
        rule = f"a name of up to {_DATABASE_BYTES} characters that PostgreSQL does not use itself"
        raise _refusal(key, rule, value, "velpdevdb")
    return name


def _password(key: str, value: Any) -> str:
    if not isinstance(value, (str, int)) or not str(value) or "\0" in str(value):
        raise _refusal(key, "a text that is not empty", value, "--secret")
    return str(value)


def _address(key: str, value: Any) -> str:
    text = _text(key, value)
    if text == "localhost":
        return text
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise _refusal(key, "an IP address of this machine", value, "127.0.0.1") from None
    return text


def _url(key: str, value: Any) -> str:
    text = _text(key, value)
    if text and not text.startswith(("https://", "file://")):
        raise _refusal(key, "an https:// or file:// URL", value, "https://host/backup.sql.zst")
    return text


def _sha256(key: str, value: Any) -> str:
    text = _text(key, value).lower()
    if text and not _SHA256.fullmatch(text):
        raise _refusal(key, "64 hexadecimal digits", value, "$(sha256sum FILE | cut -c-64)")
    return text


def _closest(key: str, known: Mapping[str, Any]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(key, known, 1)), "")
