"""One command of the engine in a process of its own, so that it can be killed.

python -m tests.faults.child ACTION PROJECT CONTAINER STACK [SETTING=VALUE …]
"""

from __future__ import annotations

import sys
from pathlib import Path

from pgseed.errors import SeedError
from tests.support.server import settings_for
from vpdb.live import live_database
from vpdb.seed_source import choose_content
from vpdb.server.find import find_server


def main(action: str, project: str, container: str, stack: str, *pairs: str) -> None:
    folder = Path(project)
    server = find_server(container, stack, timeout_s=30)
    values = dict(pair.split("=", 1) for pair in pairs)
    settings = settings_for(server, folder, **values)
    live = live_database(server, settings)
    if action == "load":
        live.load(choose_content(folder, settings).seed)
    elif action == "reset":
        live.reset(lambda: choose_content(folder, settings).seed)
    elif action == "undo":
        live.undo()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SeedError as error:
        sys.exit(f"refused: {error}")
