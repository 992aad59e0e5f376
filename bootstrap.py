#!/usr/bin/env python3
"""From an empty machine to the VelPharma database.

    python3 bootstrap.py up [pulumi up arguments]   set up what is missing, then `pulumi up`
    python3 bootstrap.py down                       stop the database, keep its data
    python3 bootstrap.py destroy [--yes]            remove the stack with all its data
    python3 bootstrap.py stack NAME [--port N]      make and select a stack of your own
    python3 bootstrap.py env                        lines that prepare a shell:
                                                    eval "$(python3 bootstrap.py env)"
    python3 bootstrap.py test [pytest arguments]    every check and test; with arguments pytest only
    python3 bootstrap.py bench                      measure against psql, pg_restore and pg_dump
    python3 bootstrap.py faults                     the long run of kills, full disks, cut lines

up, down and destroy take --stack NAME; without it they mean the selected stack.
A step that is done is skipped, one that was interrupted is taken up again.
Tools that have to be built here are kept in ~/.velpharma/toolchain for all clones;
the environment variable VELPHARMA_TOOLCHAIN names another folder.
"""

from __future__ import annotations

import os
import sys

# 3.10 is out of support since October 2026. toolchain/venv.py asks the same of .venv.
OLDEST_PYTHON = (3, 11)


def main(arguments: list[str]) -> int:
    """Run one subcommand; a failure is one line and exit code 1."""
    if os.name == "nt":
        print("failed to start: native Windows is not supported. Use WSL2 (`wsl --install`)")
        return 1
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        print("failed to start: Python " + found + " is out of support. Use Python 3.11 or newer")
        return 1
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(__doc__.strip())
        return 0 if arguments else 2
    # Later than the checks above: these modules need a newer Python and a POSIX system.
    from toolchain.command_line import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
