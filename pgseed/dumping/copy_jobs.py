"""Copies pieces of tables by several processes and puts them together in order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO

from pgseed.dumping.copy_worker import CopyWorker
from pgseed.progress import Progress

_REPORT_S = 0.25


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table, with the text that stands before and behind them in the file."""

    table: str
    statement: str
    before: str
    after: str
    size_bytes: int


class CopyJobs:
    """The processes; use it as a context manager, which ends them."""

    def __init__(
        self, parameters: Mapping[str, str], snapshot: str, processes: int, folder: Path
    ) -> None:
        self._folder = folder
        self._workers = [CopyWorker(parameters, snapshot) for _ in range(processes)]
        self._idle: SimpleQueue[CopyWorker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(processes, "copy")

    def __enter__(self) -> CopyJobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Threads that still wait for a process go on once it is gone.
        for worker in self._workers:
            worker.end()
        self._threads.shutdown()

    def append(
        self, pieces: Sequence[Piece], out: BinaryIO, progress: Progress
    ) -> Iterator[tuple[Piece, int]]:
        """Write all pieces to `out` in order; gives each with its rows once it is written."""
        total = sum(piece.size_bytes for piece in pieces)
        jobs = [
            self._threads.submit(self._copy, piece, self._path(number))
            for number, piece in enumerate(pieces)
        ]
        for number, (piece, job) in enumerate(zip(pieces, jobs, strict=True)):
            self._await(job, number, len(pieces), out, total, progress)
            rows = job.result()
            out.write(piece.before.encode())
            with self._path(number).open("rb") as part:
                shutil.copyfileobj(part, out, 1024 * 1024)
            self._path(number).unlink()
            out.write(piece.after.encode())
            yield piece, rows

    def _await(
        self,
        job: Future[int],
        number: int,
        pieces: int,
        out: BinaryIO,
        total: int,
        progress: Progress,
    ) -> None:
        while True:
            done, _ = wait([job], timeout=_REPORT_S)
            held = sum(
                path.stat().st_size
                for n in range(number, pieces)
                if (path := self._path(n)).exists()
            )
            progress("dumping", min(out.tell() + held, total), total)
            if done:
                return

    def _path(self, number: int) -> Path:
        return self._folder / f"piece-{number}"

    def _copy(self, piece: Piece, path: Path) -> int:
        worker = self._idle.get()
        try:
            return worker.copy(piece.statement, path)
        finally:
            self._idle.put(worker)
