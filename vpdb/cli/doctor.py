"""`doctor`: find out what is wrong, and repair what is safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from vpdb.cli.common import Json, Stack, hanging, print_json, settings_of

if TYPE_CHECKING:
    from vpdb.doctor.finding import Finding


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what is safe to repair, then look again.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show also what could not be looked at.")
    ] = False,
    as_json: Json = False,
    stack: Stack = None,
) -> None:
    """Look for what is wrong, from Docker inwards, and say what to do about it.

    --fix starts a stopped container, sets the settings' password, removes the lock of a killed
    `pulumi` and what killed loads and dumps left, ends overdue bulk mode. It never drops data,
    ends a session, or touches a file of yours.

    \b
    Exit codes:
    0  all is well
    3  warnings
    1  something is broken
    5  the database cannot be reached

    \b
    Examples:
    python -m vpdb doctor
    python -m vpdb doctor --fix
    """
    from vpdb.doctor.examination import collect, judge
    from vpdb.doctor.finding import exit_code
    from vpdb.doctor.fixes import repair

    settings = settings_of(stack)
    facts = collect(settings)
    findings = judge(facts)
    if fix and any(finding.fix for finding in findings.values()):
        for done in repair(facts, findings):
            typer.echo(f"fixed: {done}", err=as_json)
        findings = judge(collect(settings))
    if as_json:
        print_json({name: finding.to_dict() for name, finding in findings.items()})
    else:
        _print(findings, verbose=verbose)
    raise typer.Exit(exit_code(findings.values()))


_COLOURS = {"note": "cyan", "warning": "yellow", "trouble": "red", "unreachable": "red"}


def _print(findings: Mapping[str, Finding], *, verbose: bool) -> None:
    from vpdb.doctor.finding import Level

    for name, finding in findings.items():
        level = finding.level
        mark = {"ok": "ok", "skipped": "-", "unreachable": "trouble"}.get(level.name, level.name)
        text = finding.text.replace("\n", " ")
        if finding.remedy:
            text += f" -> {finding.remedy}"
        colour = _COLOURS.get(level.name)
        head = typer.style(f"{mark:<8}", fg=colour) + typer.style(f"{name:<17}", bold=True)
        if verbose or level is not Level.skipped:
            typer.echo(head + hanging(text, 8 + 17))
    fixable = sum(bool(finding.fix) for finding in findings.values())
    worst = max(finding.level for finding in findings.values())
    if worst <= Level.note:
        typer.echo(typer.style("all is well", fg="green"))
    elif fixable:
        typer.echo(f"`python -m vpdb doctor --fix` repairs {fixable} of these")
