"""The subcommands of `bootstrap.py`; each gives its exit code or raises SetupFailed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from toolchain import base_image, checks, ports, stack_lock, stacks, world
from toolchain.console import SetupFailed, answer, last_line, run_in_front, say
from toolchain.docker_engine import ensure as ensure_engine
from toolchain.docker_engine import inspect
from toolchain.lock import only_one
from toolchain.session import Session
from toolchain.tools import Tools, shell_lines

_STOP_SECONDS = 60


def up(session: Session, stack: str, rest: Sequence[str]) -> int:
    """Set everything up that is missing, then run `pulumi up`."""
    with _alone(session, "set the stack up"):
        session.set_up_tools()
        settings = session.set_up_engine(stack)
        flags = _prepare(session, settings)
        command = [str(session.cli), "up", "--yes", "--skip-preview", "--stack", settings.stack]
        code = run_in_front([*command, *flags, *rest], cwd=session.project, env=session.env)
    if code == 0:
        print(
            f"\nDatabase {settings.database} answers on {settings.address}:{settings.port}:\n"
            f"    psql -h {settings.address} -p {settings.port} -U {settings.user}"
            f" {settings.database}"
        )
        if not _is_prepared(session):
            print(
                "For plain `pulumi …` and `python -m vpdb …` in this shell:\n"
                '    eval "$(python3 bootstrap.py env)"'
            )
    return code


def down(session: Session, stack: str) -> int:
    """Stop the stack's container; its data stays."""
    session.use_what_is_there()
    settings = stacks.read_settings(session.project, stack, session.env)
    ensure_engine(session.logs)
    container = inspect("container", settings.container)
    if container is None or container["State"]["Status"] != "running":
        say(f"container {settings.container} is not running")
        return 0
    if not world.is_from_checkout(container, settings, session.project):
        raise SetupFailed(
            f"failed to stop container {settings.container}: this checkout did not make it"
            f" ({world.origin(container)}). Run `docker stop {settings.container}` if you mean it"
        )
    stop = ["docker", "stop", "-t", str(_STOP_SECONDS), settings.container]
    done = answer(stop, timeout_s=_STOP_SECONDS + 60)
    if done.returncode:
        raise SetupFailed(
            f"failed to stop container {settings.container}: {last_line(done.stderr)}."
            " Run the same command again"
        )
    say(f"stopped {settings.container}; its data stays, `python3 bootstrap.py up` starts it again")
    return 0


def destroy(session: Session, stack: str, *, yes: bool, rest: Sequence[str]) -> int:
    """Remove the stack with its container, its volume and all data in it."""
    session.use_what_is_there()
    settings = stacks.read_settings(session.project, stack, session.env)
    if not yes and not _confirmed(settings):
        return 1
    with _alone(session, "destroy the stack"):
        ensure_engine(session.logs)
        deployment = _open(session, settings)
        seen = world.compare(deployment or {}, inspect)
        if deployment is not None:
            flags = ["--refresh"] if seen.missing or seen.interrupted else []
            command = [str(session.cli), "destroy", "--yes", "--skip-preview"]
            command += ["--stack", settings.stack, *flags, *rest]
            code = run_in_front(command, cwd=session.project, env=session.env)
            if code:
                return code
            # The team's stack file is committed: removing it would leave git changed.
            keep = ["--preserve-config"] if settings.stack == stacks.TEAM_STACK else []
            session.pulumi.ask(
                *("stack", "rm", "--yes", *keep, settings.stack),
                verb=f"remove stack {settings.stack}",
                remedy="Run the same command again",
            )
        _remove_leftovers(session, settings, seen.volumes)
    say(f"stack {settings.stack} is gone")
    return 0


def new_stack(session: Session, name: str, port_text: str | None) -> int:
    """Make or change a stack of one's own, with a port of its own, and select it."""
    stacks.checked_name(name)
    port = stacks.checked_port(port_text) if port_text else None
    if name == stacks.TEAM_STACK and port:
        raise SetupFailed(
            f"failed to set the port of stack {name}: its file is the whole team's."
            " Take a name of your own, for example dev2"
        )
    with _alone(session, "make a stack"):
        session.set_up_tools()
        path = session.project / f"Pulumi.{name}.yaml"
        has_port = path.is_file() and ":port:" in path.read_text("utf-8")
        pulumi = session.pulumi
        if pulumi.state(name) is None:
            pulumi.create(name)
        pulumi.select(name)
        if port is None and not has_port:
            taken = stacks.ports_put_down(session.project)
            port = ports.next_free(max(taken, default=5433) + 1, taken)
        if port is not None:
            pulumi.ask(
                *("config", "set", "port", str(port), "--stack", name),
                verb=f"set the port of stack {name}",
                remedy="Run the same command again",
            )
    settings = stacks.read_settings(session.project, name, session.env)
    say(f"stack {name} is selected, port {settings.port}; `python3 bootstrap.py up` fills it")
    return 0


def print_environment(session: Session) -> int:
    """Print what a shell needs for plain `pulumi` and `python -m vpdb`."""
    changes = session.use_what_is_there()
    print(shell_lines(changes, Tools(session.cli).folders(session.project)))
    return 0


def test(session: Session, rest: Sequence[str]) -> int:
    """Set up, then run every check and test; with arguments only pytest, with them."""
    with _alone(session, "set up"):
        session.set_up_tools()
        session.set_up_engine("")
    return checks.run(session, rest)


def in_environment(session: Session, module: Sequence[str], rest: Sequence[str]) -> int:
    """Set up, then run a Python module of the project."""
    with _alone(session, "set up"):
        session.set_up_tools()
        session.set_up_engine("")
    command = [str(session.python), "-m", *module, *rest]
    return run_in_front(command, cwd=session.project, env=session.env)


def _is_prepared(session: Session) -> bool:
    """Return whether plain `pulumi` in the user's shell does what was done here.

    A shell prepared before a `git pull` may still name an older base image.
    """
    found = shutil.which("pulumi")
    same_base = os.environ.get(base_image.VARIABLE) == session.env.get(base_image.VARIABLE)
    return found is not None and Path(found).resolve() == session.cli.resolve() and same_base


def _prepare(session: Session, settings: stacks.StackSettings) -> list[str]:
    """Make the stack ready for `pulumi up`; give the flags to add."""
    deployment = _open(session, settings)
    if deployment is None:
        say(f"creating stack {settings.stack}")
        _make_way(session, settings, {})
        session.pulumi.create(settings.stack)
        return []
    if not session.pulumi.has_selection():
        session.pulumi.select(settings.stack)
    seen = _make_way(session, settings, deployment)
    flags: list[str] = []
    for name in seen.stopped:
        say(f"starting {name}")
        done = answer(["docker", "start", name])
        if done.returncode:
            say(f"{name} does not start ({last_line(done.stderr)}); making it anew")
            flags = ["--refresh"]
        else:
            ports.wait_until_ready(name)
    if seen.interrupted:
        say("an earlier run was cut short: looking at what it left")
        refresh = [str(session.cli), "refresh", "--yes", "--skip-preview"]
        refresh += ["--clear-pending-creates", "--stack", settings.stack]
        if run_in_front(refresh, cwd=session.project, env=session.env):
            raise SetupFailed("failed to refresh the stack: see above. Run the same command again")
    elif seen.missing:
        say(f"gone from the Docker engine: {', '.join(seen.missing)}; bringing it back")
        flags = ["--refresh"]
    return flags


def _make_way(
    session: Session, settings: stacks.StackSettings, deployment: dict[str, object]
) -> world.World:
    """Refuse what would fail half way: a container of the same name, a port that is taken."""
    seen = world.compare(deployment, inspect)
    container = inspect("container", settings.container)
    if container and container["Id"] not in seen.container_ids:
        if not world.is_from_checkout(container, settings, session.project):
            raise SetupFailed(
                f"failed to start stack {settings.stack}: there is a container"
                f" {settings.container} that this checkout knows nothing of"
                f" ({world.origin(container)}). Take a stack of your own"
                " (`python3 bootstrap.py stack NAME`), or remove that container; its volume stays"
            )
        say(f"removing {settings.container}, which a cut run left; its volume stays")
        answer(["docker", "rm", "--force", settings.container])
        container = None
    running = container is not None and container["State"]["Status"] == "running"
    if not (running and container and world.publishes(container, settings.port)):
        _need_port(session, settings)
    return seen


def _need_port(session: Session, settings: stacks.StackSettings) -> None:
    address = settings.address
    if ports.is_free(settings.port, address):
        return
    free = ports.next_free(settings.port + 1, stacks.ports_put_down(session.project), address)
    raise SetupFailed(
        f"failed to publish port {settings.port}: it is taken by {ports.holder(settings.port)}."
        f" Stop that, or take the next free one: {stacks.with_port(settings.stack, free)}"
    )


def _open(session: Session, settings: stacks.StackSettings) -> dict[str, object] | None:
    """Return the stack's state, once nobody alive works on it; None when there is no such stack."""
    locks = session.pulumi.locks(settings.stack, settings.project)
    if locks:
        stack_lock.clear_dead(locks)
    return session.pulumi.state(settings.stack)


def _remove_leftovers(
    session: Session, settings: stacks.StackSettings, volumes: Sequence[str]
) -> None:
    """Remove by name what a cut run had begun to make; nothing that another checkout made."""
    container = inspect("container", settings.container)
    if container and world.is_from_checkout(container, settings, session.project):
        answer(["docker", "rm", "--force", settings.container])
        container = None
    for name in volumes if container is None else ():
        if inspect("volume", name):
            answer(["docker", "volume", "rm", name])


def _confirmed(settings: stacks.StackSettings) -> bool:
    what = f"stack {settings.stack}, container {settings.container} and all data in its volume"
    if not sys.stdin.isatty():
        raise SetupFailed(
            f"failed to destroy {what}: nobody was asked. Add --yes if that is what you want"
        )
    return input(f"Destroy {what}? [y/N] ").strip().lower() in ("y", "yes")


def _alone(session: Session, what: str) -> AbstractContextManager[None]:
    return only_one(session.work / "lock", what)


def project_folder() -> Path:
    """Return the checkout that this file belongs to."""
    return Path(__file__).resolve().parent.parent
