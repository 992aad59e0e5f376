"""The repairs that are safe: none of them loses data or ends anybody's session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

from toolchain import stack_lock
from vpdb import bulk, docker
from vpdb.doctor.facts import Facts
from vpdb.doctor.finding import Finding
from vpdb.live import live_database
from vpdb.server.docker_server import DockerServer
from vpdb.server.find import find_server
from vpdb.server.password import set_password


def repair(facts: Facts, findings: Mapping[str, Finding]) -> list[str]:
    """Make every repair the findings name; give what was done, in words. Raises SeedError."""
    wanted = dict.fromkeys(finding.fix for finding in findings.values() if finding.fix)
    return [FIXES[name](facts) for name in wanted]


def _server(facts: Facts, wait_s: float = 30) -> DockerServer:
    """Find the server and prove whose it is: nothing is repaired on another one."""
    return find_server(facts.settings.container, facts.settings.stack, timeout_s=wait_s)


def _start_container(facts: Facts) -> str:
    name = facts.settings.container
    paused = facts.container is not None and facts.container.status == "paused"
    docker.run("unpause" if paused else "start", name)
    _server(facts, wait_s=60)
    return f"started {name}"


def _set_password(facts: Facts) -> str:
    user = facts.settings.user
    set_password(_server(facts), user, facts.settings.password)
    return f"set the password of {user} to the one of the settings"


def _drop_unfinished(facts: Facts) -> str:
    live_database(_server(facts), facts.settings).clean_up()
    return "dropped what interrupted loads left"


def _bulk_off(facts: Facts) -> str:
    bulk.switch_off(_server(facts), facts.settings)
    return "switched bulk mode off"


def _clear_locks(facts: Facts) -> str:
    gone = []
    for folder in {lock.path.parent for lock in facts.state.locks}:
        # Judged again: a new command may have begun meanwhile.
        for lock in filter(lambda lock: lock.dead, stack_lock.judged(folder)):
            stack_lock.remove(lock.path)
            gone.append(str(lock.holder.pid))
    return f"removed the lock of the killed `pulumi` (process {', '.join(gone) or 'none'})"


def _remove_leftovers(facts: Facts) -> str:
    leftovers = facts.backup.leftovers if facts.backup else ()
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return f"removed {', '.join(path.name for path in leftovers)}"


FIXES: Mapping[str, Callable[[Facts], str]] = {
    "start_container": _start_container,
    "set_password": _set_password,
    "drop_unfinished": _drop_unfinished,
    "bulk_off": _bulk_off,
    "clear_locks": _clear_locks,
    "remove_leftovers": _remove_leftovers,
}
