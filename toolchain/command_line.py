"""The arguments of `bootstrap.py`, and the edge where a failure becomes one line."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence

from toolchain import commands
from toolchain.console import SetupFailed, Terminated, unwind_on_sigterm
from toolchain.session import Session
from toolchain.stacks import checked_name

INTERRUPTED = 130
TERMINATED = 143
PIPE_CLOSED = 141


def run(arguments: Sequence[str]) -> int:
    """Run one subcommand; SetupFailed is shown as a line on standard error."""
    unwind_on_sigterm()
    session = Session(commands.project_folder())
    try:
        code = choose(list(arguments))(session)
        sys.stdout.flush()
        return code
    except SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError:
        # Whoever read the output (`| head`) has enough; Python must not flush into it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def choose(arguments: list[str]) -> Callable[[Session], int]:
    """Turn the arguments into the call they mean. Raises SetupFailed for what cannot be meant."""
    name, rest = arguments[0], arguments[1:]
    passing: dict[str, Callable[[Session], int]] = {
        "test": lambda session: commands.test(session, rest),
        "bench": lambda session: commands.in_environment(session, ["benchmarks"], rest),
        "faults": lambda session: commands.in_environment(
            session, ["pytest", "-m", "faults"], rest
        ),
    }
    if name in passing:
        return passing[name]
    known = ("up", "down", "destroy", "stack", "env", *passing)
    if name not in known:
        close = next(iter(difflib.get_close_matches(name, known, 1)), "up")
        raise SetupFailed(f"failed to run {name!r}: no such command. Did you mean `{close}`?")

    stack, rest = take_option(rest, "--stack", "-s")
    if stack:
        checked_name(stack)
    if name == "up":
        return lambda session: commands.up(session, stack or "", rest)
    if name == "destroy":
        yes = any(word in ("--yes", "-y") for word in rest)
        others = [word for word in rest if word not in ("--yes", "-y")]
        return lambda session: commands.destroy(session, stack or "", yes=yes, rest=others)
    if name == "stack":
        port, rest = take_option(rest, "--port")
        if len(rest) != 1 or rest[0].startswith("-"):
            raise SetupFailed(
                "failed to make a stack: it takes one name."
                " For example: python3 bootstrap.py stack dev2 --port 5440"
            )
        return lambda session: commands.new_stack(session, rest[0], port)
    if rest:
        raise SetupFailed(f"failed to run {name}: it does not take {rest[0]!r}. Leave it out")
    if name == "down":
        return lambda session: commands.down(session, stack or "")
    return commands.print_environment


def take_option(words: Sequence[str], *names: str) -> tuple[str | None, list[str]]:
    """Take one option with a value out of the words, as `--name value` or `--name=value`."""
    value, rest, i = None, [], 0
    while i < len(words):
        word = words[i]
        option, equals, attached = word.partition("=")
        if option not in names:
            rest.append(word)
        elif equals:
            value = attached
        elif i + 1 < len(words):
            i += 1
            value = words[i]
        else:
            raise SetupFailed(f"failed to read {word}: its value is missing. For example: {word} …")
        i += 1
    return value, rest
