"""`python -m vpdb`: every command, and how a failure ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from pgseed.errors import SeedError, ServerUnreachable
from vpdb import config
from vpdb.cli import common

# The commands of each module in this package, in the order of the help. Only the module of the
# command that is run is imported; for help, and for what is no command, all are.
MODULES = {
    "status": ("status",),
    "watch": ("monitor", "analyze"),
    "doctor": ("doctor",),
    "daily": ("psql", "logs", "connection"),
    "history": ("reset", "undo", "snapshot", "restore", "snapshots", "prune"),
    "data": ("load", "generate"),
    "bulk": ("bulk",),
    "release": ("release",),
    "dumps": ("dump", "verify"),
    "backups": ("diff", "backups", "textconv"),
    "azure": ("azure-backup",),
}


def command_line(command: str = "") -> typer.Typer:
    """Build the command line with the module of one command, or with all of them."""
    app = typer.Typer(
        name="python -m vpdb",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(every_command)
    needed = [name for name, commands in MODULES.items() if command in commands] or MODULES
    for name in needed:
        import_module(f"vpdb.cli.{name}").register(app)
    groups = [group.typer_instance for group in app.registered_groups]
    for one in (app, *filter(None, groups)):
        for registered in one.registered_commands:
            # Typer keeps a docstring's line ends, which are the editor's and not the terminal's.
            text = registered.callback.__doc__ if registered.callback else ""
            registered.help = common.unwrapped(text)
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
        os.environ[config.STACK_VARIABLE] = config.checked_stack_name(stack)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code.

    A failure the user can act on is one line on stderr, never a traceback.
    """
    words = sys.argv[1:] if args is None else [*args]
    try:
        command_line(words[0] if words else "")(words, prog_name="python -m vpdb")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        common.silence_stdout()
        return 1
    except SeedError as error:
        return _fail(str(error), error.exit_code)
    except Exception as error:
        if _is_lost_connection(error):
            cause = f"failed to go on: the server ended the connection ({error})"
            return _fail(f"{cause}. Look with `python -m vpdb doctor`", ServerUnreachable.exit_code)
        raise
    return 0


def _fail(text: str, exit_code: int) -> int:
    typer.echo(" ".join(text.split()), err=True)
    return exit_code


def _is_lost_connection(error: Exception) -> bool:
    # Imported only by commands that talk to PostgreSQL, so it need not be imported to ask.
    psycopg2 = sys.modules.get("psycopg2")
    return psycopg2 is not None and isinstance(
        error, (psycopg2.OperationalError, psycopg2.InterfaceError)
    )
