"""`vsortd model compare` and `model bench`: models tried on this machine, side by side or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    print_json,
    progress_bar,
    state_folder,
    waiting,
    write_csv_of,
)
from vsortd.cli.completing import model_words
from vsortd.cli.front.declared import Argument, Option
from vsortd.errors import ExitCode, ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import ModelChoice
    from vsortd.vision.model_speeds import MeasuredSpeed

_BENCH_FIELDS = (
    "model", "device", "device_name", "precision", "frames_per_s", "load_s", "memory_bytes", "gpu_bytes", "error",
)  # fmt: skip
_COMPARE_FIELDS = (
    "model", "name", "weights", "accuracy", "accuracy_low", "accuracy_high", "unsure", "unsure_low", "unsure_high",
    "wrong", "wrong_low", "wrong_high", "none_right", "none_right_low", "none_right_high", "won", "lost", "p",
    "p_of_all", "verdict", "frames", "temperature", "temperature_from", "device", "device_name", "precision", "batch",
    "frames_per_s", "load_s", "memory_bytes", "libraries_bytes", "gpu_bytes", "parameters", "error", "remedy",
)  # fmt: skip
_MODEL_HELP = "As in the config's `model:`, or NAME/TAG, or NAME=FILE for a checkpoint of that architecture."


def compare(
    ctx: click.Context,
    models: Annotated[
        list[str],
        Argument(
            metavar="MODEL…",
            help=f"{_MODEL_HELP} If there is only one, it is compared with the config's.",
            autocompletion=model_words,
        ),
    ],
    folder: Annotated[
        Path, Option("--in", metavar="PATH", help="A folder of videos in subfolders named like the rules.")
    ],
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Judge the same videos with several models.

    Shows how often each is right, and what it costs on this machine. FOLDER is as for `vsortd eval`. Every video is
    decoded once, and each model sees the same frames. Nothing is moved, and nothing is kept.
    """
    settings = load(ctx)
    choices = _choices(models)
    _refuse_twice(choices)
    if len(choices) == 1 and choices[0] != settings.model:
        choices.insert(0, settings.model)
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.evaluation.side_by_side import compare_models

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    found = compare_models(settings, state_folder(), choices, folder, bar=progress_bar)
    document = {"schema_version": SCHEMA_VERSION, **found.to_json()}
    if as_json:
        print_json(document)
    elif as_csv:
        write_csv_of(_COMPARE_FIELDS, document["models"])
    else:
        from vsortd.evaluation.contest_table import print_contest

        print_contest(console(), found)
    whole = not found.failed and len(found.judged) == len(found.results)
    return int(ExitCode.OK if whole else ExitCode.PARTIAL)


def bench(
    models: Annotated[
        list[str] | None,
        Argument(metavar="[MODEL]…", help=f"{_MODEL_HELP} By default auto.", autocompletion=model_words),
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Measure how fast models embed pictures here.

    Also measures the memory that they use; `model list` shows the results from then on. It takes some seconds for
    each model, in addition to loading it. The figures are right only if the machine does nothing else.
    """
    choices = _choices(models or ["auto"])
    _refuse_twice(choices)
    entries = [_benched(choice) for choice in choices]
    if all(entry["error"] for entry in entries):
        details = [f"{entry['model']}: {entry['error']}" for entry in entries]
        one = len(entries) == 1
        title = entries[0]["error"] if one else "No model could be measured."
        raise ModelError(title, details=() if one else details, remedy=entries[0]["remedy"])
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "models": entries})
    elif as_csv:
        write_csv_of(_BENCH_FIELDS, entries)
    else:
        _print_benched(entries)
    return int(ExitCode.PARTIAL if any(entry["error"] for entry in entries) else ExitCode.OK)


def _choices(words: Sequence[str]) -> list[str | ModelChoice]:
    from vsortd.vision.model_words import read_model

    return [read_model(word) for word in words]


def _refuse_twice(choices: Sequence[str | ModelChoice]) -> None:
    from vsortd.vision.model_words import model_word

    words = [model_word(choice) for choice in choices]
    if twice := next((word for word in words if words.count(word) > 1), ""):
        raise UsageError(f"{twice} would be held against itself.", remedy="Name each model once.")


def _benched(choice: str | ModelChoice) -> dict[str, Any]:
    """Measure a model and keep what came of it; a model that can't be had says why."""
    from dataclasses import asdict

    from vsortd.vision.bench import measure
    from vsortd.vision.model_speeds import keep_speed
    from vsortd.vision.model_words import model_word

    word = model_word(choice)
    try:
        with waiting(f"measuring {word}"):
            measured = measure(choice)
    except ModelError as error:
        nothing = dict.fromkeys(_BENCH_FIELDS)
        return {**nothing, "model": word, "error": error.title, "remedy": error.remedy}
    keep_speed(state_folder(), measured)
    return {**_shown(measured, asdict(measured)), "error": None, "remedy": None}


def _shown(measured: MeasuredSpeed, entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "device_name": measured.device_name or None}


def _print_benched(entries: Sequence[dict[str, Any]]) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.core.units import about_duration, about_size
    from vsortd.evaluation.contest_table import about_speed

    out = console()
    on_gpu = any(entry["gpu_bytes"] is not None for entry in entries)
    headings = ("frames/s", "load", "memory", *(("GPU memory",) if on_gpu else ()))
    columns = [Column("model", ColumnKind.NAME), Column("on"), *(Column(one, ColumnKind.NUMBER) for one in headings)]
    rows = []
    for entry in [entry for entry in entries if not entry["error"]]:
        cells = [about_speed(entry["frames_per_s"]), about_duration(entry["load_s"]), about_size(entry["memory_bytes"])]
        if on_gpu:
            cells.append(about_size(entry["gpu_bytes"]) if entry["gpu_bytes"] is not None else "")
        rows.append((entry["model"], f"{entry['device_name'] or entry['device']}, {entry['precision']}", *cells))
    print_table(out, columns, rows)
    for entry in [entry for entry in entries if entry["error"]]:
        out.print(Text(f"{entry['model']}: {entry['error']}", style="red"))
        if entry["remedy"]:
            out.print(Text(f"  {entry['remedy']}", style="dim"))
