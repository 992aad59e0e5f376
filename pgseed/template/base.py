"""What a load begins with: the empty schema, or a template that has most of the rows already.

Backups of one month and the next, of one branch and another, or before and after one mended row
share whole tables. A template made by the same schema files may hold them with the same digest: a
copy of it then needs only the other tables filled. Such a load proves as much as a full one, and
where it fails, or finds anything odd, a full one says the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg2.extensions

from pgseed.backup.hashing import Fields
from pgseed.changes.local_changes import age_of, suspect_tables, table_states
from pgseed.databases.catalog import Table
from pgseed.databases.retention import find_spare
from pgseed.databases.stamp import Database, Stamp

if TYPE_CHECKING:
    from pgseed.backup.model import Backup

_LABEL = "vpdb rows of one table, version 1"
# A part of the bytes below which copying a whole template costs more than it saves.
_WORTH = 0.5


@dataclass(frozen=True, slots=True)
class Base:
    """The database a load copies; `kept` are the tables, as named in SQL, it need not fill.

    `indexes_last`: indexes are filled after the rows, not with them.
    """

    database: Database
    kept: frozenset[str] = frozenset()
    indexes_last: bool = True

    @property
    def stamp(self) -> Stamp:
        return self.database.stamp or Stamp(content_id="")


def digests_of(backup: Backup) -> dict[str, str]:
    """Give a digest of each table's rows, and nothing for each sequence that is set.

    Empty where the digests do not say all: INSERT may leave values to the database.
    """
    if any(block.form != "copy" for block in backup.blocks):
        return {}
    fields: dict[str, Fields] = {}
    for block in backup.blocks:
        of_table = fields.setdefault(block.name, Fields(_LABEL))
        of_table.add(None if block.columns is None else len(block.columns))
        of_table.add(*(block.columns or ()), block.rows, block.digest)
    digests = {name: of_table.hexdigest()[:32] for name, of_table in fields.items()}
    return digests | {value.name: "" for value in backup.sequence_values}


def find_base(
    databases: Sequence[Database], schema: Database, backup: Backup | None
) -> Base | None:
    """Choose the template that has most of a backup's rows, if one has enough to be worth it.

    `schema` is the database with the schema alone. Only a template that got the same tables and
    sequences from its backup counts: all others are as the schema files leave them.
    """
    digests = digests_of(backup) if backup else {}
    if not backup or not digests or not schema.stamp:
        return None
    weights = dict.fromkeys(digests, 0)
    for block in backup.blocks:
        weights[block.name] += block.size
    best, most = None, _WORTH * sum(weights.values())
    for database in databases:
        stamp = database.stamp
        if database.kind != "template" or database.half_dropped or not stamp:
            continue
        if (stamp.schema_id, stamp.catalog) != (schema.stamp.schema_id, schema.stamp.catalog):
            continue
        if stamp.digests.keys() != digests.keys():
            continue
        kept = frozenset(n for n, digest in digests.items() if stamp.digests[n] == digest != "")
        weight = sum(weights[name] for name in kept)
        # Of two that have the same, the one whose copy stands ready.
        if weight > most or (weight == most and best and find_spare(databases, database)):
            best, most = Base(database, kept), weight
    return best


def leave_values_out(backup: Backup, tables: Mapping[str, Table]) -> bool:
    """Tell whether rows of a backup leave values to the schema's defaults.

    Those may count on, as a sequence does: in a copy of a template they are not what they are in
    an empty schema.
    """
    for block in backup.blocks:
        given = {c.name for c in tables[block.name].columns if not c.generated}
        if block.columns is not None and not given <= set(block.columns):
            return True
    return False


def odd_rows(
    connection: psycopg2.extensions.connection, tables: Mapping[str, Table], stamp: Stamp
) -> list[str]:
    """Name those of the tables whose rows are not, or may not be, what the stamp says."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")  # ages are told within one transaction
        states = table_states(connection, tables, age_of(connection, stamp.horizon))
        cursor.execute("COMMIT")
    then = {name: stamp.rows[name] for name in tables if name in stamp.rows}
    return suspect_tables(then, states)
