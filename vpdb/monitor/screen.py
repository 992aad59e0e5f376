"""The monitor's three ways to show frames: full screen, plain text, JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

from rich.console import Console
from rich.live import Live
from rich.text import Text

from vpdb.monitor import render
from vpdb.monitor.frame import RATES, History
from vpdb.monitor.keys import Keyboard, press
from vpdb.monitor.model import Frame, Sample, View
from vpdb.monitor.usage import Stream, once
from vpdb.monitor.watcher import Watcher

Look = Callable[[], Sample]

# Between two looks of one frame that shows rates.
FIRST_LOOKS_S = 1.0
_KEY_WAIT_S = 0.1


def live(look: Look, view: View, container: str) -> None:
    """Show frames full screen until q or Ctrl-C.

    The server may vanish and come back: the last frame stays, marked, and the rates begin anew.
    """
    console = Console(highlight=False, emoji=False, markup=False)
    history = History()
    frame: Frame | None = None
    shown: object = None
    with (
        Stream(container) as stats,
        Watcher(look, view.interval_s) as watcher,
        Keyboard() as keyboard,
        Live(console=console, screen=True, auto_refresh=False, transient=True) as display,
    ):
        while True:
            sample, view.notice = watcher.news()
            if sample is not None:
                frame = history.add(replace(sample, container=stats.latest))
            size = console.size
            # Drawn again only when something changed: a terminal over ssh will be thankful.
            state = (frame, size, replace(view))
            if state != shown:
                shown = state
                if frame:
                    body = render.screen(frame, view, container, size.width, size.height)
                else:
                    body = Text(view.notice or f"looking at {container} …")
                display.update(body, refresh=True)
            if not all(press(view, key) for key in keyboard.read(_KEY_WAIT_S)):
                return
            watcher.paused, watcher.interval_s = view.paused, view.interval_s


def frames(look: Look, container: str, interval_s: float | None) -> Iterator[Frame]:
    """Return one frame with rates, which takes two looks, or one every `interval_s` for ever."""
    history = History()
    if interval_s is None:
        with ThreadPoolExecutor(1) as pool:
            usage = pool.submit(once, container)
            history.add(look())
            time.sleep(FIRST_LOOKS_S)
            yield history.add(replace(look(), container=usage.result()))
        return
    with Stream(container) as stats:
        while True:
            began = time.monotonic()
            yield history.add(replace(look(), container=stats.latest))
            time.sleep(max(0.0, interval_s - (time.monotonic() - began)))


def write_plain(frame: Frame, view: View, title: str) -> None:
    """Write one frame as text; in a pipe without colours and blanks at line ends."""
    piped = not sys.stdout.isatty()
    width = render.PIPE_WIDTH if piped else None
    console = Console(width=width, no_color=piped, highlight=False, emoji=False, markup=False)
    body = render.plain(frame, view, title, console.width)
    if not piped:
        console.print(body)
        return
    with console.capture() as capture:
        console.print(body)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def write_json(frame: Frame) -> None:
    print(json.dumps(to_document(frame), ensure_ascii=False), flush=True)


def to_document(frame: Frame) -> dict[str, object]:
    """Return a frame as plain values; the tree of locks stands in each session's `blocked_by`."""
    tables = []
    for row in frame.tables:
        rates = {name: getattr(row, name) for name in ("inserted_s", "updated_s", "deleted_s")}
        tables.append({**asdict(row.table), **rates})
    rates = {name: getattr(frame, name) for name in (*RATES, "hit_ratio")}
    return {**asdict(frame.sample), "tables": tables, "rates": rates}
