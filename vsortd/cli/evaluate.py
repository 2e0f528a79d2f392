"""`vsortd eval`: how often it is right on videos that lie where they belong."""

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
    models,
    print_json,
    progress_bar,
    state_folder,
    write_csv_of,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import printable_json
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from vsortd.evaluation.eval_report import Evaluation


_FIGURES = ("precision", "recall", "f1")
_FIELDS = ("rule", "n", "filed", "right", *_FIGURES, *(f"{name}_{end}" for name in _FIGURES for end in ("low", "high")))


def evaluate(
    ctx: click.Context,
    folder: Annotated[
        Path,
        Argument(metavar="FOLDER", help="A folder of subfolders that are named like the rules and hold their videos."),
    ],
    compare: Annotated[bool, Option("--compare", help="Also try the other ways of judging, one by one.")] = False,
    calibrate: Annotated[
        bool,
        Option("--calibrate", help="Keep the temperature with which scores can be trusted most; takes 100 videos."),
    ] = False,
    precision: Annotated[
        float,
        Option(
            "--precision",
            callback=finite,
            min=0.0,
            max=1.0,
            help="The precision that each rule should have, for the suggestions.",
        ),
    ] = 0.95,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="PATH", help="Write plots, the worst mistakes and eval.json into a folder."),
    ] = None,
    seed: Annotated[int, Option("--seed", min=0, help="Seed of random choices.")] = 0,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say how often your own sorted videos are judged right.

    The videos are in folders that are named like the rules: FOLDER/<rule>/<finer rule>/film.mp4; _none holds videos
    that fit no rule. It also says what would improve the rules. Nothing is moved.
    """
    settings = load(ctx)
    if out is not None:
        out = as_on_disk(out)
        _make_out(out)
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.evaluation.eval_run import Wishes
    from vsortd.evaluation.eval_run import evaluate as run

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    wishes = Wishes(precision=precision, calibrate=calibrate, compare=compare, out=out, seed=seed)
    found = run(settings, state_folder(), folder, wishes, bar=progress_bar, models=models())
    document = {"schema_version": SCHEMA_VERSION, **found.to_json()}
    if out is not None:
        _write(out / "eval.json", document)
    if as_json:
        print_json(document)
    elif as_csv:
        write_csv_of(_FIELDS, ({"rule": rule, **figures} for rule, figures in document["per_rule"].items()))
    else:
        _print(found)
        if out is not None:
            note(console(), f"Drawn into {out}.", style="dim")
    return int(ExitCode.PARTIAL if found.sampled.failed or found.is_refused else ExitCode.OK)


def _make_out(out: Path) -> None:
    """Make the folder for the plots, and see that they can be drawn: before the work begins."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--out draws with matplotlib, which is not installed.", remedy="pip install 'vsortd[plots]'")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Can't make the folder {out}: {error.strerror}.", paths=[out]) from error


def _write(path: Path, document: dict[str, Any]) -> None:
    import json

    text = printable_json(json.dumps(document, ensure_ascii=False, indent=2)).encode("utf-8", "backslashreplace")
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error


def _print(found: Evaluation) -> None:
    from vsortd.evaluation.eval_tables import print_evaluation

    print_evaluation(console(), found)
