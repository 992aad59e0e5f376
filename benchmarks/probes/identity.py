"""The content id of one backup in a process of its own; prints the seconds it took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pgseed.backup.reader import read_backup


def main(backup: Path) -> None:
    start = time.perf_counter()
    read_backup(backup, schema="vpv4")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
