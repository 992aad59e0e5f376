"""EngineCommand: `python -m vpdb …` of this project on this stack, as a resource."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command

from components.stack_settings import PROJECT_DIR


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCommandArgs:
    """`create` and `delete` are arguments of `python -m vpdb`; a changed trigger runs it again."""

    # The component's type: BulkMode, Release or Dump.
    kind: str
    stack: str
    create: Sequence[str]
    # What has to be done before.
    after: Sequence[pulumi.Resource]
    triggers: Sequence[Any]
    delete: Sequence[str] = ()
    deleted_with: pulumi.Resource | None = None
    environment: Mapping[str, pulumi.Input[str]] | None = None


class EngineCommand(pulumi.ComponentResource):
    """A command of the command line.

    Its standard output goes into the state, so these commands print summaries, never rows. Without
    an `update` a changed input runs `create` again: each of them is safe to repeat.
    """

    def __init__(
        self, name: str, args: EngineCommandArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(f"velpharma:index:{args.kind}", name, {}, opts)
        command.local.Command(
            name,
            # `python -c` takes the whole command as one argument, without a shell and its quoting,
            # so the same line works on every platform.
            interpreter=[sys.executable, "-c"],
            create=_line(args.stack, args.create),
            delete=_line(args.stack, args.delete) if args.delete else None,
            triggers=list(args.triggers),
            environment=args.environment,
            dir=str(PROJECT_DIR),
            # The output of an earlier run is no input of the next one.
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.after),
                deleted_with=args.deleted_with,
                # A new trigger replaces the command; its `delete` must not undo the new `create`.
                delete_before_replace=True,
            ),
        )
        self.register_outputs({})


def _line(stack: str, arguments: Sequence[str]) -> str:
    words = [*arguments, "--stack", stack]
    return f"import sys; from vpdb.cli.app import main; sys.exit(main({words!r}))"
