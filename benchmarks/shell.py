"""Commands run as a person would run them, timed from outside."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHON = CHECKOUT / ".venv" / "bin" / "python"


class CommandFailed(Exception):
    """A command of a benchmark ended with an error; the text is what it printed."""


def run(
    *command: str,
    cwd: Path = CHECKOUT,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
) -> str:
    """Run a command; return its standard output, or write it to a file. Raises CommandFailed."""
    with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as target:  # noqa: PTH123 - either may be the null device
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=source,
            stdout=target if stdout else subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
    answer = (done.stdout or b"").decode(errors="replace")
    if done.returncode:
        said = (answer + done.stderr.decode(errors="replace")).strip()
        raise CommandFailed(f"failed to run {' '.join(command)}: {said}")
    return answer


def timed(
    *command: str,
    cwd: Path = CHECKOUT,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    stdout: Path | None = None,
) -> float:
    """Run a command; return the seconds it took. Raises CommandFailed."""
    start = time.perf_counter()
    run(*command, cwd=cwd, env=env, stdin=stdin, stdout=stdout)
    return time.perf_counter() - start


def say(text: str) -> None:
    """Tell on stderr how far it is; stdout is for the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def docker(*arguments: str) -> str:
    return run("docker", *arguments).strip()


def remove(kind: str, name: str) -> None:
    """Remove a container, volume or image of this name, and nothing else; fine if it is gone."""
    flags = {
        "container": ["rm", "--force"],
        "volume": ["volume", "rm", "--force"],
        "image": ["rmi"],
    }
    subprocess.run(["docker", *flags[kind], name], capture_output=True, check=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tool_environment() -> dict[str, str]:
    """Return the environment in which `pulumi` is found: the caller's, or bootstrap.py's."""
    env = dict(os.environ)
    if shutil.which("pulumi") is None:
        script = run(sys.executable, "bootstrap.py", "env")
        shell = run("sh", "-c", f"{script}\nenv -0")
        env = dict(line.split("=", 1) for line in shell.split("\0") if "=" in line)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_STACK", "VELPHARMA_STACK"):
        env.pop(name, None)
    env.setdefault("PULUMI_CONFIG_PASSPHRASE", "")
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    return env
