"""The speed benchmark: one command, figures as JSON, a table, and how far the targets are.

`python -m tests.benchmarks.speed`, or `python tests/benchmarks/speed/run.py`. Clips and weights are made once and kept
in the cache; everything else lies in a folder beside it that is removed at the end. Other work on the machine makes
every figure worse: the load before and after stands in the result.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.benchmarks.speed import machine, report
from tests.benchmarks.speed.measures import MEASURES, Figures
from tests.benchmarks.speed.plan import FULL, MODELS, QUICK, Plan, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA_VERSION = 1
_WIDTH = 140  # characters a line, where the output goes into a file
# What a CPU takes hours for with ViT-B-16 is measured with ViT-B-32.
_DEFAULT_MODELS = ("ViT-B-32",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # no daemon is left behind
    cache: Path = chosen.cache
    cache.mkdir(parents=True, exist_ok=True)
    facts, began = machine.facts(), datetime.now(UTC)
    runs: list[dict[str, Any]] = []
    for model in chosen.model or _DEFAULT_MODELS:
        with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as work:
            plan = Plan(_scale(chosen), model, cache, Path(work), chosen.py_spy)
            measures = _measure(plan, chosen.only or list(MEASURES))
        runs.append({"model": model, "measures": measures, "targets": report.verdicts(measures)})
    document = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "speed",
        "date": began.isoformat(timespec="seconds"),
        "scale": chosen.scale,
        "machine": {**facts, "load_after": machine.load()},
        "runs": [{**run, "targets": [one.to_json() for one in run["targets"]]} for run in runs],
    }
    target: Path = chosen.json or cache / "speed.json"
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _print(runs, document, target)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ",".join(MEASURES)
    parser.add_argument("--only", type=_names, metavar="NAME,…", help=f"of {names}; all by default")
    parser.add_argument("--model", action="append", choices=MODELS, help="may be repeated; ViT-B-32 by default")
    parser.add_argument(
        "--quick", dest="scale", action="store_const", const=QUICK.name, default=FULL.name, help="tiny sizes: a trial"
    )
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("vsortd") / "speed")
    parser.add_argument("--json", type=Path, help="where the result goes (default: speed.json in the cache)")
    parser.add_argument("--tiny", type=int, metavar="N", help=f"so many tiny clips instead of {FULL.tiny}")
    parser.add_argument(
        "--backlog", type=int, metavar="N", help=f"so many clips of a backlog instead of {FULL.backlog}"
    )
    parser.add_argument("--recipe-frames", type=int, metavar="N", help="let the recipe score so many, and extrapolate")
    parser.add_argument("--py-spy", type=Path, metavar="PROGRAM", help="add profiles; they make everything slower")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(MEASURES)}")
    return [name for name in MEASURES if name in names]


def _scale(chosen: argparse.Namespace) -> Scale:
    scale = QUICK if chosen.scale == QUICK.name else FULL
    return replace(
        scale,
        tiny=chosen.tiny or scale.tiny,
        backlog=chosen.backlog or scale.backlog,
        recipe_frames=chosen.recipe_frames or scale.recipe_frames,
    )


def _measure(plan: Plan, names: Sequence[str]) -> dict[str, Figures]:
    """Take the measures one after the other, with a bar for each."""
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found = {}
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        for name in names:
            task = progress.add_task(f"{plan.model} {name}", total=None)
            found[name] = MEASURES[name](plan, partial(_move_bar, progress, task))
            progress.stop_task(task)
            shutil.rmtree(plan.work)  # a backlog's copies are gigabytes
            plan.work.mkdir()
    return found


def _move_bar(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _print(runs: Sequence[dict[str, Any]], document: dict[str, Any], target: Path) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    facts = document["machine"]
    load = f"load {facts['load_before']} before, {facts['load_after']} after"
    out.print(f"{facts['cores']} cores, {facts['cpu']}, {facts['memory_gb']} GB; {load}\n", markup=False)
    for run in runs:
        measures = run["measures"]
        tables = [report.figures_table(run["model"], measures), report.stage_table(measures)]
        tables += [report.decision_table(measures["clip"])] if "clip" in measures else []
        for table in (*tables, report.target_table(run["targets"])):
            out.print(table)
            out.print()
    out.print(f"Written: {target}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
