"""`vsortd doctor`: what is here of what a quiet night needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import CsvFlag, JsonFlag, console, load, print_json, state_folder, write_csv_of
from vsortd.cli.front.declared import Option
from vsortd.core.output import is_quiet, note
from vsortd.core.text import counted
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from vsortd.doctor.finding import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    ctx: click.Context,
    quick: Annotated[
        bool, Option("--quick", help="Leave out what takes seconds: loading the models, sorting a clip.")
    ] = False,
    repair: Annotated[
        bool,
        Option(
            "--repair", help="Mend a damaged journal: from its newest sound copy, what can still be read, and the disk."
        ),
    ] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Check the installation, machine, config and models.

    Also checks the folders, and sorts a clip from beginning to end. Each line is ok, warn or fail, with what to
    type. The exit code is 1 if anything fails.

    With --repair only the journal is checked. The damaged files are set aside, never deleted.
    """
    if repair:
        return _repair(ctx, as_json=as_json)
    from vsortd.doctor import examine
    from vsortd.doctor.finding import Severity

    out = console()
    findings = []
    for finding in examine(ctx.obj.config, quick=quick):
        findings.append(finding)
        if not (as_json or as_csv or (is_quiet() and finding.level is Severity.OK)):
            _print(out, finding)  # at once: the last ones take seconds
    failed = sum(finding.level is Severity.FAIL for finding in findings)
    warned = sum(finding.level is Severity.WARN for finding in findings)
    if as_json:
        checks = [finding.to_json() for finding in findings]
        print_json({"schema_version": 1, "ok": not failed, "failed": failed, "warned": warned, "checks": checks})
    elif as_csv:
        write_csv_of(("name", "level", "found", "remedy"), [finding.to_json() for finding in findings])
    elif failed or warned:
        wrong = [f"{failed} failed"] if failed else []
        wrong += [counted(warned, "has a warning", "have a warning")] if warned else []
        note(out, f"Of {counted(len(findings), 'check')} {' and '.join(wrong)}.")
    else:
        note(out, f"{counted(len(findings), 'check')}, and all is well.")
    return int(ExitCode.FAILURE if failed else ExitCode.OK)


def _repair(ctx: click.Context, *, as_json: bool) -> int:
    settings = load(ctx)
    from vsortd.core.paths import journal_path
    from vsortd.filing.repair import repair
    from vsortd.service.lock import DaemonLock

    with DaemonLock(state_folder()):
        done = repair(journal_path(state_folder()), settings.library, settings.place.review, settings.journal.copy_to)
    said = ["The journal is sound: nothing was changed."] if done is None else done.lines()
    if as_json:
        print_json({"schema_version": 1, "repaired": done is not None, "said": said})
    else:
        for line in said:
            console().print(line)
    return int(ExitCode.OK)


def _print(out: Console, finding: Finding) -> None:
    out.print(f"{finding.level:<5}", style=_STYLES[finding.level], end="")
    out.print(f"{finding.name}: {finding.found}")
    for line in (*finding.details, finding.remedy):
        if line:
            out.print(f"     {line}", style="dim")
