"""DSLR (https://github.com/mixxorz/DSLR): snapshot and restore by template database.

Its restore ends all sessions, drops the database and creates it anew from the snapshot.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data import CACHE
from benchmarks.shell import CHECKOUT, run, timed
from benchmarks.stack import Stack

_REQUIREMENTS = CHECKOUT / "benchmarks" / "requirements.txt"
_SNAPSHOT = "bench"


@dataclass
class Dslr:
    """The `dslr` command on one database, of which it has a snapshot; its URL is in `env`."""

    database: str
    command: Path
    env: dict[str, str] = field(repr=False)

    @classmethod
    def on_copy(cls, stack: Stack) -> Dslr:
        """Return DSLR on a database with the content that is live, and a snapshot of it."""
        database = "bench_dslr"
        stack.copy_database(database)
        stack.psql("CREATE ROLE dslr SUPERUSER LOGIN PASSWORD 'dslr'")
        url = f"postgres://dslr:dslr@127.0.0.1:{stack.port}/{database}"
        dslr = cls(database, _installed(), {**stack.env, "DATABASE_URL": url})
        run(str(dslr.command), "snapshot", "--yes", _SNAPSHOT, env=dslr.env)
        return dslr

    def restore(self) -> float:
        """Run `dslr restore`; return the seconds it took."""
        return timed(str(self.command), "restore", _SNAPSHOT, env=self.env)


def _installed() -> Path:
    """Install DSLR into its own environment, once for each content of requirements.txt."""
    folder = CACHE / "dslr"
    command, noted = folder / "bin" / "dslr", folder / "requirements.txt"
    wanted = _REQUIREMENTS.read_text()
    if not command.exists() or not noted.exists() or noted.read_text() != wanted:
        print("installing DSLR into an environment of its own", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", "-r", _REQUIREMENTS],
            check=True,
            stdout=sys.stderr,
        )
        noted.write_text(wanted)
    return command
