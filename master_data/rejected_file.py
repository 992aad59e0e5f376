"""`data/rejected/<file>`: the rows that were not loaded, with line numbers and reasons."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from psycopg2 import extensions, sql

from master_data.csv_file import REJECTED_COLUMNS, CsvFile
from master_data.faults import Rejection
from master_data.staging import REJECTED

EXAMPLES = 20


def count_rejected(cursor: extensions.cursor) -> tuple[int, tuple[Rejection, ...]]:
    """How many rows were rejected, and the first reasons in the order of the file."""
    cursor.execute(sql.SQL("SELECT count(DISTINCT line) FROM {}").format(REJECTED))
    row = cursor.fetchone()
    cursor.execute(
        sql.SQL(
            "SELECT line, coalesce(column_name, ''), rule, reason FROM {}"
            " ORDER BY line, column_name LIMIT %s"
        ).format(REJECTED),
        (EXAMPLES,),
    )
    return (row[0] if row else 0), tuple(Rejection(*found) for found in cursor.fetchall())


class RejectedFiles:
    """The files of rejected rows of one load: written beside, published when it is over.

    A file without rejected rows loses the one that an earlier load left behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[Path, Path] = {}
        self._clean: list[Path] = []

    def __enter__(self) -> RejectedFiles:
        return self

    def __exit__(self, *_exception: object) -> None:
        for temporary in self._written.values():
            temporary.unlink(missing_ok=True)

    def keep(self, connection: extensions.connection, file: CsvFile, rejected: int) -> Path | None:
        """Write the rejected rows of a file, if any; where they will be found once published."""
        final = self._final(file)
        if not rejected:
            self._clean.append(final)
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f".tmp-{final.name}-{os.getpid()}")
        self._written[final] = temporary
        _write_rejected(connection, file, temporary)
        return final

    def publish(self) -> None:
        """Give the written files their names, and remove what they make untrue."""
        for final, temporary in self._written.items():
            temporary.replace(final)
        for final in self._clean:
            final.unlink(missing_ok=True)

    def _final(self, file: CsvFile) -> Path:
        final = self._folder / file.path.name
        if final.exists() and final.samefile(file.path):
            # Rejected rows that were mended here: the file at work is not written over.
            return final.with_name(f"{final.stem}_again{final.suffix}")
        return final


def _write_rejected(connection: extensions.connection, file: CsvFile, path: Path) -> None:
    """Write the rejected rows as they stand in the file, line and reason in front.

    In the file's own encoding and with its delimiter: mended, it can be loaded as it is. Neither
    the rows nor the reasons are held in memory; the CSV is read a second time.
    """
    encoding = file.encoding
    delivered = [n for n, name in enumerate(file.columns) if name not in REJECTED_COLUMNS]
    with (
        connection.cursor(name="rejected_rows_in_order") as reasons,
        # A reason may quote what the encoding of the file does not know.
        path.open("w", encoding=encoding, errors="replace", newline="") as stream,
    ):
        reasons.execute(
            sql.SQL(
                """
                SELECT line, string_agg(concat_ws(': ', nullif(column_name, ''), reason), '; '
                                        ORDER BY column_name, reason)
                  FROM {} GROUP BY line ORDER BY line
                """
            ).format(REJECTED)
        )
        writer = csv.writer(stream, delimiter=file.delimiter, lineterminator="\n")
        names = [name for name in file.columns if name not in REJECTED_COLUMNS]
        writer.writerow([*REJECTED_COLUMNS, *names])
        records = _records(file)
        for line, reason in reasons:
            for began, record in records:
                if began == line:
                    # A row of the wrong length is shown as it is, whole.
                    complete = len(record) == len(file.columns)
                    values = [record[n] for n in delivered] if complete else record
                    writer.writerow([line, reason, *values])
                    break


def _records(file: CsvFile) -> Iterator[tuple[int, list[str]]]:
    for batch in file.batches(rows=1_000):
        yield from zip(batch.lines, batch.records, strict=True)
