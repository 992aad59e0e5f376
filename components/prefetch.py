"""What `up` will load is built beside the live database while the engine still starts its plugins.

The seed then finds the template, and the spare that it swaps in, as after any earlier load. Nothing
depends on it: what was not built, or could not be, the seed builds, and says what is wrong.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import pulumi

from pgseed.errors import SeedError
from vpdb.settings import Settings

if TYPE_CHECKING:
    from vpdb.seed_source import Content
    from vpdb.server.docker_server import DockerServer

# A larger backup takes longer than the start it gets; its progress belongs to the seed. In bytes.
LARGEST_BACKUP = 64 * 1024 * 1024


def begin(finding: Future[DockerServer], settings: Settings, content: Content) -> None:
    """Begin to build what a load of this content needs, unless it is live or this is a preview."""
    size = content.backup.uncompressed_bytes if content.backup else 0
    if pulumi.runtime.is_dry_run() or size > LARGEST_BACKUP:
        return
    # No daemon: what it has begun it ends, also where the program has nothing left to do.
    threading.Thread(target=_prepare, args=(finding, settings, content), name="head start").start()


def _prepare(finding: Future[DockerServer], settings: Settings, content: Content) -> None:
    with suppress(SeedError):
        server = finding.result()
        # Whoever found it has imported these.
        import psycopg2

        from vpdb.live import live_database
        from vpdb.seed_source import seed_with_commit

        with suppress(psycopg2.Error):
            seed = seed_with_commit(settings.project_dir, content.seed)
            live_database(server, settings).prepare(seed)
