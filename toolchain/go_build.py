"""Pulumi's tools built from the Go module proxy, for networks that its download site is outside of.

`toolchain/go` holds one Go module a tool. What they make is kept in a folder named after a hash of
them: a changed version is another folder, and every clone with the same modules shares one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from toolchain.console import SetupFailed, answer, last_line, run_long, say
from toolchain.lock import only_one

CLI_VERSION = "3.256.0"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
# The oldest Go that fetches a newer one by itself, from the same module proxy.
_OLDEST_GO = (1, 21)
# Where Go's own archive unpacks to; a shell that never read its profile has it not on PATH.
UNPACKED_GO = "/usr/local/go/bin"
_GO_REMEDY = "Install Go 1.21 or newer (https://go.dev/dl), or install Pulumi yourself"


class PluginPin(Protocol):
    """What this module needs to know of a plugin."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def folder(self) -> str: ...


@dataclass(frozen=True)
class Program:
    """One `go build`: the module's folder, the package in it, the linker's version variable."""

    module: str
    package: str
    variable: str
    version: str
    minutes: str
    tags: str = ""


_CLI = Program(
    "cli",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    f"{_SDK}/go/common/version.Version",
    f"v{CLI_VERSION}",
    "5 min",
)
# Newer ones are not on the proxy; the command line takes this one.
_LANGUAGE_HOST = Program(
    "language-python",
    f"{_SDK}/python/cmd/pulumi-language-python",
    f"{_SDK}/go/common/version.Version",
    "v3.79.0",
    "30 s",
)
# Without docker compose, which would double the build and which Pulumi does not offer either.
_PLUGIN_TAGS = {"docker": "no_compose"}
_PLUGIN_MINUTES = {"docker": "3 min", "command": "20 s"}


@dataclass(frozen=True)
class Build:
    """The tools that the modules in `sources` make, below `folder`."""

    sources: Path
    folder: Path
    plugins: Sequence[PluginPin]

    @property
    def place(self) -> Path:
        return self.folder / source_hash(self.sources, self.plugins)

    @property
    def cli(self) -> Path:
        return self.place / "bin" / "pulumi"

    @property
    def home(self) -> Path:
        """The Pulumi home with the built plugins."""
        return self.place / "home"

    def has_plugins(self) -> bool:
        return all(self._plugin_file(plugin).is_file() for plugin in self.plugins)

    def is_complete(self) -> bool:
        names = ("pulumi", "pulumi-language-python", "pulumi-language-python-host")
        scripts = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python")
        return self.has_plugins() and all(
            (self.place / "bin" / name).is_file() for name in (*names, *scripts)
        )

    def build(self, cli: Path | None, *, logs: Path, user_home: Path) -> None:
        """Build what is missing: the plugins, and a command line unless `cli` is one already.

        Raises SetupFailed. A step done in an earlier run is not repeated.
        """
        with only_one(self.folder / "lock", "build Pulumi's tools"):
            self._link_user_home(user_home)
            if cli is None:
                self._build_cli(logs)
            for plugin in self.plugins:
                if not self._plugin_file(plugin).is_file():
                    self._build_plugin(plugin, cli or self.cli, user_home, logs)

    def _build_cli(self, logs: Path) -> None:
        binaries = self.place / "bin"
        self.compile(_CLI, binaries / "pulumi", logs)
        self.compile(_LANGUAGE_HOST, binaries / "pulumi-language-python-host", logs)
        sdk = self._module_folder(_CLI.module, _SDK)
        for source in (
            sdk / "python" / "cmd" / "pulumi-language-python-exec",
            sdk / "python" / "dist" / "pulumi-resource-pulumi-python",
            self.sources / "language-python" / "pulumi-language-python",
        ):
            _put(source, binaries / source.name)

    def _build_plugin(self, plugin: PluginPin, cli: Path, user_home: Path, logs: Path) -> None:
        name = f"pulumi-resource-{plugin.name}"
        program = Program(
            plugin.name,
            ".",
            "main.version",
            plugin.version,
            _PLUGIN_MINUTES.get(plugin.name, "3 min"),
            _PLUGIN_TAGS.get(plugin.name, ""),
        )
        binary = self.place / "build" / name
        self.compile(program, binary, logs)
        done = answer(
            [
                *(str(cli), "plugin", "install", "resource", plugin.name, plugin.version),
                *("--file", str(binary), "--reinstall"),
            ],
            env={
                **os.environ,
                "PULUMI_HOME": str(self.home),
                "PULUMI_CREDENTIALS_PATH": str(user_home),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
        )
        if done.returncode or not self._plugin_file(plugin).is_file():
            raise SetupFailed(
                f"failed to install the {plugin.name} plugin: {last_line(done.stderr)}."
                f" Remove {self.place} and run the same command again"
            )
        binary.unlink()

    def _plugin_file(self, plugin: PluginPin) -> Path:
        return self.home / "plugins" / plugin.folder / f"pulumi-resource-{plugin.name}"

    def compile(self, program: Program, target: Path, logs: Path) -> None:
        """Build one program under a temporary name, so that a file of its own name is finished."""
        if target.is_file():
            return
        say(f"building {target.name} {program.version} (usually {program.minutes} on 2 cores)")
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(f".{target.name}.*"):
            left.unlink()  # of a run that was killed: the lock is ours
        part = target.with_name(f".{target.name}.{os.getpid()}")
        command = [_go_command(), "build", "-C", str(self.sources / program.module), "-v"]
        command += ["-ldflags", f"-s -w -X {program.variable}={program.version}"]
        command += ["-tags", program.tags] if program.tags else []
        try:
            run_long(
                [*command, "-o", str(part), program.package],
                title=f"build {target.name}",
                log=logs / f"go-{program.module}.log",
                env=go_environment(),
                remedy="Check that the Go module proxy (go env GOPROXY) can be reached",
            )
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _module_folder(self, module: str, path: str) -> Path:
        command = [_go_command(), "list", "-m", "-f", "{{.Dir}}", path]
        listed = answer(command, cwd=self.sources / module, env=go_environment(), timeout_s=300)
        if listed.returncode or not listed.stdout.strip():
            raise SetupFailed(
                f"failed to find module {path}: {last_line(listed.stderr)}. Run again"
            )
        return Path(listed.stdout.strip())

    def _link_user_home(self, user_home: Path) -> None:
        """Keep the choice of a stack in the user's own Pulumi home, whichever home is in use."""
        link, target = self.home / "workspaces", user_home / "workspaces"
        self.home.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(target)


def source_hash(sources: Path, plugins: Sequence[PluginPin]) -> str:
    """Name what the modules make on this platform: 12 digits over every file and version."""
    digest = hashlib.sha256()
    fields = [platform.system(), platform.machine(), repr((_CLI, _LANGUAGE_HOST, _PLUGIN_TAGS))]
    fields += [plugin.folder for plugin in plugins]
    files = (path for path in sources.rglob("*") if path.is_file())
    for path in sorted(path for path in files if not path.name.endswith("_test.go")):
        body = path.read_bytes().replace(b"\r\n", b"\n")
        fields += [path.relative_to(sources).as_posix(), hashlib.sha256(body).hexdigest()]
    for value in fields:
        digest.update(f"{len(value)}:{value}".encode())
    return digest.hexdigest()[:12]


def _put(source: Path, target: Path) -> None:
    """Copy a script to where it runs from, under a temporary name first."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.chmod(0o755)
    part.replace(target)


def _go_command() -> str:
    go = shutil.which("go") or shutil.which("go", path=UNPACKED_GO)
    if not go:
        raise SetupFailed(f"failed to build Pulumi's tools: no go command on PATH. {_GO_REMEDY}")
    answered = answer([go, "version"]).stdout
    match = re.search(r"go(\d+)\.(\d+)", answered)
    if not match or tuple(map(int, match.groups())) < _OLDEST_GO:
        said = answered.strip() or "go does not run"
        raise SetupFailed(f"failed to build Pulumi's tools: {said}. {_GO_REMEDY}")
    return go


def go_environment() -> dict[str, str]:
    """Return the environment of every go command; the user's proxy and cache settings stay."""
    return {
        **os.environ,
        # The same for building and checking: with other flags Go compiles everything again.
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath",
        "GOWORK": "off",
        # The modules ask for a newer Go than some machines have; the module proxy has it.
        "GOTOOLCHAIN": "auto",
        "CGO_ENABLED": "0",
    }
