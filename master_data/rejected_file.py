"""`data/rejected/<file>`: the rows that were not loaded, with line numbers and reasons."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from psycopg2 import extensions

from master_data.csv_file import REJECTED_COLUMNS, CsvFile
from master_data.faults import Rejection
from master_data.queries import query

EXAMPLES = 20


def count_rejected(cursor: extensions.cursor) -> tuple[int, tuple[Rejection, ...]]:
    """Count the rejected rows, and read the first reasons in the order of the file."""
    cursor.execute("SELECT count(DISTINCT line) FROM pg_temp.rejected_rows")
    ((rows,),) = cursor.fetchall()
    cursor.execute(
        "SELECT line, coalesce(column_name, ''), rule, reason FROM pg_temp.rejected_rows"
        " ORDER BY line, column_name LIMIT %s",
        (EXAMPLES,),
    )
    return rows, tuple(Rejection(*found) for found in cursor.fetchall())


class RejectedFiles:
    """The files of rejected rows of one load: written beside, published when it is over."""

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
        """Write a file's rejected rows, if any; return where they will be once published."""
        final = self._folder / file.path.name
        if final.exists() and final.samefile(file.path):
            # Rejected rows that were mended here: the file at work is not written over.
            final = final.with_name(f"{final.stem}_again{final.suffix}")
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


def _write_rejected(connection: extensions.connection, file: CsvFile, path: Path) -> None:
    """Write the rejected rows as they stand in the file, line and reason in front.

    In the file's own encoding and with its delimiter: mended, it can be loaded as it is. Neither
    the rows nor the reasons are held in memory; the CSV is read a second time.
    """
    delivered = [n for n, name in enumerate(file.columns) if name not in REJECTED_COLUMNS]
    with (
        connection.cursor(name="rejected_rows_in_order") as reasons,
        # A reason may quote what the encoding of the file does not know.
        path.open("w", encoding=file.encoding, errors="replace", newline="") as stream,
    ):
        reasons.execute(query("rejected_reasons"))
        writer = csv.writer(stream, delimiter=file.delimiter, lineterminator="\n")
        writer.writerow([*REJECTED_COLUMNS, *(file.columns[n] for n in delivered)])
        rejected = next(reasons, None)
        for batch in file.batches(rows=1_000):
            for line, record in zip(batch.lines, batch.records, strict=True):
                if rejected and rejected[0] == line:
                    # A row of the wrong length is shown as it is, whole.
                    complete = len(record) == len(file.columns)
                    values = [record[n] for n in delivered] if complete else record
                    writer.writerow([*rejected, *values])
                    rejected = next(reasons, None)
