"""What the doctor knows when it judges: plain values, None where nobody could look.

An `error` is the reason why a part could not be looked at; empty when it could.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pgseed.databases.stamp import Stamp
from toolchain.stack_lock import Lock
from vpdb.settings import Settings


@dataclass(frozen=True, slots=True)
class Engine:
    installed: bool
    error: str = ""
    client: str = ""
    server: str = ""
    address: str = ""
    local: bool = True


@dataclass(frozen=True, slots=True)
class ToolVersions:
    """Versions found, and the ones this checkout asks for; a missing one is an empty text."""

    pulumi: str
    packages: Mapping[str, str]
    packages_wanted: Mapping[str, str]
    plugins: Mapping[str, tuple[str, ...]]
    plugins_wanted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StackState:
    """The stack's state in Pulumi's own file backend; `error` for any other backend."""

    error: str = ""
    exists: bool = False
    pending: tuple[str, ...] = ()
    """Operations a killed `up` began and never finished, as `creating postgres`."""
    locks: tuple[Lock, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """Who has the stack's port; `holder` is empty when nobody has."""

    number: int
    address: str
    holder: str = ""
    ours: bool = False
    next_free: int = 0


@dataclass(frozen=True, slots=True)
class ContainerState:
    exists: bool
    status: str = ""
    exit_code: int = 0
    out_of_memory: bool = False
    health: str = ""
    image_current: bool | None = None
    published_port: int = 0
    last_words: str = ""
    """The last line of its log that names an error."""
    volume: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where the data is (inside the container) and where the backups are; bytes."""

    data_free: int | None = None
    data_total: int | None = None
    backups_free: int | None = None
    backups_total: int | None = None


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server in the container, the live database, its role."""

    error: str = ""
    refused: bool = False
    """The server answers, and is not this stack's."""
    version: int = 0
    """As server_version_num: 170006."""
    version_wanted: int = 0
    live_exists: bool = True
    role_exists: bool = True
    role_is_superuser: bool = False
    role_owns_database: bool = True
    password_accepted: bool | None = None
    """None when it could not be tried: an encrypted setting."""
    autovacuum: bool = True
    autovacuum_off: tuple[str, ...] = ()
    bulk_mode_s: float | None = None
    """How long bulk mode has been on; None when it is off."""
    unfinished: tuple[str, ...] = ()
    """Databases that an interrupted build or clone left."""
    operation: str = ""
    """Who holds this project's lock: a reload, reset, dump … under way."""
    operation_s: float = 0.0
    idle_in_transaction: tuple[Idler, ...] = ()
    slow_loader: SlowLoader | None = None
    stamp: Stamp | None = None
    """What was loaded into the live database; None where this project did not load it."""
    local_changes: str = ""


@dataclass(frozen=True, slots=True)
class Idler:
    """A session that holds locks and does nothing."""

    pid: int
    who: str
    idle_s: float
    blocks: int


@dataclass(frozen=True, slots=True)
class SlowLoader:
    """A session seen writing with about one row a commit."""

    who: str
    commits_s: float
    rows_s: float


@dataclass(frozen=True, slots=True)
class BackupFile:
    path: Path
    exists: bool = False
    size_bytes: int = 0
    refused: str = ""
    """Why the reader refuses it."""
    remedy: str = ""
    compressed: bool = False
    git_lfs: bool = False
    leftovers: tuple[Path, ...] = ()
    """Temporary files of a dump that was killed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    error: str = ""
    content: str = ""
    schema: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """The backup in git: what this checkout has, what the team's branch has."""

    in_git: bool = False
    modified: bool = False
    behind: int = 0
    """Commits of the upstream branch, as last fetched, that change the backup or the schema."""
    upstream: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    settings: Settings
    engine: Engine
    tools: ToolVersions = field(default_factory=lambda: ToolVersions("", {}, {}, {}, {}))
    state: StackState = field(default_factory=StackState)
    port: Port | None = None
    container: ContainerState | None = None
    volume_exists: bool | None = None
    disk: Disk = field(default_factory=Disk)
    postgres: Postgres | None = None
    backup: BackupFile | None = None
    wanted: Wanted | None = None
    team: Team = field(default_factory=Team)

    @property
    def never_up(self) -> bool:
        """Whether Pulumi's state says that this stack was never brought up."""
        return not self.state.exists and not self.state.error
