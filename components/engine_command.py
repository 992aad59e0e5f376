"""A `command.local.Command` that runs `python -m vpdb …` of this project on this stack."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command

from components.settings import PROJECT_DIR
from vpdb.config import Settings

# `python -c` takes the whole command as one argument, without a shell and its quoting, so the
# same line works on every platform.
INTERPRETER = [sys.executable, "-c"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCommandArgs:
    """`create` and `delete` are arguments of `python -m vpdb`; a changed trigger runs it again."""

    settings: Settings
    create: Sequence[str]
    delete: Sequence[str] = ()
    triggers: Sequence[Any] = ()
    environment: Mapping[str, pulumi.Input[str]] | None = None


def engine_command(
    name: str, args: EngineCommandArgs, opts: pulumi.ResourceOptions
) -> command.local.Command:
    """Declare a command resource.

    Its standard output goes into the state, so these commands print summaries, never rows. Without
    an `update` a changed input runs `create` again: each of them is safe to repeat.
    """
    return command.local.Command(
        name,
        interpreter=INTERPRETER,
        create=_line(args.settings, args.create),
        delete=_line(args.settings, args.delete) if args.delete else None,
        triggers=list(args.triggers),
        environment=args.environment,
        dir=str(PROJECT_DIR),
        # The output of an earlier run is no input of the next one.
        add_previous_output_in_env=False,
        # A new trigger replaces the command; its `delete` must not undo the new one's `create`.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )


def _line(settings: Settings, arguments: Sequence[str]) -> str:
    words = [*arguments, "--stack", settings.stack]
    return f"import sys; from vpdb.cli.app import main; sys.exit(main({words!r}))"
