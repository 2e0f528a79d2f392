"""`vsortd doctor`: what is here of what a quiet night needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.cli.common import JsonFlag, console, print_json
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from vsortd.doctor.finding import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    ctx: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out what takes seconds: loading the model, sorting a clip.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Check the installation, the machine, the config, the folders and the model, and sort a clip end to end.

    Each line is ok, warn or fail, with what to type. The exit code is 1 if anything fails.
    """
    from vsortd.doctor import examine
    from vsortd.doctor.finding import Level

    out = console()
    findings = []
    for finding in examine(ctx.obj.config, quick=quick):
        findings.append(finding)
        if not as_json:
            _print(out, finding)  # at once: the last ones take seconds
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    if as_json:
        checks = [finding.to_json() for finding in findings]
        print_json({"schema_version": 1, "ok": not failed, "failed": failed, "warned": warned, "checks": checks})
    elif failed or warned:
        out.print(f"{failed} failed, {warned} with a warning, of {len(findings)} looked at.")
    else:
        out.print(f"All {len(findings)} are well.")
    return int(ExitCode.FAILURE if failed else ExitCode.OK)


def _print(out: Console, finding: Finding) -> None:
    out.print(f"{finding.level:<5}", style=_STYLES[finding.level], end="")
    out.print(f"{finding.name}: {finding.found}")
    for line in (*finding.details, finding.remedy):
        if line:
            out.print(f"     {line}", style="dim")
