"""The database that a dump was written from holds its content: it is stamped so, not reloaded."""

from __future__ import annotations

from pgseed.databases.lock import locked
from pgseed.databases.log import log
from pgseed.databases.retention import find_live
from pgseed.databases.stamp import comment_on, list_databases, now
from pgseed.progress import Progress, quiet
from pgseed.queries import query
from pgseed.server import MAINTENANCE_DATABASE, Server, told_as
from vpdb.config import Settings
from vpdb.content import Content


def dump_horizon(server: Server) -> int:
    """Give the id before which every transaction had ended; ask before the dump begins.

    What is written at or after it may or may not be in the dump, and is compared with it later.
    """
    with (
        server.session(MAINTENANCE_DATABASE, purpose="dump") as admin,
        told_as("prepare the dump"),
        admin.cursor() as cursor,
    ):
        cursor.execute(query("oldest_transaction"))
        ((horizon,),) = cursor.fetchall()
    return int(horizon)


def adopt_dump(
    server: Server,
    settings: Settings,
    content: Content,
    dumped: int,
    horizon: int,
    progress: Progress = quiet,
) -> str:
    """Stamp the live database with the content that was dumped from it; "" or why it was not done.

    `dumped` is the oid of the database the dump came from: meanwhile another one may be live.
    `horizon` comes from dump_horizon(). Where the schema files have changed since the load, the
    database is not what a load of this content gives. Changes made after the dump began, and
    objects added locally, still count as local changes.
    """
    live = settings.database
    with locked(server, f"adopt the dump of {live}", progress) as admin:
        present = find_live(list_databases(admin, live))
        if present is None or present.oid != dumped:
            return (
                f"another {live} took the place of the dumped one meanwhile"
                " (a reset, undo, restore or `pulumi up`)"
            )
        old = present.stamp
        if old is None or not old.content_id or old.schema_id != content.schema_id:
            return "postgres/init/ has another schema than the live database"
        stamp = old.with_state(
            content_id=content.content_id,
            source=content.source,
            label=content.label,
            commit="",
            loaded_at=now(),
            horizon=horizon,
            # Objects may have been altered between the load and this horizon.
            catalog_rows=0,
            # A table without a word in the dump is empty in it.
            rows={name: content.tables.get(name, 0) for name in {*old.rows, *content.tables}},
            digests={},
            origin="dump",
            origin_at=now(),
        )
        with admin.cursor() as cursor:
            cursor.execute(comment_on(live, stamp.to_comment()))
        log(admin, f"adopt {live}: it holds {content.label}, content {content.content_id[:12]}")
        return ""
