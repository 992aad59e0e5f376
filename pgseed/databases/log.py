"""Lines in the server's own log: what this project did, and when."""

from __future__ import annotations

import psycopg2.extensions
from psycopg2 import sql

from pgseed.sql_names import quote_literal


def log(connection: psycopg2.extensions.connection, text: str) -> None:
    """Write a line that begins with `vpdb: ` into the server's log, without the statement."""
    body = f"BEGIN RAISE LOG USING MESSAGE = {quote_literal(f'vpdb: {text}')}; END"
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SET log_min_error_statement = panic; SET log_error_verbosity = terse; DO {};"
                " RESET log_min_error_statement; RESET log_error_verbosity"
            ).format(sql.Literal(body))
        )
