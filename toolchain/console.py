"""How set-up talks to people: a line a step, a moving count for long ones, a line for a failure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# How often a long step shows a sign of life: in place on a terminal, as a line in a log.
_TERMINAL_SECONDS = 0.5
_LOG_SECONDS = 20.0


class SetupFailed(Exception):
    """A failure to show as one line: `failed to <verb> <object>: <cause>. <what to do>`."""


def say(text: str) -> None:
    """Print one line about a step that is not already done."""
    print(f"==> {text}", flush=True)


class Ticker:
    """Shows a changing text while a step runs; `text` may be set from another thread."""

    def __init__(self) -> None:
        self.text = ""
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._terminal = sys.stdout.isatty()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def seconds(self) -> int:
        return int(time.monotonic() - self._started)

    def __enter__(self) -> Ticker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def _show(self) -> None:
        pause = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
        while not self._stop.wait(pause):
            line = f"    {self.text + ', ' if self.text else ''}{self.seconds()} s"
            if self._terminal:
                print(f"\r\033[K{line}"[:110], end="", flush=True)
            else:
                print(line, flush=True)


def run_long(
    command: Sequence[str],
    *,
    title: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    stdout: Path | None = None,
    remedy: str = "Run the same command again",
) -> None:
    """Run a command of minutes, its output in a log file and a moving count on the screen.

    `stdout` takes the standard output into a file instead; then only standard error is logged.
    Raises SetupFailed with the last lines. An interrupt ends the command's whole process group.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    last: deque[str] = deque(maxlen=3)
    lines = 0
    with contextlib.ExitStack() as stack:
        written = stack.enter_context(log.open("w", encoding="utf-8", errors="replace"))
        sink = stack.enter_context(stdout.open("wb")) if stdout else None
        ticker = stack.enter_context(Ticker())
        with signals_held():
            process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=sink or subprocess.PIPE,
                stderr=subprocess.PIPE if sink else subprocess.STDOUT,
                text=True,
                errors="replace",
                # A group of its own: Ctrl-C reaches this process, which then ends the group.
                start_new_session=True,
            )
            stack.enter_context(ended_with_us(process))
        stream = process.stderr if sink else process.stdout
        assert stream is not None
        for line in stream:
            written.write(line)
            if line.strip():
                lines += 1
                last.append(line.strip())
                ticker.text = f"{lines} lines: {line.strip()[:60]}"
        code = process.wait()
    if code:
        cause = " / ".join(last)[:500].rstrip(".") or f"exit code {code}"
        raise SetupFailed(f"failed to {title}: {cause}. {remedy}; the whole output is in {log}")


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for a block that must not be cut; they act behind it.

    For the main thread: only there Python lets signals act.
    """
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda arrived, _frame: held.append(arrived))
        for number in (signal.SIGINT, signal.SIGTERM)
        if callable(signal.getsignal(number))  # an ignored one stays ignored
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for arrived in held:
        signal.raise_signal(arrived)


@contextlib.contextmanager
def ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """End the process's group when the block is left by an exception (Ctrl-C, SIGTERM)."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise


def run_in_front(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Run a command that talks to the user itself; give its exit code.

    Ctrl-C goes to it (it shares the terminal's group) and it ends in its own way: pulumi still
    writes its state. A second Ctrl-C likewise.
    """
    process = subprocess.Popen(command, cwd=cwd, env=env)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
        except Terminated:
            process.terminate()


class Terminated(BaseException):
    """SIGTERM arrived: unwind like Ctrl-C does, so that children end and temporary files go."""


def unwind_on_sigterm() -> None:
    """Turn SIGTERM into Terminated."""

    def raise_terminated(_signum: int, _frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, raise_terminated)


def answer(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a quick command, give what it said; 127 for a missing program or a silence."""
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        trouble = f"{command[0]}: {error.strerror}"
        return subprocess.CompletedProcess(command, 127, "", trouble)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            command, 127, "", f"{command[0]}: no answer within {timeout_s:.0f} s"
        )


def last_line(text: str) -> str:
    """Return the last line that says something, without its full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "no reason given"
