"""The master data's tables as CSV files: with `sample_data`, all that knows the schema by name.

Generator, CSV files and loader read these descriptions; constraints and comments come from the
catalog of the database, where `postgres/init/02-create-schema.sql` put them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "code", "line", "text", "integer", "smallint", "decimal", "date", "boolean", "choice"
]
"""How a value is read: `code` and `line` lose surrounding blanks, `text` is kept as it is."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The CSV names a row of another table by its key; the table keeps that row's id."""

    table: str
    key: str
    id_column: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a CSV file: an `optional` one may be empty, a `defaulted` one left out."""

    name: str
    kind: Kind
    optional: bool = False
    defaulted: bool = False
    precision: int = 0
    scale: int = 0
    choices: tuple[str, ...] = ()
    reference: Reference | None = None
    own_target: str = ""

    @property
    def target(self) -> str:
        """The table's column that it fills."""
        return self.own_target or (self.reference.id_column if self.reference else self.name)


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its CSV file, `<name>.csv`; `key` names the CSV columns that identify a row.

    `unique` are further groups of table columns that no two rows share; `timestamps` are kept by
    the database.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    timestamps: tuple[str, ...] = ("created_at", "updated_at")

    @property
    def file_name(self) -> str:
        return f"{self.name}.csv"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def row_columns(self) -> tuple[str, ...]:
        """Every column that a dump writes, in the order of the schema."""
        identity = (self.identity,) if self.identity else ()
        return identity + tuple(column.target for column in self.columns) + self.timestamps


_MANUFACTURER = Reference("manufacturers", "manufacturer_code", "manufacturer_id")
_SUBSTANCE = Reference("active_substances", "inn", "active_substance_id")
_PRODUCT = Reference("products", "product_number", "product_id")
_CLASS = Reference("system_organ_classes", "soc_code", "system_organ_class_id")
_TERM = Reference("reaction_terms", "term_code", "reaction_term_id")

FREQUENCIES = ("very_common", "common", "uncommon", "rare", "very_rare", "not_known")
SERIOUSNESS = ("non_serious", "serious", "life_threatening", "fatal")
STATUSES = ("authorised", "suspended", "withdrawn")
SOURCES = ("label", "clinical_trial", "spontaneous", "literature", "authority")

MANUFACTURERS = Table(
    "manufacturers",
    (
        Column("manufacturer_code", "code"),
        Column("name", "line"),
        Column("country_code", "code"),
        Column("city", "line"),
        Column("email", "line", optional=True),
    ),
    key=("manufacturer_code",),
    identity="manufacturer_id",
    unique=(("name",),),
)

ACTIVE_SUBSTANCES = Table(
    "active_substances",
    (
        Column("inn", "line"),
        Column("atc_code", "code", optional=True),
        Column("is_controlled", "boolean", defaulted=True),
        Column("description", "text", optional=True),
    ),
    key=("inn",),
    identity="active_substance_id",
)

PRODUCTS = Table(
    "products",
    (
        Column("product_number", "code"),
        Column("name", "line"),
        Column("manufacturer_code", "code", reference=_MANUFACTURER),
        Column("dosage_form", "line"),
        Column("pack_size", "integer"),
        Column("pack_unit", "choice", choices=("Stück", "ml", "g", "Dosen")),
        Column("price_eur", "decimal", optional=True, precision=10, scale=2),
        Column("prescription_only", "boolean", defaulted=True),
        Column("marketing_status", "choice", defaulted=True, choices=STATUSES),
        Column("authorised_on", "date"),
        Column("withdrawn_on", "date", optional=True),
        Column("storage_note", "text", optional=True),
    ),
    key=("product_number",),
    identity="product_id",
)

PRODUCT_ACTIVE_SUBSTANCES = Table(
    "product_active_substances",
    (
        Column("product_number", "code", reference=_PRODUCT),
        Column("inn", "line", reference=_SUBSTANCE),
        Column("position", "smallint", defaulted=True),
        Column("strength", "decimal", precision=12, scale=4),
        Column("strength_unit", "choice", choices=("mg", "µg", "g", "mg/ml", "IU", "%")),
    ),
    key=("product_number", "inn"),
    unique=(("product_id", "position"),),
    timestamps=(),
)

SYSTEM_ORGAN_CLASSES = Table(
    "system_organ_classes",
    (Column("soc_code", "code"), Column("name", "line"), Column("display_order", "smallint")),
    key=("soc_code",),
    identity="system_organ_class_id",
    unique=(("name",), ("display_order",)),
    timestamps=(),
)

REACTION_TERMS = Table(
    "reaction_terms",
    (
        Column("term_code", "code"),
        Column("name", "line"),
        Column("german_name", "line", optional=True),
        Column("soc_code", "code", reference=_CLASS),
        Column(
            "parent_term_code", "code", optional=True, reference=_TERM, own_target="parent_term_id"
        ),
        Column("is_current", "boolean", defaulted=True),
    ),
    key=("term_code",),
    identity="reaction_term_id",
    unique=(("name",),),
)

ADVERSE_DRUG_REACTIONS = Table(
    "adverse_drug_reactions",
    (
        Column("product_number", "code", reference=_PRODUCT),
        Column("term_code", "code", reference=_TERM),
        Column("source", "choice", choices=SOURCES),
        Column("frequency", "choice", defaulted=True, choices=FREQUENCIES),
        Column("seriousness", "choice", defaulted=True, choices=SERIOUSNESS),
        Column("report_count", "integer", defaulted=True),
        Column("first_reported_on", "date"),
        Column("last_reviewed_on", "date", optional=True),
        Column("description", "text", optional=True),
    ),
    key=("product_number", "term_code", "source"),
    identity="adverse_drug_reaction_id",
)

TABLES = (
    MANUFACTURERS,
    ACTIVE_SUBSTANCES,
    PRODUCTS,
    PRODUCT_ACTIVE_SUBSTANCES,
    SYSTEM_ORGAN_CLASSES,
    REACTION_TERMS,
    ADVERSE_DRUG_REACTIONS,
)
"""In the order in which they can be filled: a table stands behind all that it refers to."""

IMPORT_LOG = Table(
    "data_imports",
    (
        Column("file_name", "line"),
        Column("file_sha256", "code"),
        Column("table_name", "code"),
        Column("inserted_rows", "integer"),
        Column("updated_rows", "integer"),
        Column("rejected_rows", "integer"),
        Column("imported_by", "line", defaulted=True),
    ),
    key=("file_name",),
    identity="data_import_id",
    timestamps=("imported_at",),
)
"""Which file changed the data: written by the loader, never loaded from a file."""
