"""`python -m vpdb`: every command, and how a failure ends."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from pgseed.errors import SeedError, ServerUnreachable
from vpdb import settings

# Every command in the order of the help: its module in this package, and its panel. Only the module
# of the command that is run is imported; for help, and for what is no command, all are.
COMMANDS = {
    "status": ("status", "See"),
    "monitor": ("watch", "See"),
    "analyze": ("watch", "See"),
    "doctor": ("doctor", "See"),
    "psql": ("access", "Every day"),
    "logs": ("access", "Every day"),
    "connection": ("access", "Every day"),
    "reset": ("history", "Back to what was"),
    "undo": ("history", "Back to what was"),
    "snapshot": ("history", "Back to what was"),
    "restore": ("history", "Back to what was"),
    "snapshots": ("history", "Back to what was"),
    "prune": ("history", "Back to what was"),
    "load": ("data", "The month"),
    "generate": ("data", "The month"),
    "bulk": ("bulk", "The month"),
    "release": ("release", "The month"),
    "dump": ("dumps", "Backups"),
    "verify": ("dumps", "Backups"),
    "diff": ("backups", "Backups"),
    "backups": ("backups", "Backups"),
    "textconv": ("backups", "Backups"),
    "azure-backup": ("azure", "Emergency"),
}
# What these are given beyond their own options goes to the program behind them.
_PASSING_ON = {"psql": {"allow_extra_args": True, "ignore_unknown_options": True}}


def command_line(command: str = "") -> typer.Typer:
    """Build the command line with one command, or with all of them."""
    app = typer.Typer(
        name="python -m vpdb",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(every_command)
    for name in [command] if command in COMMANDS else COMMANDS:
        module, panel = COMMANDS[name]
        part = getattr(import_module(f"vpdb.cli.{module}"), name.replace("-", "_"))
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel, context_settings=_PASSING_ON.get(name))(part)
    groups = [group.typer_instance for group in app.registered_groups]
    for one in (app, *filter(None, groups)):
        for registered in one.registered_commands:
            registered.help = _unwrapped(inspect.getdoc(registered.callback) or "")
    return app


def every_command(
    stack: Annotated[
        str | None, typer.Option("--stack", metavar="NAME", help="The stack meant.", hidden=True)
    ] = None,
) -> None:
    """The VelPharma development database on this machine.

    It works on one stack's database, found through Docker by its name: the
    stack given with --stack, else the one selected in Pulumi, else dev.

    \b
    Exit codes: 0 done, in step   1 refused or failed   2 wrong usage   3 stale
                4 local changes   5 not reachable       130 interrupted
    """
    if stack:
        os.environ[settings.STACK_VARIABLE] = settings.checked_stack_name(stack)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a failure the user can act on is one line."""
    words = sys.argv[1:] if args is None else [*args]
    try:
        command_line(words[0] if words else "")(words, prog_name="python -m vpdb")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Python's own exit would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SeedError as error:
        return _fail(str(error), error.exit_code)
    except Exception as error:
        if _is_lost_connection(error):
            cause = f"failed to go on: the server ended the connection ({error})"
            return _fail(f"{cause}. Look with `python -m vpdb doctor`", ServerUnreachable.exit_code)
        raise
    return 0


def _unwrapped(docstring: str) -> str:
    """Join the lines of each paragraph: a docstring's line ends are the editor's.

    Paragraphs that are marked with a \\b stay as they are.
    """
    return "\n\n".join(
        text if text.startswith("\b") else " ".join(text.split("\n"))
        for text in docstring.split("\n\n")
    )


def _fail(text: str, exit_code: int) -> int:
    typer.echo(" ".join(text.split()), err=True)
    return exit_code


def _is_lost_connection(error: Exception) -> bool:
    # Imported only by commands that talk to PostgreSQL, so it need not be imported to ask.
    psycopg2 = sys.modules.get("psycopg2")
    return psycopg2 is not None and isinstance(
        error, (psycopg2.OperationalError, psycopg2.InterfaceError)
    )
