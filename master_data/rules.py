"""The rules that need the database: each moves the rows that break it to the rejected ones.

References, the table's own check constraints, repeated keys, values that only one row may have.
The order matters: a row that is rejected for one rule is no row that another can stumble over.
"""

from __future__ import annotations

from psycopg2.sql import SQL, Composable, Identifier, Literal

from master_data.proposal import AND, COMMA, OR, Proposal, as_written
from master_data.tables import Column


def judge(proposal: Proposal) -> int:
    """Reject every row that cannot be written, with the reason; return how many reasons."""
    # A row is told all of these reasons, so rows are dropped behind the last of them.
    found = _reject_failed_checks(proposal)
    for column in proposal.file.delivered:
        if column.reference and column not in proposal.own_references:
            found += proposal.execute(
                "reject_unknown",
                {"column": column.name, "unknown": _unknown(column)},
                written=as_written(column),
                id=Identifier(column.target),
            )
    _drop_if(proposal, found)
    found += _reject_repeated(proposal, proposal.keys, "duplicate", "key")
    for group in proposal.file.table.unique:
        found += _reject_repeated(proposal, group, "unique", "value")
        taken = proposal.execute(
            "reject_taken",
            {"names": _names_in_file(proposal, group)},
            same_group=AND.join(SQL("t.{0} = p.{0}").format(Identifier(name)) for name in group),
            same_key=proposal.same_key("q", "t"),
        )
        found += _drop_if(proposal, taken)
    # Rejecting a row can orphan others, until none is left that can.
    while lost := sum(_reject_lost_relatives(proposal, c) for c in proposal.own_references):
        found += lost
    return found


def _drop_if(proposal: Proposal, found: int) -> int:
    """Take rejected rows out of the proposal where some were found."""
    if found:
        proposal.execute("drop_rejected")
    return found


def _reject_failed_checks(proposal: Proposal) -> int:
    known = {column.target for column in proposal.file.table.columns}
    checks = [check for check in proposal.live.checks if known.issuperset(check.columns)]
    if not checks:
        return 0
    # Of each check one row: the columns, the words with the values found, whether it is broken.
    told: list[Composable] = []
    broken: list[Composable] = []
    for check in checks:
        found = COMMA.join(
            SQL("coalesce(quote_literal(left({}::text, 40)), 'nothing')").format(Identifier(column))
            for column in check.columns
        )
        names, words = _names_in_file(proposal, check.columns), f"{check.words}; found "
        broken.append(SQL("({}) IS FALSE").format(SQL(check.expression)))
        row = SQL("({}, {} || concat_ws(', ', {}), {})")
        told.append(row.format(Literal(names), Literal(words), found, broken[-1]))
    told_rows, any_broken = COMMA.join(told), OR.join(broken)
    return proposal.execute("reject_failed_checks", told=told_rows, any_applies=any_broken)


def _reject_repeated(proposal: Proposal, group: tuple[str, ...], rule: str, what: str) -> int:
    names = _names_in_file(proposal, group)
    found = proposal.execute(
        "reject_repeated",
        {"names": names, "rule": rule, "reason": f"has the same {what} as line "},
        columns=COMMA.join(map(Identifier, group)),
    )
    return _drop_if(proposal, found)


def _reject_lost_relatives(proposal: Proposal, column: Column) -> int:
    assert column.reference
    found = proposal.execute(
        "reject_lost_relatives",
        {"column": column.name, "unknown": _unknown(column)},
        key=Identifier(column.reference.key),
        written=as_written(column),
    )
    return _drop_if(proposal, found)


def _unknown(column: Column) -> str:
    assert column.reference
    return f"{column.reference.table} has no {column.reference.key} "


def _names_in_file(proposal: Proposal, targets: tuple[str, ...]) -> str:
    names = {column.target: column.name for column in proposal.file.table.columns}
    return ", ".join(names.get(target, target) for target in targets)
