"""The monitor's three ways to show frames: full screen, plain text, JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

from rich.console import Console
from rich.live import Live
from rich.text import Text

from vpdb.monitor import container, render
from vpdb.monitor.frame import History
from vpdb.monitor.keys import Keyboard, press
from vpdb.monitor.model import Container, Frame, Sample, View
from vpdb.monitor.watcher import Watcher

# Between two looks of one frame that shows rates.
FIRST_LOOKS_S = 1.0
_KEY_WAIT_S = 0.1


def live(look: Callable[[], Sample], view: View, title: str, container_name: str) -> None:
    """Show frames full screen until q or Ctrl-C.

    The server may vanish and come back: the last frame stays, marked, and the rates begin anew.
    """
    console = Console(highlight=False, emoji=False, markup=False)
    history = History()
    frame: Frame | None = None
    shown: object = None
    with (
        container.Stream(container_name) as stats,
        Watcher(look, view.interval_s) as watcher,
        Keyboard() as keyboard,
        Live(console=console, screen=True, auto_refresh=False, transient=True) as display,
    ):
        while True:
            sample, trouble = watcher.news()
            if sample is not None:
                frame = history.add(replace(sample, container=stats.latest))
            view.notice = trouble
            size = console.size
            # Drawn again only when something changed: a terminal over ssh will be thankful.
            state = (frame, size, replace(view))
            if state != shown:
                shown = state
                body = (
                    render.screen(frame, view, title, size.width, size.height)
                    if frame
                    else Text(trouble or f"looking at {title} …")
                )
                display.update(body, refresh=True)
            if not all(press(view, key) for key in keyboard.read(_KEY_WAIT_S)):
                return
            watcher.paused, watcher.interval_s = view.paused, view.interval_s


def frames(
    look: Callable[[], Sample], container_name: str, *, interval_s: float | None
) -> Iterator[Frame]:
    """Give one frame with rates, or one every `interval_s` for ever.

    One frame needs two looks and docker's own two, which run at the same time.
    """
    history = History()
    if interval_s is None:
        usage: list[Container | None] = []
        import threading

        ask = threading.Thread(target=lambda: usage.append(container.once(container_name)))
        ask.start()
        history.add(look())
        time.sleep(FIRST_LOOKS_S)
        sample = look()
        ask.join()
        yield history.add(replace(sample, container=usage[0] if usage else None))
        return
    with container.Stream(container_name) as stats:
        while True:
            began = time.monotonic()
            yield history.add(replace(look(), container=stats.latest))
            time.sleep(max(0.0, interval_s - (time.monotonic() - began)))


def write_plain(frame: Frame, view: View, title: str) -> None:
    """Write one frame as text without colours, blanks at line ends or limits of height."""
    if sys.stdout.isatty():
        console = Console(highlight=False, emoji=False, markup=False)
        console.print(render.plain(frame, view, title, console.width))
        return
    console = Console(
        width=render.PIPE_WIDTH, no_color=True, highlight=False, emoji=False, markup=False
    )
    with console.capture() as capture:
        console.print(render.plain(frame, view, title, console.width))
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def write_json(frame: Frame) -> None:
    """Write one frame as one line of JSON."""
    sys.stdout.write(json.dumps(to_document(frame), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def to_document(frame: Frame) -> dict[str, object]:
    """Give a frame as plain values; the tree of locks stands in each session's `blocked_by`."""
    document = asdict(frame.sample)
    document["tables"] = [
        {
            **asdict(row.table),
            "inserted_s": row.inserted_s,
            "updated_s": row.updated_s,
            "deleted_s": row.deleted_s,
        }
        for row in frame.tables
    ]
    rates = ("commits_s", "rollbacks_s", "inserted_s", "wal_bytes_s", "hit_ratio")
    return {**document, "rates": {name: getattr(frame, name) for name in rates}}
