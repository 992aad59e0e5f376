"""Work done ahead in a thread: a file is read while the database is busy with the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """An iterator whose items another thread makes, at most `depth` of them ahead of their use.

    The thread starts at once. What it raises is raised to the one who iterates; leaving the
    context ends the thread wherever it stands.
    """

    def __init__(self, items: Iterator[T], *, depth: int) -> None:
        self._items = items
        self._made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._unwanted.set()
        while self._thread.is_alive():
            # Room for the item that the thread may be waiting to hand over.
            self._discard()
            self._thread.join(timeout=0.05)

    def __iter__(self) -> Iterator[T]:
        while True:
            item, error = self._made.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    def _make(self) -> None:
        try:
            for item in self._items:
                if self._unwanted.is_set():
                    return
                self._made.put((item, None))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that iterates
            self._made.put((None, error))
        else:
            self._made.put((None, None))

    def _discard(self) -> None:
        try:
            while True:
                self._made.get_nowait()
        except queue.Empty:
            return
