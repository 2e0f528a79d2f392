"""The targets, what was reached of them, and the table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.benchmarks.speed.measures import Figures

# Idle: a clock tick (10 ms) in ten seconds. Less can't be told.
_IDLE_PERCENT = 0.1
_FLAT_MB = 50.0  # workers come and go
_OVER_IDLE_MB = 200.0


@dataclass(frozen=True, slots=True)
class Target:
    """A number to reach: `at_least` or, without it, at most `wanted`. `needs` are the measures that it is read from."""

    name: str
    unit: str
    wanted: float
    at_least: bool
    needs: tuple[str, ...]
    read: Callable[[dict[str, Figures]], float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was reached of one target; None where it was not measured."""

    name: str
    unit: str
    wanted: float
    at_least: bool
    got: float | None
    reached: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


TARGETS = (
    Target(
        "clip: times faster than the recipe, decision included",
        "x",
        30.0,
        at_least=True,
        needs=("recipe", "clip"),
        read=lambda m: m["recipe"]["clip_s"] * 1000 / m["clip"]["default"]["decision_ms"],
    ),
    Target(
        "backlog: throughput, of the slower floor",
        "",
        0.9,
        at_least=True,
        needs=("backlog",),
        read=lambda m: m["backlog"]["of_slower_floor"],
    ),
    Target(
        "drop → filed beyond settle, decode and encode",
        "ms",
        50.0,
        at_least=False,
        needs=("drop",),
        read=lambda m: _told(m["drop"]),
    ),
    Target(
        "tiny clips beyond decode and encode",
        "/s",
        60.0,
        at_least=True,
        needs=("tiny",),
        read=lambda m: m["tiny"]["per_s_beyond"],
    ),
    Target(
        "long clip: cost, of the short one's",
        "x",
        2.0,
        at_least=False,
        needs=("long",),
        read=lambda m: m["long"]["long"]["decision_ms"] / m["long"]["short"]["decision_ms"],
    ),
    Target("idle: CPU", "%", _IDLE_PERCENT, at_least=False, needs=("idle",), read=lambda m: m["idle"]["cpu_percent"]),
    Target("idle: wake-ups", "/s", 1.0, at_least=False, needs=("idle",), read=lambda m: m["idle"]["wakeups_per_s"]),
    Target(
        "tiny clips: growth of memory, second tenth to last",
        "MB",
        _FLAT_MB,
        at_least=False,
        needs=("tiny",),
        read=lambda m: m["tiny"]["growth_mb"],
    ),
    Target(
        "tiny clips: memory over idle",
        "MB",
        _OVER_IDLE_MB,
        at_least=False,
        needs=("tiny",),
        read=lambda m: m["tiny"]["over_idle_mb"],
    ),
)


def verdicts(measures: dict[str, Figures]) -> list[Verdict]:
    """Hold the figures against the targets."""
    found = []
    for one in TARGETS:
        got = round(one.read(measures), 3) if set(one.needs) <= measures.keys() else None
        reached = None if got is None else got >= one.wanted if one.at_least else got <= one.wanted
        found.append(Verdict(one.name, one.unit, one.wanted, one.at_least, got, reached))
    return found


def target_table(found: Iterable[Verdict]) -> Table:
    """Return the targets as a table."""
    table = Table("target", "wanted", "got", "", box=None, title="Targets", title_justify="left", pad_edge=False)
    for one in found:
        wanted = f"{'≥' if one.at_least else '≤'} {one.wanted:g} {one.unit}"
        got = "not measured" if one.got is None else f"{one.got:g} {one.unit}"
        mark = {True: "[green]reached", False: "[red]missed", None: ""}[one.reached]
        table.add_row(one.name, wanted, got, mark)
    return table


def figures_table(model: str, measures: dict[str, Figures]) -> Table:
    """Return what each measure cost as a table."""
    title = f"Figures, {model}"
    table = Table(
        "measure", "wall s", "CPU s", "peak MB", "frames", "what counts", box=None, title=title, pad_edge=False
    )
    table.title_justify = "left"
    for name, what in _rows(measures):
        cells = [_number(what.get(key)) for key in ("wall_s", "cpu_s", "peak_mb", "frames")]
        table.add_row(name, *cells, what.get("note", ""))
    return table


def stage_table(measures: dict[str, Figures]) -> Table:
    """Return the median of each stage by measure, ms."""
    columns = dict.fromkeys(stage for _, what in _rows(measures) for stage in what.get("stages_ms", {}))
    table = Table("stages, median ms", *columns, box=None, pad_edge=False)
    for name, what in _rows(measures):
        if "stages_ms" in what:
            table.add_row(name, *(_number(what["stages_ms"].get(stage, {}).get("median")) for stage in columns))
    return table


def decision_table(clip: Figures) -> Table:
    """Return where the time of a decision on one clip goes, beside the same work done alone in the same run, ms.

    `clip` is what `measures.clip` returns. Of the floors each is the median of one clip: its frames decoded by a warm
    worker, its batches through a warm encoder, a file moved and synced.
    """
    title = "One clip: where the time goes, median ms"
    names = [name for name in ("default", "close") if name in clip]
    columns = [f"{name}, {clip[name]['frames']} frames" for name in names]
    table = Table("", *(cell for one in columns for cell in (one, "alone")), box=None, title=title, pad_edge=False)
    table.title_justify = "left"
    for label, stages, floor in DECISION_PARTS:
        cells = []
        for name in names:
            spent = clip[name]["stages_ms"]
            cells.append(_number(sum(spent.get(stage, {}).get("median", 0.0) for stage in stages)))
            cells.append(_number(clip[name]["floors"][floor]["median_ms"]) if floor else "")
        table.add_row(label, *cells)
    return table


# What a decision is made of, for people; the stages that it is the sum of; the floor that it can be held against.
DECISION_PARTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("settle: as long as the config says", ("settle",), ""),
    ("wait for a worker", ("waiting",), ""),
    ("probe: open the file, its facts and table", ("probe",), ""),
    ("sample: decode, turn, make small", ("sample",), ""),
    ("probe and sample", ("probe", "sample"), "decode"),
    ("embed: the model", ("embed",), "encode"),
    ("decide: scores, rules", ("decide", "judge"), ""),
    ("place and journal", ("place", "journal"), "move"),
)


def _rows(measures: dict[str, Figures]) -> Iterable[tuple[str, Figures]]:
    """Yield every line of the tables: a measure, or a part of it, with a note on what counts."""
    for name, what in measures.items():
        if name == "recipe":
            once = what["clip_texts_once_s"]
            yield name, {**what, "note": f"{what['clip_s']:.1f} s for the clip; texts once: {once:.1f} s"}
        elif name in {"clip", "long"}:
            parts = {part: value for part, value in what.items() if isinstance(value, dict)}
            for part, value in parts.items():
                note = f"decision {value['decision_ms']:.0f} ms" if "decision_ms" in value else "the whole command"
                yield f"{name}, {part}", {"wall_s": value.get("filed_ms", 0) / 1000 or None, **value, "note": note}
        elif name == "drop":
            yield (
                name,
                {**what, "wall_s": what["filed_ms"] / 1000, "note": f"{_told(what):.1f} ms beyond what is needed"},
            )
        elif name == "idle":
            yield name, {**what, "note": f"{what['wakeups_per_s']:g} wake-ups/s, {what['cpu_percent']:g} % CPU"}
        elif name == "tiny":
            needed = f"decode + encode alone {what['needed_s']:.1f} s"
            yield name, {**what, "note": f"{what['number']} clips, {what['per_s']:g}/s; {needed}"}
        else:
            shared = f"of shared cores {what['of_shared_cores']:.2f}"
            yield (
                name,
                {**what, "note": f"{what['number']} clips; of slower floor {what['of_slower_floor']:.2f}, {shared}"},
            )


def _told(drop: Figures) -> float:
    """Return what vsortd itself tells of a drop's overhead, else what the floors leave."""
    return float(drop["beyond_floors_ms"] if drop["beyond_ms"] is None else drop["beyond_ms"])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
