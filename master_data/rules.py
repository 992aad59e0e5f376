"""The rules that need the database: each moves the rows that break it to the rejected ones.

References, the table's own check constraints, repeated keys, values that only one row may have.
The order matters: a row that is rejected for one rule is no row that another can stumble over.
"""

from __future__ import annotations

from psycopg2 import sql

from master_data.live_table import Check
from master_data.proposal import AND, COMMA, OR, Proposal, as_written
from master_data.tables import Column


def judge(proposal: Proposal) -> int:
    """Reject every row that cannot be written, with the reason; return how many reasons."""
    # All of these reasons are told of a row, hence dropping comes behind the last one.
    found = _reject_failed_checks(proposal)
    for column in proposal.delivered:
        if column.reference and column not in proposal.own_references:
            found += _reject_unknown(proposal, column)
    if found:
        proposal.drop_rejected()
    found += _reject_repeated(proposal, proposal.keys, "duplicate", "the same key")
    for group in proposal.table.unique:
        found += _reject_repeated(proposal, group, "unique", "the same value")
        found += _reject_taken(proposal, group)
    # Rejecting a row can orphan others, until none is left that can.
    while lost := sum(_reject_lost_relatives(proposal, c) for c in proposal.own_references):
        found += lost
    return found


def _reject(
    proposal: Proposal, query: str, parameters: dict[str, object], **parts: sql.Composable
) -> int:
    """Run a query for rejected rows, and take those out of the proposal at once."""
    found = proposal.execute("INSERT INTO {rejected} " + query, parameters, **parts)
    if found:
        proposal.drop_rejected()
    return found


def _reject_unknown(proposal: Proposal, column: Column) -> int:
    return proposal.execute(
        """
        INSERT INTO {rejected}
        SELECT line, %(column)s, 'reference', %(unknown)s || quote_literal({written})
          FROM {proposed} WHERE {written} IS NOT NULL AND {id} IS NULL
        """,
        {"column": column.name, "unknown": _unknown(column)},
        written=as_written(column),
        id=sql.Identifier(column.target),
    )


def _reject_failed_checks(proposal: Proposal) -> int:
    known = {column.target for column in proposal.table.columns}
    checks = [check for check in proposal.live.checks if known.issuperset(check.columns)]
    if not checks:
        return 0
    return proposal.execute(
        """
        INSERT INTO {rejected}
        SELECT line, broken.columns, 'check', broken.reason
          FROM {proposed}
         CROSS JOIN LATERAL (VALUES {told}) AS broken (columns, reason, applies)
         WHERE ({any_applies}) AND broken.applies
        """,
        told=COMMA.join(_told(proposal, check) for check in checks),
        any_applies=OR.join(map(_applies, checks)),
    )


def _told(proposal: Proposal, check: Check) -> sql.Composable:
    """Compose one row: the columns, the words with the values found, whether it is broken."""
    found = COMMA.join(
        sql.SQL("coalesce(quote_literal(left({}::text, 40)), 'nothing')").format(
            sql.Identifier(column)
        )
        for column in check.columns
    )
    return sql.SQL("({}, {} || concat_ws(', ', {}), {})").format(
        sql.Literal(_names_in_file(proposal, check.columns)),
        sql.Literal(f"{check.words}; found "),
        found,
        _applies(check),
    )


def _applies(check: Check) -> sql.Composable:
    return sql.SQL("({}) IS FALSE").format(sql.SQL(check.expression))


def _reject_repeated(proposal: Proposal, group: tuple[str, ...], rule: str, what: str) -> int:
    """Reject all but the first of the rows that share their values in some columns."""
    return _reject(
        proposal,
        """
        SELECT line, %(names)s, %(rule)s, %(reason)s || first_line
          FROM (SELECT line, min(line) OVER (PARTITION BY {columns}) AS first_line
                  FROM {proposed}
                 WHERE ({columns}) IN
                       (SELECT {columns} FROM {proposed} GROUP BY {columns} HAVING count(*) > 1)
               ) repeated
         WHERE line > first_line
        """,
        {
            "names": _names_in_file(proposal, group),
            "rule": rule,
            "reason": f"has {what} as line ",
        },
        columns=COMMA.join(map(sql.Identifier, group)),
    )


def _reject_taken(proposal: Proposal, group: tuple[str, ...]) -> int:
    """Reject values of a row which the file leaves alone; two rows may exchange theirs."""
    return _reject(
        proposal,
        """
        SELECT p.line, %(names)s, 'unique', 'has the same value as another row of the table'
          FROM {proposed} p JOIN {target} t ON {same_group}
         WHERE NOT EXISTS (SELECT FROM {proposed} q WHERE {same_key})
        """,
        {"names": _names_in_file(proposal, group)},
        same_group=AND.join(
            sql.SQL("t.{0} = p.{0}").format(sql.Identifier(column)) for column in group
        ),
        same_key=proposal.same_key("q", "t"),
    )


def _reject_lost_relatives(proposal: Proposal, column: Column) -> int:
    """Reject references within the table to rows that neither the table nor the file has."""
    assert column.reference
    return _reject(
        proposal,
        """
        SELECT p.line, %(column)s, 'reference',
               CASE WHEN p.{key} = p.{written} THEN 'refers to itself'
                    ELSE %(unknown)s || quote_literal(p.{written}) END
          FROM {proposed} p
         WHERE p.{written} IS NOT NULL
           AND (p.{key} = p.{written}
                OR NOT EXISTS (SELECT FROM {target} t WHERE t.{key} = p.{written}
                               UNION ALL
                               SELECT FROM {proposed} q WHERE q.{key} = p.{written}))
        """,
        {"column": column.name, "unknown": _unknown(column)},
        key=sql.Identifier(column.reference.key),
        written=as_written(column),
    )


def _unknown(column: Column) -> str:
    assert column.reference
    return f"{column.reference.table} has no {column.reference.key} "


def _names_in_file(proposal: Proposal, targets: tuple[str, ...]) -> str:
    names = {column.target: column.name for column in proposal.table.columns}
    return ", ".join(names.get(target, target) for target in targets)
