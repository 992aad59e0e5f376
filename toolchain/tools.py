"""Which Pulumi tools a run uses, and the environment that makes them work.

In this order: the `pulumi` on PATH; the one an earlier run installed; the official installer, where
its site answers; and where it does not, the tools built by `toolchain.go_build`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import go_build, network
from toolchain.console import SetupFailed, answer, last_line, run_long, say

# The oldest command line the program was tried with: it knows the option `replace_with`.
OLDEST = (3, 256, 0)

HOME_VARIABLE = "VELPHARMA_TOOLCHAIN"


@dataclass(frozen=True)
class Tools:
    """A Pulumi command line; `home` is set where its plugins are our builds."""

    cli: Path
    home: Path | None = None

    def folders(self, project: Path) -> list[str]:
        """Return the folders that go before the others on PATH."""
        return [str(project / ".venv" / "bin"), str(self.cli.parent)]

    def environment(self, project: Path, base: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that make this command line and the project's Python work.

        A passphrase is set only where the user has set none: an empty one still has to be said.
        Our plugin builds live in a Pulumi home of their own, so that the user's never holds them;
        credentials and the choice of a stack stay in the user's.
        """
        folders = self.folders(project)
        rest = [part for part in base.get("PATH", "").split(os.pathsep) if part not in folders]
        changes = {"PATH": os.pathsep.join([*folders, *rest])}
        if "PULUMI_CONFIG_PASSPHRASE" not in base and "PULUMI_CONFIG_PASSPHRASE_FILE" not in base:
            changes["PULUMI_CONFIG_PASSPHRASE"] = ""
        if self.home:
            changes["PULUMI_HOME"] = str(self.home)
            changes["PULUMI_CREDENTIALS_PATH"] = base.get("PULUMI_CREDENTIALS_PATH") or str(
                user_home(base)
            )
            # Asks a site that cannot be reached, on every command.
            changes["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        return changes


@dataclass(frozen=True)
class Plugin:
    name: str
    version: str

    @property
    def folder(self) -> str:
        return f"resource-{self.name}-v{self.version}"


@dataclass(frozen=True)
class Wanted:
    """The versions that requirements.txt pins: of the Pulumi SDK and of the plugins."""

    sdk: str
    plugins: tuple[Plugin, ...] = field(default=())


def wanted(project: Path) -> Wanted:
    """Read the pins; the SDK packages and their plugins carry the same version."""
    text = (project / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^(pulumi[a-z-]*)==([0-9.]+)", text, re.MULTILINE))
    plugins = tuple(
        Plugin(name.removeprefix("pulumi-"), version)
        for name, version in sorted(pins.items())
        if name != "pulumi"
    )
    return Wanted(pins["pulumi"], plugins)


def toolchain_folder(env: Mapping[str, str]) -> Path:
    """Return the folder, outside the checkout, of the tools built here; all clones share it."""
    return Path(env.get(HOME_VARIABLE) or Path.home() / ".velpharma" / "toolchain")


def user_home(env: Mapping[str, str]) -> Path:
    """Return the user's own Pulumi home: credentials, workspaces, official plugins.

    In a shell that was prepared for built tools PULUMI_HOME names theirs, which is not meant here.
    """
    named = Path(env.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return Path.home() / ".pulumi" if toolchain_folder(env) in named.parents else named


def find(project: Path, env: Mapping[str, str]) -> Tools | None:
    """Return the tools that are complete already, or None; the network is not asked."""
    pins = wanted(project)
    built = go_build.Build(project / "toolchain" / "go", toolchain_folder(env), pins.plugins)
    for cli in _official_candidates(pins, env):
        if all((user_home(env) / "plugins" / plugin.folder).is_dir() for plugin in pins.plugins):
            return Tools(cli)
        if built.has_plugins():
            return Tools(cli, built.home)
    return Tools(built.cli, built.home) if built.is_complete() else None


def ensure(project: Path, env: Mapping[str, str], logs: Path) -> Tools:
    """Find the tools, or get them: official ones where their site answers, else built here."""
    found = find(project, env)
    if found:
        return found
    pins = wanted(project)
    built = go_build.Build(project / "toolchain" / "go", toolchain_folder(env), pins.plugins)
    cli = next(iter(_official_candidates(pins, env)), None)
    if network.reachable(network.PULUMI_DOWNLOADS):
        official = cli or _install_official(project, pins, logs)
        _download_plugins(official, pins, env, logs)
        return Tools(official)
    say("Pulumi's download site does not answer: building its tools from the Go module proxy")
    built.build(cli, logs=logs, user_home=user_home(env))
    return Tools(cli or built.cli, built.home)


def shell_lines(changes: Mapping[str, str], folders: list[str]) -> str:
    """Return the `export` lines for a POSIX shell; its own PATH stays behind the folders."""
    first = os.pathsep.join(shlex.quote(folder) for folder in folders)
    values = {name: shlex.quote(value) for name, value in changes.items() if name != "PATH"}
    values["PATH"] = f'{first}{os.pathsep}"$PATH"'
    return "\n".join(f"export {name}={value}" for name, value in values.items())


def said_version(cli: Path) -> str:
    """Ask a command line for its version, such as v3.256.0; empty when it does not answer."""
    quiet = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return answer([str(cli), "version"], env=quiet, timeout_s=20).stdout.strip()


def version_of(text: str) -> tuple[int, ...]:
    """Read `v3.256.0`, also with a pre-release suffix; empty when it is none."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return tuple(int(part) for part in match.groups()) if match else ()


def _official_candidates(pins: Wanted, env: Mapping[str, str]) -> list[Path]:
    """Return the command lines that are not our builds and recent enough, the preferred first."""
    ours = toolchain_folder(env).resolve()
    on_path = shutil.which("pulumi", path=env.get("PATH"))
    home = Path.home() / ".pulumi"
    places = [
        Path(on_path) if on_path else None,
        home / "versions" / pins.sdk / "bin" / "pulumi",
        home / "bin" / "pulumi",
    ]
    return [
        place
        for place in places
        if place
        and place.is_file()
        and ours not in place.resolve().parents
        and version_of(said_version(place)) >= OLDEST
    ]


def _install_official(project: Path, pins: Wanted, logs: Path) -> Path:
    """Have the Pulumi SDK run the official installer; it puts the command line under ~/.pulumi."""
    say(f"installing Pulumi {pins.sdk} from get.pulumi.com (usually 1 min)")
    script = "from pulumi.automation import PulumiCommand; print(PulumiCommand.install().command)"
    python = project / ".venv" / "bin" / "python"
    run_long([str(python), "-c", script], title="install Pulumi", log=logs / "pulumi-install.log")
    return Path.home() / ".pulumi" / "versions" / pins.sdk / "bin" / "pulumi"


def _download_plugins(cli: Path, pins: Wanted, env: Mapping[str, str], logs: Path) -> None:
    listed = answer([str(cli), "plugin", "ls", "--json"], env=env)
    if listed.returncode:
        raise SetupFailed(
            f"failed to list Pulumi's plugins: {last_line(listed.stderr)}. Run `{cli} plugin ls`"
        )
    there = {(p["name"], p.get("version")) for p in json.loads(listed.stdout or "[]")}
    for plugin in pins.plugins:
        if (plugin.name, plugin.version) not in there:
            say(f"downloading the {plugin.name} plugin {plugin.version} (usually 10 s)")
            run_long(
                [str(cli), "plugin", "install", "resource", plugin.name, plugin.version],
                title=f"download the {plugin.name} plugin",
                log=logs / "plugins.log",
                env=env,
            )
