"""The rows that a file asks for, in temporary tables: set beside the table's, then written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import extensions
from psycopg2.sql import SQL, Composable, Identifier

from master_data.csv_file import CsvFile
from master_data.live_table import LiveTable, keep_sequence
from master_data.queries import query
from master_data.tables import Column

AND = SQL(" AND ")
OR = SQL(" OR ")
COMMA = SQL(", ")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a file does to its table, in rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


class Proposal:
    """The staged rows of a file; `own_references` are columns that name a row of its own table."""

    def __init__(
        self, cursor: extensions.cursor, schema: str, live: LiveTable, file: CsvFile
    ) -> None:
        self.cursor = cursor
        self.schema = schema
        self.live = live
        self.file = file
        self.keys = tuple(file.table.column(name).target for name in file.table.key)
        self.own_references = tuple(
            c for c in file.delivered if c.reference and c.reference.table == file.table.name
        )

    def execute(
        self, name: str, parameters: Mapping[str, object] | None = None, **parts: Composable
    ) -> int:
        """Run a query of ours, with {target} filled in too; return the rows it touched."""
        target = Identifier(self.schema, self.file.table.name)
        self.cursor.execute(query(name, target=target, **parts), parameters)
        return self.cursor.rowcount

    def build(self) -> None:
        """Look up references and the rows that are there already."""
        proposed, selected, joins = self._looked_up()
        exists = SQL("t.{} IS NOT NULL").format(Identifier(self.keys[0]))
        changes = self._changes(proposed)
        # Left out of the file: a present row keeps its value, a new one gets the default.
        kept = SQL("CASE WHEN {} THEN {} ELSE {} END")
        for name in (c.target for c in self.file.table.columns if c not in self.file.delivered):
            default = SQL(self.live.defaults.get(name, "NULL"))
            proposed[name] = kept.format(exists, Identifier("t", name), default)
        same = SQL("t.{} = {}")
        same_key = AND.join(same.format(Identifier(key), proposed[key]) for key in self.keys)
        if self.file.table.identity:
            proposed[self.file.table.identity] = Identifier("t", self.file.table.identity)
        named = SQL("{} AS {}")
        selected += (named.format(value, Identifier(name)) for name, value in proposed.items())
        self.execute(
            "propose",
            selected=COMMA.join(selected),
            exists=exists,
            changes=changes,
            joins=SQL(" ").join(joins),
            same_key=same_key,
            keys=COMMA.join(map(Identifier, self.keys)),
        )

    def counts(self) -> Counts:
        """Count what writing will do."""
        self.execute("count_proposed")
        return Counts(*self.cursor.fetchall()[0])

    def write(self, counts: Counts) -> None:
        """Update the rows that change, insert the new ones in the order of the file."""
        direct = [c.target for c in self.file.delivered if c not in self.own_references]
        values = [name for name in direct if name not in self.keys]
        if counts.updated and values:
            assigned = COMMA.join(SQL("{0} = p.{0}").format(Identifier(name)) for name in values)
            self.execute("update_changed", assigned=assigned, same_key=self.same_key("t", "p"))
        if counts.inserted:
            keep_sequence(self.cursor, self.live)
            passed_over = self._may_pass_over_foreign_keys()
            if passed_over:
                self.cursor.execute("SET LOCAL session_replication_role TO replica")
            self.execute("insert_new", columns=COMMA.join(map(Identifier, direct)))
            if passed_over:
                self.cursor.execute("SET LOCAL session_replication_role TO DEFAULT")
        if counts.inserted or counts.updated:
            for column in self.own_references:
                assert column.reference
                self.execute(
                    "fill_own_references",
                    column=Identifier(column.target),
                    id=Identifier(column.reference.id_column),
                    key=Identifier(column.reference.key),
                    written=as_written(column),
                    same_key=self.same_key("t", "p"),
                )

    def same_key(self, one: str, other: str) -> Composable:
        """Compose the condition that two aliases stand for the same row."""
        return AND.join(
            SQL("{} = {}").format(Identifier(one, key), Identifier(other, key)) for key in self.keys
        )

    def _may_pass_over_foreign_keys(self) -> bool:
        """Tell whether an INSERT needs no look at foreign keys, which takes two thirds of its time.

        All were just looked up, and the referred tables are locked (see begin_load.sql). Only a
        role that may do so passes over them, and only where nothing else would be passed over.
        """
        looked_up = {
            c.target for c in self.file.delivered if c.reference and c not in self.own_references
        }
        return self.live.plain_inserts and self.live.referring <= looked_up

    def _looked_up(self) -> tuple[dict[str, Composable], list[Composable], list[Composable]]:
        """Compose the delivered values by target column, references as written, and joins."""
        proposed: dict[str, Composable] = {}
        written: list[Composable] = []
        joins: list[Composable] = []
        for number, column in enumerate(self.file.delivered):
            value = Identifier("s", column.name)
            if column.reference:
                alias = f"r{number}"
                table = Identifier(self.schema, column.reference.table)
                key = Identifier(alias, column.reference.key)
                join = SQL("LEFT JOIN {} {} ON {} = {}")
                joins.append(join.format(table, Identifier(alias), key, value))
                written.append(SQL("{} AS {}").format(value, as_written(column)))
                value = Identifier(alias, column.reference.id_column)
            proposed[column.target] = value
        return proposed, written, joins

    def _changes(self, proposed: Mapping[str, Composable]) -> Composable:
        differing: list[Composable] = [
            SQL("t.{} IS DISTINCT FROM {}").format(Identifier(name), value)
            for name, value in proposed.items()
            if name not in self.keys
        ]
        # Named, but only now being inserted: its id is not known yet.
        unknown = SQL("({} IS NOT NULL AND {} IS NULL)")
        differing += (
            unknown.format(Identifier("s", column.name), proposed[column.target])
            for column in self.own_references
        )
        return OR.join(differing) if differing else SQL("false")


def as_written(column: Column) -> Identifier:
    """Name where a proposal keeps what the file says of a referred row."""
    return Identifier(f"written {column.name}")
