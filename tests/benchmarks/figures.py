"""The figures in docs/: each from one command, with its day and machine.

`python -m tests.benchmarks.figures RESULT.json …` takes what benchmarks wrote, keeps each figure in figures.json beside
this file with the day, the machine and its load, and writes the tables anew. `.ci/task bench --docs` runs
the benchmarks and then this; with `--gpu` it is the column of the GPU. A figure that no result has stays as it was,
with its own day. Without results the tables are written from what is kept.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEPT: Final = Path(__file__).with_name("figures.json")
ROOT: Final = REPOSITORY
_BEGIN: Final = "<!-- figures: {name} -->"
_END: Final = "<!-- end of figures -->"
_JUDGED: Final = {
    "as configured": "by default",
    "ensemble: average": "`ensemble: average`",
    "aggregate: vote": "`aggregate: vote`",
    "hierarchy: leaves": "`hierarchy: leaves`",
    "corrections: 10 a rule": "10 corrections a rule",
}

Document = dict[str, Any]


class MissingError(KeyError):
    """A result does not tell a figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what people read, the day (ISO) it was measured, and on what; `machine` tells the load, too."""

    text: str
    day: str
    machine: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of "How fast": what it is, which benchmark tells it, and how its result is read into words.

    `read` and `read_gpu` raise KeyError where a result doesn't tell it; without `read_gpu` no GPU does it.
    """

    name: str
    label: str
    benchmark: str
    read: Callable[[Document], str]
    read_gpu: Callable[[Document], str] | None = None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _measures(document: Document) -> Document:
    """Return the measures of ViT-B-32; of a trial's tiny sizes, and of other models, nothing."""
    if document["scale"] != "full":
        raise MissingError("scale")
    found: Document = next((run["measures"] for run in document["runs"] if run["model"] == "ViT-B-32"), {})
    return found


def _clip(document: Document) -> str:
    measures = _measures(document)
    took_ms, script_s = measures["clip"]["default"]["decision_ms"], measures["recipe"]["clip_s"]
    once = measures["recipe"]["clip_texts_once_s"] * 1000 / took_ms
    faster = f"{script_s * 1000 / took_ms:.0f} times faster than writing a JPEG a second and scoring each"
    return f"{took_ms / 1000:.2f} s: {faster} ({once:.0f} times if that script embeds its texts only once)"


def _clip_parts(document: Document) -> str:
    spent = {name: one["median"] for name, one in _measures(document)["clip"]["default"]["stages_ms"].items()}
    parts = (spent["probe"], spent["sample"], spent["embed"])
    rest = sum(ms for name, ms in spent.items() if name not in {"probe", "sample", "embed", "settle"})
    return "{:.0f}, {:.0f} and {:.0f} ms; all else {:.0f} ms".format(*parts, rest)


def _long(document: Document) -> str:
    parts = _measures(document)["long"]
    return f"{parts['long']['decision_ms'] / parts['short']['decision_ms']:.1f} times that"


def _drop(document: Document) -> str:
    drop = _measures(document)["drop"]
    return f"{drop['beyond_floors_ms'] if drop['beyond_ms'] is None else drop['beyond_ms']:.0f} ms"


def _tiny(document: Document) -> str:
    tiny = _measures(document)["tiny"]
    if tiny["number"] != 10_000:
        raise MissingError("tiny")
    return f"{tiny['per_s']:.0f} a second; memory grows by {tiny['growth_mb']:.0f} MB from the second tenth to the last"


def _backlog(document: Document) -> str:
    backlog = _measures(document)["backlog"]
    if backlog["number"] != 200:
        raise MissingError("backlog")
    return f"{_percent(backlog['of_shared_cores'])} of the cores' time is decoding and the model"


def _idle(document: Document) -> str:
    idle = _measures(document)["idle"]
    return f"{idle['cpu_percent']:.2f} % CPU, {idle['wakeups_per_s']:.1f} wake-ups a second"


def _index(document: Document) -> str:
    ratios = document["summary"]
    alone = f"{_percent(ratios['cpu_of_floors'])} of its CPU time is decoding and encoding"
    times = f"{ratios['times_the_script_by_cpu']:.1f} times as much"
    script = f"ffmpeg's `fps=1` into files, then one by one, takes {times}"
    return f"{alone}; {script} ({document['clips']} clips)"


def _index_gpu(document: Document) -> str:
    figures = _gpu(document, "backlog")
    return (
        f"{figures['frames_per_s']:.0f} frames a second; the GPU waits {_percent(figures['model_waits'])} of the time"
    )


def _decoding(document: Document) -> str:
    turns = document["turns"]["decode"]
    return f"{median(1000 * one['cpu_s'] / one['frames'] for one in turns):.0f} ms of CPU time a frame"


def _decoding_gpu(document: Document) -> str:
    return f"{_gpu(document, 'decoding')['times_as_fast']:.1f} times as fast by NVDEC"


def _pictures(document: Document) -> str:
    measures = _measures(document)
    floor = measures["clip"]["close"]["floors"]["encode"]
    return f"{floor['frames'] / floor['wall_s']:.0f} a second"


def _pictures_gpu(document: Document) -> str:
    figures = _gpu(document, "encoder")
    best = max(row["per_s"] for row in figures["batches"])
    return f"{best:,.0f} a second, {_percent(figures['of_bare'])} of the bare model"


def _gpu(document: Document, check: str) -> Document:
    if document["skipped"] or document["device"] != "cuda" or document["scale"] != "full":
        raise MissingError(check)
    found: Document = next(one["figures"] for one in document["checks"] if one["name"] == check)
    return found


def _searches(document: Document) -> str:
    figures = document["figures"]
    if figures["hours"] != 100:
        raise MissingError("hours")
    first, new = figures["cold"], max(0.0, figures["new sentence"] - figures["warm"])
    return f"{figures['warm']:.2f} s; the first, which reads the index, {first:.1f} s; new words {new:.1f} s more"


ROWS: Final = (
    Row("clip", "a 3-minute 1080p clip, from the file to the decision", "speed", _clip),
    Row("clip-parts", "of this: opening it, decoding, the model", "speed", _clip_parts),
    Row("long", "a clip of two hours", "speed", _long),
    Row("drop", "between drop and journal, without settling, decoding and the model", "speed", _drop),
    Row("tiny", "10,000 tiny clips dropped at once (sample model)", "speed", _tiny),
    Row("backlog", "200 clips from 720p to 2160p at once", "speed", _backlog),
    Row("idle", "idle", "speed", _idle),
    Row("index", "indexing mixed clips at a frame a second (sample model)", "indexing", _index, _index_gpu),
    Row(
        "search", "searching 100 hours, one frame a second, for a sentence, while a daemon runs", "searching", _searches
    ),
    Row("pictures", "pictures through the model", "speed", _pictures, _pictures_gpu),
    Row("decoding", "decoding that library alone", "indexing", _decoding, _decoding_gpu),
)


def taken(document: Document) -> dict[str, Figure]:
    """Return the figures that a result tells, by row: those of a GPU as `NAME gpu`, of judgement as `judged WAY`."""
    about = document["benchmark"]
    name, day, machine = (
        ("judgement", about["date"], about["machine"])
        if isinstance(about, dict)
        else (about, document["date"], document["machine"])
    )
    found: dict[str, str] = {}
    if name == "judgement":
        found = {f"judged {row['name']}": _judged(row) for row in document["compare"] if row["name"] in _JUDGED}
    for row in ROWS:
        read = row.read_gpu if name == "gpu" else row.read if name == row.benchmark else None
        if read is not None:
            try:
                found[f"{row.name} gpu" if name == "gpu" else row.name] = read(document)
            except KeyError:
                continue
    return {key: Figure(text, day[:10], machine_words(machine)) for key, text in found.items()}


def _judged(row: Document) -> str:
    at = [f"{100 * one['share']:.1f} ± {100 * one['half']:.1f} %" for one in row["accuracy_at"].values()]
    return " | ".join([*at, f"{100 * row['wrong']:.1f} %", f"{100 * row['undecided']:.1f} %"])


def machine_words(facts: Document) -> str:
    """Return what a machine is in a few words, with its load before and after."""
    loads = sorted({round(facts[key]) for key in ("load_before", "load_after") if key in facts})
    cpu = re.sub(r" \(.*?([\w-]*)\)$", r" (\1)", facts["cpu"])  # the widest instructions that count
    gpu = f", {facts['gpu']}" if facts["gpu"] else ""
    return f"{facts['cores']} cores, {cpu}{gpu}, load {' to '.join(map(str, loads))}"


def speed_table(kept: dict[str, Figure]) -> str:
    """Return "How fast" as Markdown."""
    lines = ["| what | CPU | GPU | measured |", "|---|---|---|---|"]
    for row in ROWS:
        both = [kept.get(row.name), kept.get(f"{row.name} gpu")]
        when = "; ".join(f"{one.day}, {one.machine}" for one in both if one is not None)
        cells = [one.text if one is not None else "" for one in both]
        if when:
            lines.append(f"| {row.label} | {cells[0]} | {cells[1]} | {when} |")
    return "\n".join(lines)


def judgement_table(kept: dict[str, Figure]) -> str:
    """Return how well it judges as Markdown; all of it is of one run."""
    lines = ["| way of judging | depth 1 | depth 2 | depth 3 | wrong folder | in review |", "|---|---|---|---|---|---|"]
    lines += [f"| {label} | {kept[f'judged {name}'].text} |" for name, label in _JUDGED.items()]
    when = sorted({f"{one.day}, {one.machine}" for one in (kept[f"judged {name}"] for name in _JUDGED)})
    return "\n".join([*lines, "", f"Measured {'; '.join(when)}."])


# Where each table stands, in which page of the repository.
TABLES: Final = {
    "how fast": ("docs/benchmarks.md", speed_table),
    "how well": ("docs/judging.md", judgement_table),
}


def written(page: str, text: str, kept: dict[str, Figure]) -> str:
    """Return the text of a page (as `TABLES` names it) with its tables of figures written anew."""
    for name, (where, table) in TABLES.items():
        if where != page:
            continue
        begin = _BEGIN.format(name=name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(_END)
        if not found or not closed:
            raise ValueError(f"{page} has no place for the figures: {name}")
        text = f"{before}{begin}\n\n{table(kept)}\n\n{_END}{after}"
    return text


def load_kept() -> dict[str, Figure]:
    """Return the figures that are kept, by row."""
    return {name: Figure(**one) for name, one in json.loads(KEPT.read_text(encoding="utf-8")).items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Take results, keep their figures, write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.figures", description=__doc__)
    parser.add_argument("results", type=Path, nargs="*", metavar="RESULT.json")
    wishes = parser.parse_args(arguments)
    kept = load_kept()
    for path in wishes.results:
        new = taken(json.loads(path.read_text(encoding="utf-8")))
        kept.update(new)
        sys.stdout.write(f"{path.name}: {', '.join(new) or 'nothing that is told'}\n")
    content = json.dumps({name: asdict(one) for name, one in sorted(kept.items())}, indent=1, ensure_ascii=False)
    KEPT.write_text(content + "\n", encoding="utf-8")
    for page in dict.fromkeys(page for page, _ in TABLES.values()):
        path = ROOT / page
        path.write_text(written(page, path.read_text(encoding="utf-8"), kept), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
