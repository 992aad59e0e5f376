"""Pulumi on this machine: its tools, the stack's state, locks of killed commands.

All is read from files: asking the CLI takes seconds, and it may be what is broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from toolchain import backend, stack_lock, tools
from vpdb.doctor.facts import Facts, StackState, ToolVersions
from vpdb.doctor.finding import UP, Finding, note, ok, skipped, trouble, warning
from vpdb.settings import Settings

_PIN = re.compile(r"^([A-Za-z0-9_-]+)==([0-9.]+)", re.MULTILINE)
# The packages that a running program needs; the ones for tests may be missing.
_NEEDED = ("pulumi", "pulumi-docker", "pulumi-command", "psycopg2-binary", "typer", "rich")


def look_at_tools(project_dir: Path, env: Mapping[str, str]) -> ToolVersions:
    """Collect versions: found here, and pinned in requirements.txt."""
    try:
        text = (project_dir / "requirements.txt").read_text(encoding="utf-8")
    except OSError:
        text = ""
    pins = dict(_PIN.findall(text))
    wanted = {name: pins[name] for name in _NEEDED if name in pins}
    plugins = {
        name.removeprefix("pulumi-"): version
        for name, version in wanted.items()
        if name.startswith("pulumi-")
    }
    found = tools.find(project_dir, env) if text else None
    homes = [tools.user_home(env)] + ([found.home] if found and found.home else [])
    return ToolVersions(
        pulumi=tools.said_version(found.cli).removeprefix("v") if found else "",
        packages={name: _package_version(name) for name in wanted},
        packages_wanted=wanted,
        plugins={name: tuple(_plugin_versions(homes, name)) for name in plugins},
        plugins_wanted=plugins,
    )


def look_at_state(settings: Settings, env: Mapping[str, str]) -> StackState:
    """Read the stack's state and locks from the file backend."""
    folder = backend.find(settings.project_dir, env)
    if folder is None:
        return StackState(error="the stack's state is not in a local folder")
    state = backend.state_file(folder, settings.project, settings.stack)
    locks = backend.locks(folder, settings.project, settings.stack)
    if not state.is_file():
        return StackState()
    try:
        checkpoint = json.loads(state.read_text(encoding="utf-8"))["checkpoint"]
    except (OSError, ValueError, KeyError):
        return StackState(error=f"{state} cannot be read; its .bak beside it is the one before")
    latest = checkpoint.get("latest") or {}
    return StackState(
        exists=bool(latest.get("resources")) or bool(latest.get("pending_operations")),
        pending=tuple(pending(latest)),
        locks=tuple(stack_lock.judged(locks)),
    )


def pending(latest: Mapping[str, Any]) -> Iterator[str]:
    """Word the operations that were begun and never finished: `creating velpharma-dev`."""
    for operation in latest.get("pending_operations") or []:
        urn = (operation.get("resource") or {}).get("urn", "")
        yield f"{operation.get('type', 'changing')} {urn.rpartition('::')[2] or 'a resource'}"


def check_tools(facts: Facts) -> Finding:
    """Are the Pulumi CLI, its plugins and the Python packages the ones this checkout asks for?"""
    found = facts.tools
    troubles = [
        f"{name} {found.packages.get(name) or 'missing'} instead of {version}"
        for name, version in found.packages_wanted.items()
        if found.packages.get(name) != version
    ]
    troubles += [
        f"plugin {name} {', '.join(found.plugins.get(name, ())) or 'missing'} instead of {version}"
        for name, version in found.plugins_wanted.items()
        if version not in found.plugins.get(name, ())
    ]
    if not found.pulumi:
        troubles.insert(0, "there is no pulumi command on PATH")
    if troubles:
        remedy = f"{UP}; `python3 bootstrap.py env` prints what plain `pulumi` needs"
        return warning("; ".join(troubles), remedy)
    plugins = ", ".join(f"{name} {version}" for name, version in found.plugins_wanted.items())
    return ok(f"CLI {found.pulumi}, plugins {plugins}")


def check_last_up(facts: Facts) -> Finding:
    """Did a killed `pulumi up` leave operations or a lock behind?"""
    state = facts.state
    if state.error:
        return skipped(state.error)
    dead = [lock for lock in state.locks if lock.dead]
    if dead:
        return trouble(
            f"`pulumi up` was killed and left its lock ({_locks(dead)})"
            + (f" while {_listed(state.pending)}" if state.pending else ""),
            f"{UP}, or `pulumi cancel` and `pulumi up --refresh`",
            "clear_locks",
        )
    if state.locks:
        return note(f"a pulumi command is at work ({_locks(state.locks)})")
    if state.pending:
        return trouble(
            f"`pulumi up` was interrupted while {_listed(state.pending)}",
            f"{UP}, or `pulumi up --refresh`",
        )
    if not state.exists:
        return note(f"stack {facts.settings.stack} was never brought up here", UP)
    return ok("finished, no lock left")


def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _plugin_versions(homes: list[Path], name: str) -> Iterator[str]:
    for home in homes:
        for folder in sorted((home / "plugins").glob(f"resource-{name}-v*")):
            if folder.is_dir():
                yield folder.name.removeprefix(f"resource-{name}-v")


def _locks(locks: Sequence[stack_lock.Lock]) -> str:
    return ", ".join(lock.who for lock in locks)


def _listed(operations: tuple[str, ...]) -> str:
    shown = ", ".join(operations[:3])
    return shown + (f" and {len(operations) - 3} more" if len(operations) > 3 else "")
