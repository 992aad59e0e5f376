"""One reload by the engine in a process of its own, as the seed does it; prints JSON.

Arguments: project folder, stack. Output: `action`, and the seconds of `read` (the backup's content
id), `build` (a complete database with the content beside the live one, reading included) and
`reload` (all of it: the live database holds the content).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from vpdb.live import live_database
from vpdb.seed_source import choose_content
from vpdb.server.find import find_server
from vpdb.settings import load_settings


def main(folder: Path, stack: str) -> None:
    settings = load_settings(folder, stack)
    server = find_server(settings.container, settings.stack, timeout_s=30)
    began = time.perf_counter()
    built: list[float] = []

    def note(phase: str, _done: int, _total: int) -> None:
        # The clone is the first step behind a build.
        if phase.startswith("clone "):
            built.append(time.perf_counter() - began)

    content = choose_content(folder, settings)
    read = time.perf_counter() - began
    result = live_database(server, settings, note).load(content.seed)
    done = time.perf_counter() - began
    times = {"read": read, "build": built[0] if built else 0.0, "reload": done}
    print(json.dumps({"action": result.action, **times}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
