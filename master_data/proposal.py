"""The rows that a file asks for, set beside what the table holds, then written.

All statements work on whole sets, on temporary tables of the load's own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import extensions, sql
from psycopg2.sql import Identifier

from master_data.csv_file import CsvFile
from master_data.live_table import LiveTable, keep_sequence
from master_data.staging import REJECTED, STAGED
from master_data.tables import Column

PROPOSED = Identifier("pg_temp", "proposed_rows")
AND = sql.SQL(" AND ")
OR = sql.SQL(" OR ")
COMMA = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a file does to its table, in rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


class Proposal:
    """The staged rows of one file, with references looked up and set against the table.

    `own_references` are those of the file's columns that name another row of the same table.
    """

    def __init__(
        self, cursor: extensions.cursor, schema: str, live: LiveTable, file: CsvFile
    ) -> None:
        self.cursor = cursor
        self.schema = schema
        self.live = live
        self.table = file.table
        self.delivered = file.delivered
        self.target = Identifier(schema, file.table.name)
        self.keys = tuple(file.table.column(name).target for name in file.table.key)
        self.own_references = tuple(
            c for c in file.delivered if c.reference and c.reference.table == file.table.name
        )

    def execute(
        self,
        query: str,
        parameters: Mapping[str, object] | None = None,
        **parts: sql.Composable,
    ) -> int:
        """Run a statement with {target}, {proposed}, {staged} and {rejected} filled in.

        Returns the number of rows it touched.
        """
        composed = sql.SQL(query).format(
            target=self.target, proposed=PROPOSED, staged=STAGED, rejected=REJECTED, **parts
        )
        self.cursor.execute(composed, parameters)
        return self.cursor.rowcount

    def drop_rejected(self) -> None:
        self.execute("DELETE FROM {proposed} WHERE line IN (SELECT line FROM {rejected})")

    def build(self) -> None:
        """Look up references and the rows that are there already, in one pass."""
        proposed, selected, joins = self._looked_up()
        exists = sql.SQL("t.{} IS NOT NULL").format(Identifier(self.keys[0]))
        changes = self._changes(proposed)
        for column in self.table.columns:
            if column not in self.delivered:
                # Left out of the file: a present row keeps its value, a new one gets the default.
                proposed[column.target] = sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
                    exists,
                    Identifier("t", column.target),
                    sql.SQL(self.live.defaults.get(column.target, "NULL")),
                )
        same_key = AND.join(
            sql.SQL("t.{} = {}").format(Identifier(key), proposed[key]) for key in self.keys
        )
        if self.table.identity:
            proposed[self.table.identity] = Identifier("t", self.table.identity)
        selected += (
            sql.SQL("{} AS {}").format(value, Identifier(name)) for name, value in proposed.items()
        )
        self.execute(
            """
            DROP TABLE IF EXISTS {proposed};
            CREATE TEMPORARY TABLE proposed_rows ON COMMIT DROP AS
            SELECT s.line, {selected},
                   {exists} AS row_exists,
                   ({exists}) AND ({changes}) AS row_changes
              FROM {staged} s {joins}
              LEFT JOIN {target} t ON {same_key};
            ANALYZE {proposed} (line, {keys})
            """,
            selected=COMMA.join(selected),
            exists=exists,
            changes=changes,
            joins=sql.SQL(" ").join(joins),
            same_key=same_key,
            keys=COMMA.join(map(Identifier, self.keys)),
        )

    def counts(self) -> Counts:
        """Count what writing will do."""
        self.execute(
            """
            SELECT count(*) FILTER (WHERE NOT row_exists),
                   count(*) FILTER (WHERE row_changes),
                   count(*) FILTER (WHERE row_exists AND NOT row_changes)
              FROM {proposed}
            """
        )
        ((inserted, updated, unchanged),) = self.cursor.fetchall()
        return Counts(inserted, updated, unchanged)

    def write(self, counts: Counts) -> None:
        """Update the rows that change, insert the new ones in the order of the file."""
        direct = [c.target for c in self.delivered if c not in self.own_references]
        values = [name for name in direct if name not in self.keys]
        if counts.updated and values:
            self.execute(
                "UPDATE {target} t SET {assigned} FROM {proposed} p"
                " WHERE p.row_changes AND {same_key}",
                assigned=COMMA.join(
                    sql.SQL("{0} = p.{0}").format(Identifier(name)) for name in values
                ),
                same_key=self.same_key("t", "p"),
            )
        if counts.inserted:
            keep_sequence(self.cursor, self.live)
            passed_over = self._may_pass_over_foreign_keys()
            if passed_over:
                self.execute("SET LOCAL session_replication_role TO replica")
            self.execute(
                "INSERT INTO {target} ({columns}) SELECT {columns} FROM {proposed}"
                " WHERE NOT row_exists ORDER BY line",
                columns=COMMA.join(map(Identifier, direct)),
            )
            if passed_over:
                self.execute("SET LOCAL session_replication_role TO DEFAULT")
        if counts.inserted or counts.updated:
            for column in self.own_references:
                self._connect(column)

    def same_key(self, one: str, other: str) -> sql.Composable:
        """Compose the condition that two aliases stand for the same row."""
        return AND.join(
            sql.SQL("{} = {}").format(Identifier(one, key), Identifier(other, key))
            for key in self.keys
        )

    def _may_pass_over_foreign_keys(self) -> bool:
        """Tell whether an INSERT needs no look at foreign keys.

        They take two thirds of its time, to look up row by row what was just looked up for all
        rows at once. They are passed over only by a role that may do so, and only where nothing
        else would be passed over with them. The referred tables are locked against writing
        meanwhile (see load.py), so what was found stays true.
        """
        looked_up = {
            c.target for c in self.delivered if c.reference and c not in self.own_references
        }
        return self.live.plain_inserts and self.live.referring <= looked_up

    def _looked_up(
        self,
    ) -> tuple[dict[str, sql.Composable], list[sql.Composable], list[sql.Composable]]:
        """Compose the delivered values by target column, references as written, and joins."""
        proposed: dict[str, sql.Composable] = {}
        written: list[sql.Composable] = []
        joins: list[sql.Composable] = []
        for number, column in enumerate(self.delivered):
            value = Identifier("s", column.name)
            if column.reference:
                alias = f"r{number}"
                joins.append(
                    sql.SQL("LEFT JOIN {} {} ON {} = {}").format(
                        Identifier(self.schema, column.reference.table),
                        Identifier(alias),
                        Identifier(alias, column.reference.key),
                        value,
                    )
                )
                written.append(sql.SQL("{} AS {}").format(value, as_written(column)))
                value = Identifier(alias, column.reference.id_column)
            proposed[column.target] = value
        return proposed, written, joins

    def _changes(self, proposed: Mapping[str, sql.Composable]) -> sql.Composable:
        differing: list[sql.Composable] = [
            sql.SQL("t.{} IS DISTINCT FROM {}").format(Identifier(name), value)
            for name, value in proposed.items()
            if name not in self.keys
        ]
        differing += (
            # Named, but only now being inserted: its id is not known yet.
            sql.SQL("({} IS NOT NULL AND {} IS NULL)").format(
                Identifier("s", column.name), proposed[column.target]
            )
            for column in self.own_references
        )
        return OR.join(differing) if differing else sql.SQL("false")

    def _connect(self, column: Column) -> None:
        """Fill in ids that another row of the same file has only now."""
        assert column.reference
        self.execute(
            """
            UPDATE {target} t SET {column} = r.{id}
              FROM {proposed} p LEFT JOIN {target} r ON r.{key} = p.{written}
             WHERE (p.row_changes OR NOT p.row_exists) AND {same_key}
               AND t.{column} IS DISTINCT FROM r.{id}
            """,
            column=Identifier(column.target),
            id=Identifier(column.reference.id_column),
            key=Identifier(column.reference.key),
            written=as_written(column),
            same_key=self.same_key("t", "p"),
        )


def as_written(column: Column) -> Identifier:
    """Name where a proposal keeps what the file says of a referred row."""
    return Identifier(f"written {column.name}")
