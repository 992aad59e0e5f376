"""One command of the engine in a process of its own, so that it can be killed.

python -m tests.faults.child ACTION PROJECT CONTAINER STACK [SETTING=VALUE …]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.server import settings_for
from vpdb.content import choose_content
from vpdb.database import history
from vpdb.database.find import find_server
from vpdb.database.load import load_content
from vpdb.errors import VpdbError


def main(action: str, project: str, container: str, stack: str, *pairs: str) -> None:
    folder = Path(project)
    server = find_server(container, stack, timeout_s=30)
    values = dict(pair.split("=", 1) for pair in pairs)
    settings = settings_for(server, folder, **values)
    if action == "load":
        load_content(server, settings, choose_content(folder, settings))
    elif action == "reset":
        history.reset(server, settings, lambda: choose_content(folder, settings))
    elif action == "undo":
        history.undo(server, settings)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except VpdbError as error:
        sys.exit(f"refused: {error}")
