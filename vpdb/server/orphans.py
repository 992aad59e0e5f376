"""Files that a killed server left: the copy of a database whose creation was never finished.

PostgreSQL itself keeps such directories for ever (CREATE DATABASE cleans up after an error, not
after a crash, and not always after its session was ended), and each is as large as the template.
"""

from __future__ import annotations

from pgseed.queries import run
from pgseed.server import Connection
from vpdb import docker
from vpdb.queries import query


def orphaned_directories(admin: Connection) -> list[int]:
    """Name the directories under base/ that belong to no database and to none being created.

    The order matters: a creation that ends meanwhile is in pg_database when that is read last.
    """
    directories = {number for (number,) in run(admin, query("database_directories"))}
    if run(admin, query("databases_being_created")) != [(0,)]:
        return []
    return sorted(directories - {number for (number,) in run(admin, query("database_numbers"))})


def remove_orphans(container: str, admin: Connection) -> list[int]:
    """Remove such directories from the container's data directory; give their numbers."""
    numbers = orphaned_directories(admin)
    if numbers:
        # Pages of theirs may still wait in memory to be written. With the files gone, no checkpoint
        # would ever succeed again.
        run(admin, "CHECKPOINT")
        ((data_directory,),) = run(admin, "SHOW data_directory")
        paths = [f"{data_directory}/base/{number:d}" for number in numbers]
        docker.execute(container, ["rm", "-rf", "--", *paths])
    return numbers
