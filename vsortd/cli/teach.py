"""Learning from corrections: `teach` and `corrections`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.addresses import files_here
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    print_json,
    state_folder,
    waiting,
    write_csv_of,
)
from vsortd.cli.completing import rule_names
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.video_argument import video_meant
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.judging.corrections import Selected
    from vsortd.judging.leave_one_out import LeaveOneOutResult
    from vsortd.learning.teaching import Lesson

_FIELDS = ("id", "time", "video", "rule", "none", "origin", "item", "model", "used", "why_not")


def teach(
    ctx: click.Context,
    file: Annotated[
        str,
        Argument(metavar="FILE", help="A video anywhere, a name of the history, or an id."),
    ],
    rule: Annotated[
        str | None,
        Argument(metavar="[RULE]", help="Where it belongs, such as forest/night.", autocompletion=rule_names),
    ] = None,
    none: Annotated[bool, Option("--none", help="It belongs nowhere: none of the rules fits.")] = False,
    under: Annotated[
        str | None,
        Option(
            "--under", metavar="RULE", help="With --none: none of the rules below this one.", autocompletion=rule_names
        ),
    ] = None,
    keep: Annotated[bool, Option("--keep", help="Only learn; leave the video where it is.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say where a video belongs, so that vsortd learns it.

    It is filed there if it is in an inbox or the library. With --none it goes to the review folder, and counts as
    decided; with --under it goes where `on_unsure` puts it.
    """
    if (rule is None) is not none or (under is not None and not none):
        raise UsageError(
            "Say where it belongs, in one way.",
            remedy="FILE RULE, or FILE --none for nowhere, or FILE --none --under RULE for none of the rules below it.",
        )
    files_here([file], "teach")
    from vsortd.config.rules import build_rules
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.errors import VideoError
    from vsortd.judging.example_store import Origin
    from vsortd.learning.teaching import Teacher, explained, find_level, find_rule
    from vsortd.pipeline.services import Services

    settings = load(ctx)
    tree = build_rules(settings)
    key = find_level(tree, under or "") if rule is None else find_rule(tree, rule)
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    path = as_on_disk(Path(os.path.abspath(video_meant(file, changes=True))))  # noqa: PTH100 - resolve() would follow symlinks
    with (
        waiting(f"looking at {path.name}"),
        Services.open(settings, state_folder(), keep_trying=False, load_model=False, models=models()) as services,
    ):
        try:
            lesson = Teacher(services).teach(path, key, Origin.TEACH, none=none, keep=keep)
        except VideoError as error:
            raise explained(error, path) from error
    if lesson.released:
        _poke_daemon()
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **lesson.to_json()})
    else:
        _print_lesson(settings, lesson)


def _print_lesson(settings: Settings, lesson: Lesson) -> None:
    out = console()
    moved = lesson.destination != lesson.source
    where = f"{lesson.source.name} → {lesson.destination}" if moved else f"{lesson.source} stays where it is"
    note(out, f"{where}")
    thought = ""
    if lesson.thought is not None and lesson.thought != lesson.rule:
        thought = f" (vsortd would have said {lesson.thought or 'unsure'})"
    note(out, f"learned as an example of {lesson.what}{thought}: #{lesson.example}")
    if not settings.learn.use:
        note(out, "Corrections are not used: `learn: {use: false}` in the config.", style="yellow")
    back = f"vsortd undo {lesson.item}" if lesson.item else f"vsortd corrections forget {lesson.example}"
    note(out, f"Take it back with: {back}", style="dim")


def _poke_daemon() -> None:
    from vsortd.errors import DaemonUnreachableError
    from vsortd.service.client import Client

    try:
        Client(state_folder()).scan()
    except DaemonUnreachableError:
        return  # none runs: the next start scans anyway


def show(ctx: click.Context, as_csv: CsvFlag = False, as_json: JsonFlag = False) -> None:
    """List what was taught, newest first: used or why not, and whether it helps."""
    if ctx.invoked_subcommand is not None:
        return
    from vsortd.core.logs.sinks import set_up_logging

    settings = load(ctx)
    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    selected, verdict, trouble = _survey(settings)
    used = settings.learn.use and verdict is not None and verdict.helps
    entries = [_entry(one, settings, verdict, trouble) for one in selected]
    if as_csv:
        write_csv_of(_FIELDS, entries)
    elif as_json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "use": settings.learn.use,
                "used": used,
                "verdict": verdict and _verdict_json(verdict),
                "trouble": trouble,
                "corrections": entries,
            }
        )
    elif not selected:
        note(console(), "Nothing was taught yet: vsortd teach FILE RULE, teach FILE --none, or vsortd review.")
    else:
        _table(selected, settings, verdict, trouble)


def _survey(settings: Settings) -> tuple[Sequence[Selected], LeaveOneOutResult | None, str]:
    """Return every example, the verdict on them, and why there is none; the model is only loaded if it must be."""
    import threading

    from vsortd.config.rules import build_rules
    from vsortd.errors import ModelError
    from vsortd.judging.corrections import UNKNOWN_MODEL
    from vsortd.judging.example_store import examples_path
    from vsortd.pipeline.services import Services

    if not examples_path(state_folder()).exists():
        return [], None, ""
    rules = {rule.key for rule in build_rules(settings).walk()}
    trouble = ""
    with Services.open(
        settings, state_folder(), keep_trying=False, recover_first=False, load_model=False, models=models()
    ) as services:
        model, verdict = services.corrections.known_verdict(rules)
        selected = services.corrections.selected(model, rules)
        if verdict is None and settings.learn.use and any(one.why_not in {"", UNKNOWN_MODEL} for one in selected):
            with waiting("working out whether the corrections help"):
                try:
                    services.model.get(threading.Event())
                except ModelError as error:
                    trouble = str(error)
            model, verdict = services.corrections.known_verdict(rules)
            selected = services.corrections.selected(model, rules)
    return selected, verdict, trouble


def _why_not(one: Selected, settings: Settings, verdict: LeaveOneOutResult | None, trouble: str) -> str:
    """Say why an example is not used, "" if it is."""
    if one.why_not:
        return one.why_not
    if not settings.learn.use:
        return "switched off: learn: {use: false}"
    if verdict is None:
        return trouble or "not judged yet"
    return "" if verdict.helps else "with the corrections together fewer come out right"


def _entry(one: Selected, settings: Settings, verdict: LeaveOneOutResult | None, trouble: str) -> dict[str, Any]:
    taught = one.taught
    why = _why_not(one, settings, verdict, trouble)
    return {
        "id": taught.id,
        "time": taught.time,
        "video": storable(taught.path),
        "rule": taught.rule,
        "none": taught.none,
        "origin": taught.origin.value,
        "item": taught.link and taught.link.item,
        "model": taught.model,
        "used": not why,
        "why_not": why,
    }


def _verdict_json(verdict: LeaveOneOutResult) -> dict[str, Any]:
    return {
        "helps": {"better": True, "worse": False}.get(verdict.verdict.value),
        "verdict": verdict.verdict.value,
        "sentence": verdict.sentence(),
        "videos": verdict.videos,
        "right_with": verdict.right_with,
        "right_without": verdict.right_without,
        "won": list(verdict.won),
        "lost": list(verdict.lost),
    }


def _table(selected: Sequence[Selected], settings: Settings, verdict: LeaveOneOutResult | None, trouble: str) -> None:
    from vsortd.core.console import Text
    from vsortd.core.moments import local_text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.learning.teaching import none_of

    columns = (
        Column("id", ColumnKind.NUMBER, first=True),
        Column("time", first=True),
        Column("video", ColumnKind.NAME),
        Column("rule", ColumnKind.NAME),
        Column("from"),
        Column("model"),
        Column("used", ColumnKind.PROSE),
    )
    rows = []
    for one in selected:
        taught = one.taught
        why = _why_not(one, settings, verdict, trouble)
        time = local_text(taught.time)[: len("2026-11-20 18:30")]
        used = Text(f"no: {why}", style="dim") if why else Text("yes", style="green")
        model = taught.model.partition("/")[0]
        rule = f"({none_of(taught.rule)})" if taught.none else taught.rule
        rows.append((str(taught.id), time, taught.path.name, rule, taught.origin.value, model, used))
    out = console()
    print_table(out, columns, rows)
    if verdict is not None and verdict.videos:
        sentence = verdict.sentence()
        out.print(f"{sentence[0].upper()}{sentence[1:]}.", style="" if verdict.helps else "yellow")
        if verdict.lost:
            out.print(f"Judged wrong because of others: {_numbers(verdict.lost)}.")
    elif trouble:
        out.print(trouble, style="yellow")
    on = "" if settings.learn.use else " (it is off now)"
    note(out, f"Switch all of it off with `learn: {{use: false}}` in the config{on}.", style="dim")


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers)


Ids = Annotated[list[int] | None, Argument(metavar="[ID…]", help="By their id in `vsortd corrections`.")]


def forget(
    ids: Ids = None,
    everything: Annotated[bool, Option("--all", help="Everything that was taught.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Stop judging by these corrections.

    The videos stay where they are.
    """
    return _switch(ids, everything=everything, active=False, as_json=as_json)


def restore(ids: Ids = None, as_json: JsonFlag = False) -> int:
    """Judge by forgotten corrections again."""
    return _switch(ids, everything=False, active=True, as_json=as_json)


def _switch(ids: list[int] | None, *, everything: bool, active: bool, as_json: bool) -> int:
    from vsortd.judging.example_store import ExampleStore, examples_path

    if bool(ids) == everything:
        remedy = "Ids, or --all with forget; see `vsortd corrections`."
        raise UsageError(f"Say what to {'restore' if active else 'forget'}.", remedy=remedy)
    changed: list[int] = []
    known: set[int] = set()
    path = examples_path(state_folder())
    if path.exists():
        with ExampleStore(path) as store:
            known = {one.id for one in store.all()}
            changed = store.set_active(None if everything else ids, active=active)
    refused = [(number, _refusal(number, known, active=active)) for number in ids or () if number not in changed]
    done = "restored" if active else "forgotten"
    if as_json:
        entries = [{"id": number, "reason": reason} for number, reason in refused]
        print_json({"schema_version": SCHEMA_VERSION, done: changed, "refused": entries})
    else:
        out = console()
        for number, reason in refused:
            out.print(f"#{number} refused: {reason}", style="red")
        if changed:
            note(out, f"{_numbers(changed)} {done}.")
        elif not refused:
            note(out, "Nothing to forget.")
    return int(ExitCode.PARTIAL if refused else ExitCode.OK)


def _refusal(number: int, known: set[int], *, active: bool) -> str:
    if number not in known:
        return "there is no such correction"
    return "it is not forgotten" if active else "it is forgotten already"
