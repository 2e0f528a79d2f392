"""`vsortd doctor`: what is here of what a quiet night needs."""

from __future__ import annotations

import typer

from vsortd.cli.common import JsonFlag, console, print_json, printable
from vsortd.errors import ExitCode

_MARKS = {"ok": "[green]ok[/]  ", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(ctx: typer.Context, as_json: JsonFlag = False) -> int:
    """Check the installation, the config, the folders, the model and the machine, each with a remedy."""
    from vsortd.doctor import Level, examine

    findings = examine(ctx.obj.config)
    failed = any(finding.level is Level.FAIL for finding in findings)
    if as_json:
        print_json({"schema_version": 1, "ok": not failed, "checks": [finding.to_json() for finding in findings]})
    else:
        out = console()
        for finding in findings:
            out.print(f"{_MARKS[finding.level]} ", end="")
            out.print(printable(f"{finding.name}: {finding.found}"), markup=False)
            if finding.remedy:
                out.print(printable(f"       {finding.remedy}"), style="dim", markup=False)
    return int(ExitCode.FAILURE if failed else ExitCode.OK)
