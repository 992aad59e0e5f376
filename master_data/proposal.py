"""The rows that a file asks for, set beside what the table holds, then written.

All statements work on whole sets, on temporary tables of the load's own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import extensions, sql

from master_data.catalog import Facts, keep_sequence
from master_data.staging import REJECTED, STAGED
from master_data.tables import Column, Table

PROPOSED = sql.Identifier("pg_temp", "proposed_rows")
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

    `delivered` are the columns that the file has, `own_references` those of them that name
    another row of the same table.
    """

    def __init__(
        self,
        cursor: extensions.cursor,
        schema: str,
        table: Table,
        facts: Facts,
        delivered: tuple[Column, ...],
    ) -> None:
        self.cursor = cursor
        self.schema = schema
        self.table = table
        self.facts = facts
        self.delivered = delivered
        self.target = sql.Identifier(schema, table.name)
        self.keys = tuple(table.column(name).target for name in table.key)
        self.own_references = tuple(
            c for c in delivered if c.reference and c.reference.table == table.name
        )

    def execute(
        self,
        query: str,
        parameters: Mapping[str, object] | None = None,
        **parts: sql.Composable,
    ) -> int:
        """Run a statement, with {target}, {proposed}, {staged} and {rejected} filled in.

        Gives the number of rows it touched.
        """
        composed = sql.SQL(query).format(
            target=self.target, proposed=PROPOSED, staged=STAGED, rejected=REJECTED, **parts
        )
        self.cursor.execute(composed, parameters)
        return self.cursor.rowcount

    def build(self) -> None:
        """Look up references and the rows that are there already, in one pass."""
        proposed, selected, joins = self._looked_up()
        exists = sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(self.keys[0]))
        changes = self._changes(proposed)
        for column in self.table.columns:
            if column not in self.delivered:
                # Left out of the file: a present row keeps its value, a new one gets the default.
                proposed[column.target] = sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(
                    exists,
                    sql.Identifier("t", column.target),
                    sql.SQL(self.facts.defaults.get(column.target, "NULL")),
                )
        same_key = AND.join(
            sql.SQL("t.{} = {}").format(sql.Identifier(key), proposed[key]) for key in self.keys
        )
        if self.table.identity:
            proposed[self.table.identity] = sql.Identifier("t", self.table.identity)
        selected += (
            sql.SQL("{} AS {}").format(value, sql.Identifier(name))
            for name, value in proposed.items()
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
            keys=COMMA.join(sql.Identifier(key) for key in self.keys),
        )

    def counts(self) -> Counts:
        """What writing will do."""
        self.execute(
            """
            SELECT count(*) FILTER (WHERE NOT row_exists),
                   count(*) FILTER (WHERE row_changes),
                   count(*) FILTER (WHERE row_exists AND NOT row_changes)
              FROM {proposed}
            """
        )
        inserted, updated, unchanged = self.cursor.fetchone() or (0, 0, 0)
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
                    sql.SQL("{0} = p.{0}").format(sql.Identifier(name)) for name in values
                ),
                same_key=self.same_key("t", "p"),
            )
        if counts.inserted:
            keep_sequence(self.cursor, self.facts)
            self.execute(
                "{off} INSERT INTO {target} ({columns}) SELECT {columns} FROM {proposed}"
                " WHERE NOT row_exists ORDER BY line; {on}",
                None,
                columns=COMMA.join(sql.Identifier(name) for name in direct),
                **self._foreign_key_triggers(),
            )
        if counts.inserted or counts.updated:
            for column in self.own_references:
                self._connect(column)

    def same_key(self, one: str, other: str) -> sql.Composable:
        """A condition: two aliases stand for the same row."""
        return AND.join(
            sql.SQL("{} = {}").format(sql.Identifier(one, key), sql.Identifier(other, key))
            for key in self.keys
        )

    def _foreign_key_triggers(self) -> dict[str, sql.Composable]:
        """Statements that switch them off and on again, where that is right; else empty ones.

        Foreign keys take two thirds of the time of an INSERT, to look up row by row what was just
        looked up for all rows at once. They are passed over only by a role that may do so, and only
        where nothing else would be passed over with them. The referred tables are locked against
        writing meanwhile (see load.py), so what was found stays true.
        """
        looked_up = {
            c.target for c in self.delivered if c.reference and c not in self.own_references
        }
        if not self.facts.plain_inserts or not self.facts.referring <= looked_up:
            return {"off": sql.SQL(""), "on": sql.SQL("")}
        return {
            "off": sql.SQL("SET LOCAL session_replication_role TO replica;"),
            "on": sql.SQL("SET LOCAL session_replication_role TO DEFAULT"),
        }

    def _looked_up(
        self,
    ) -> tuple[dict[str, sql.Composable], list[sql.Composable], list[sql.Composable]]:
        """The delivered values by target column, references as they were written, and joins."""
        proposed: dict[str, sql.Composable] = {}
        written: list[sql.Composable] = []
        joins: list[sql.Composable] = []
        for number, column in enumerate(self.delivered):
            value = sql.Identifier("s", column.name)
            if column.reference:
                alias = f"r{number}"
                joins.append(
                    sql.SQL("LEFT JOIN {} {} ON {} = {}").format(
                        sql.Identifier(self.schema, column.reference.table),
                        sql.Identifier(alias),
                        sql.Identifier(alias, column.reference.key),
                        value,
                    )
                )
                written.append(sql.SQL("{} AS {}").format(value, as_written(column)))
                value = sql.Identifier(alias, column.reference.id_column)
            proposed[column.target] = value
        return proposed, written, joins

    def _changes(self, proposed: Mapping[str, sql.Composable]) -> sql.Composable:
        differing: list[sql.Composable] = [
            sql.SQL("t.{} IS DISTINCT FROM {}").format(sql.Identifier(name), value)
            for name, value in proposed.items()
            if name not in self.keys
        ]
        differing += (
            # Named, but only now being inserted: its id is not known yet.
            sql.SQL("({} IS NOT NULL AND {} IS NULL)").format(
                sql.Identifier("s", column.name), proposed[column.target]
            )
            for column in self.own_references
        )
        return OR.join(differing) if differing else sql.SQL("false")

    def _connect(self, column: Column) -> None:
        # Only now has every row an id that another row of the same file may refer to.
        assert column.reference
        self.execute(
            """
            UPDATE {target} t SET {column} = r.{id}
              FROM {proposed} p LEFT JOIN {target} r ON r.{key} = p.{written}
             WHERE (p.row_changes OR NOT p.row_exists) AND {same_key}
               AND t.{column} IS DISTINCT FROM r.{id}
            """,
            column=sql.Identifier(column.target),
            id=sql.Identifier(column.reference.id_column),
            key=sql.Identifier(column.reference.key),
            written=as_written(column),
            same_key=self.same_key("t", "p"),
        )


def as_written(column: Column) -> sql.Identifier:
    """Where a proposal keeps what the file says of a referred row."""
    return sql.Identifier(f"written {column.name}")
