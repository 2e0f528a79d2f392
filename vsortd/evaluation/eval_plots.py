"""The pictures of `vsortd eval --out`: what is taken for what, how far scores can be trusted, the worst mistakes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.system.file_rights import make_for
from vsortd.core.text import counted, printable
from vsortd.errors import UsageError, VideoError
from vsortd.evaluation.eval_report import MOST_MISTAKES
from vsortd.evaluation.measure import BINS, REVIEW, name_of
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

    from vsortd.core.video_facts import Clip
    from vsortd.evaluation.eval_report import Evaluation
    from vsortd.evaluation.measure import Calibration
    from vsortd.evaluation.rejudge import Judged
    from vsortd.pipeline.services import Services

_MOST_CLASSES: Final = 48  # more rows can't be read; then the rules above them are shown
_MOST_WRITTEN: Final = 60  # columns up to which the counts are written into the cells
_DPI: Final = 150
_INK, _DIM, _GRID = "#20242b", "#6b7280", "#e5e7eb"
_BEFORE, _AFTER = "#9aa5b8", "#2f9e6e"
_COLOURS: Final = {"right": "Greens", "undecided": "Oranges", "wrong": "Reds"}
_KIND_INK: Final = {"right": "#238b45", "undecided": "#f16913", "wrong": "#cb181d"}
_STYLE: Final[Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _DIM,
    "axes.labelcolor": _INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": _INK,
    "text.parse_math": False,  # names of rules are no formulas
    "xtick.color": _DIM,
    "ytick.color": _DIM,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_all(found: Evaluation, services: Services, out: Path) -> None:
    """Draw confusion.png, reliability.png and mistakes/*.png into the folder `out`, which is there.

    The mistakes' pictures are decoded anew, by the services' worker processes. Raises UsageError where the folder can't
    be written to.
    """
    try:
        with _figure(confusion_figure(found)) as figure:
            figure.savefig(out / "confusion.png", dpi=_DPI)
        with _figure(reliability_figure(found)) as figure:
            figure.savefig(out / "reliability.png", dpi=_DPI)
        _draw_mistakes(found, services, out / "mistakes")
    except OSError as error:
        raise UsageError(f"Can't write into {out}: {error.strerror or error}.", paths=[out]) from error


@contextlib.contextmanager
def _figure(figure: Figure) -> Iterator[Figure]:
    """Hand out a figure in our style while it is saved."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield figure


# What is taken for what


def confusion_figure(found: Evaluation) -> Figure:
    """Return the table of truths (rows) and outcomes (columns), coloured by the share of the row."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows, columns, counts = confusion_counts(found)
    height, width = max(3.2, 0.27 * len(rows) + 2.2), max(5.0, 0.27 * len(columns) + 2.4)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        kinds = np.array([[_kind(row, column) for column in columns] for row in rows])
        for kind, colours in _COLOURS.items():
            shown = np.ma.masked_where((kinds != kind) | (counts == 0), shares)
            axes.imshow(shown, cmap=colours, vmin=-0.15, vmax=1.25, aspect="equal")
        axes.set_xticks(range(len(columns)), [printable(name) for name in columns], rotation=90)
        axes.set_yticks(range(len(rows)), [f"{printable(row)}  {int(counts[at].sum())}" for at, row in enumerate(rows)])
        axes.tick_params(length=0, labelsize=8)
        for edge in axes.spines.values():
            edge.set_visible(False)
        axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
        axes.grid(which="minor", color=_GRID, linewidth=0.6)
        axes.tick_params(which="minor", length=0)
        if len(columns) <= _MOST_WRITTEN:
            _write_counts(axes, counts, shares)
        _part_groups(axes, rows, columns)
        axes.set_ylabel("where it belongs, and how many videos")
        axes.set_xlabel("where it goes")
        title = f"{found.accuracy.text} videos right{'' if found.is_flat else ' all the way'}"
        axes.set_title(title, pad=24)
        _name_colours(axes)
    return figure


def confusion_counts(found: Evaluation) -> tuple[list[str], list[str], np.ndarray]:
    """Return the names of rows and columns, and the counts [rows, columns]; cut to a depth where there are too many."""
    depth = max(len(one.truth) for one in found.judged)
    while depth > 1 and len({one.truth[:depth] for one in found.judged}) > _MOST_CLASSES:
        depth -= 1
    pairs = [(name_of(one.truth[:depth], NONE), name_of(one.placed[:depth], REVIEW)) for one in found.judged]
    order = [rule.key for rule in found.tree.walk()]
    truths, outcomes = {truth for truth, _ in pairs}, {outcome for _, outcome in pairs}
    rows = [key for key in (*order, NONE) if key in truths]
    columns = [key for key in (*order, REVIEW) if key in outcomes or key in truths]
    counts = np.zeros((len(rows), len(columns)))
    for truth, outcome in pairs:
        counts[rows.index(truth), columns.index(outcome)] += 1
    return rows, columns, counts


def _kind(row: str, column: str) -> str:
    """Tell what it means that a video of this row goes to this column."""
    truth, outcome = "" if row == NONE else row, "" if column == REVIEW else column
    if truth == outcome:
        return "right"
    return "undecided" if not outcome or truth.startswith(f"{outcome}/") else "wrong"


def _part_groups(axes: Axes, rows: list[str], columns: list[str]) -> None:
    """Draw lines between the top rules, where they have finer ones."""
    for names, line in ((rows, axes.axhline), (columns, axes.axvline)):
        tops = [name.partition("/")[0] for name in names]
        for place in range(1, len(names)):
            if tops[place] != tops[place - 1] and len(set(tops)) < len(tops):
                line(place - 0.5, color=_DIM, linewidth=0.8)


def _name_colours(axes: Axes) -> None:
    """Say under the title what the colours mean."""
    at = 0.0
    for kind, colour in _KIND_INK.items():
        axes.annotate(
            f"\N{BLACK SQUARE} {kind}",
            (0, 1),
            xycoords="axes fraction",
            xytext=(at, 8),
            textcoords="offset points",
            color=colour,
            fontsize=8,
        )
        at += 14 + 5.5 * len(kind)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        ink = "white" if shares[row, column] > 0.6 else _INK  # noqa: PLR2004 - where the colour gets dark
        axes.text(column, row, f"{int(counts[row, column])}", ha="center", va="center", fontsize=7, color=ink)


# How far scores can be trusted


def reliability_figure(found: Evaluation) -> Figure:
    """Return, for the top level and the deepest, how often a share is right, and how many videos have it.

    One panel where both levels are the same.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    trust = found.trust
    panels = [
        ("at the top level", trust.top_before, trust.top_after),
        ("at the deepest level", trust.deepest_before, trust.deepest_after),
    ]
    if found.is_flat:
        panels = [("", trust.top_before, trust.top_after)]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5 * len(panels), 5.8), layout="constrained")
        axes = figure.subplots(2, len(panels), sharex=True, height_ratios=(3.2, 1), squeeze=False)
        for column, (title, before, after) in enumerate(panels):
            learned = found.learned.temperature if found.learned and after else None
            _draw_reliability(axes[0, column], before, after, learned)
            _draw_histogram(axes[1, column], before, after)
            axes[0, column].set_title(title, pad=40)
        axes[0, 0].set_ylabel("share that is right")
        axes[1, 0].set_ylabel("videos")
        notes = [f"{counted(len(found.judged), 'video')}, {BINS} bins of equal width, each with its 95 % interval"]
        notes += ["the learned temperature is measured on others"] if found.learned else []
        errors = [one for _, *both in panels for one in both if one is not None]
        notes += ["≤: no more than chance alone gives"] if not all(one.is_told for one in errors) else []
        figure.supxlabel("\n".join(("share of probability of what comes first", *notes)), fontsize=8, color=_DIM)
    return figure


def _draw_reliability(axes: Axes, before: Calibration, after: Calibration | None, learned: float | None) -> None:
    axes.plot([0, 1], [0, 1], color=_DIM, linewidth=1, linestyle=(0, (4, 3)))
    _draw_curve(axes, before, _BEFORE, "temperature 1")
    if after is not None and learned is not None:
        _draw_curve(axes, after, _AFTER, f"temperature {learned:.2f}, learned")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.03, 1.05)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.03, 1.0), frameon=False, fontsize=8)


def _draw_curve(axes: Axes, one: Calibration, colour: str, name: str) -> None:
    """Draw each bin as a dot as large as its videos are many, with the interval of how many of them are right."""
    x, y = [b.share for b in one.bins], [b.accuracy for b in one.bins]
    ends = [b.right.interval for b in one.bins]
    axes.vlines(x, [low for low, _ in ends], [high for _, high in ends], color=colour, linewidth=1.6, alpha=0.55)
    sizes = [18 + 260 * b.n / max(one.n, 1) for b in one.bins]
    axes.scatter(x, y, s=sizes, color=colour, zorder=3, edgecolor="white", linewidth=0.8)
    axes.plot([], [], "o", color=colour, label=f"{name}: calibration error {one.brief or 'unknown'}")


def _draw_histogram(axes: Axes, before: Calibration, after: Calibration | None) -> None:
    from matplotlib.ticker import MaxNLocator

    shown = [(before, _BEFORE, -1), *([(after, _AFTER, 1)] if after is not None else [])]
    width = 0.42 / BINS
    for one, colour, side in shown:
        middles = [(b.low + b.high) / 2 + side * width / 2 for b in one.bins]
        axes.bar(middles, [b.n for b in one.bins], width=width, color=colour)
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_axisbelow(True)


# The worst mistakes


def _draw_mistakes(found: Evaluation, services: Services, folder: Path) -> None:
    """Draw a contact sheet of each of the worst mistakes; the sheets of an earlier run are removed."""
    mistakes = found.mistakes[:MOST_MISTAKES]
    if folder.is_dir():
        for old in folder.glob("[0-9][0-9] *.png"):
            old.unlink()
    if not mistakes:
        return
    folder.mkdir(exist_ok=True)
    clips = {one.case.path: one.facts.clip for one in found.sampled.seen}
    for number, one in enumerate(mistakes, 1):
        sheet = mistake_sheet(found, one, services, clips[one.case.path])
        name = "".join(char if char.isalnum() or char in " -_" else "_" for char in one.case.path.stem)[:80]
        path = folder / f"{number:02d} {name}.png"
        make_for(path, [one.case.path])
        sheet.save(path, "PNG", optimize=True)


def mistake_sheet(found: Evaluation, one: Judged, services: Services, clip: Clip) -> Image.Image:
    """Return the contact sheet of a wrongly filed video, as `explain --out` draws it, under where it belongs."""
    from vsortd.media.thumbnails import frame_pictures
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.explain_sheet import PICTURE_PX, explanation_sheet
    from vsortd.pipeline.explanation import Explanation, explained_levels

    path, decision = one.case.path, one.decision
    levels = explained_levels(found.tree, decision, one.times_ms)
    frames = levels[0].frames
    total = services.settings.sampling.max_frames
    wished = [frame.time_ms for frame in frames]
    try:
        pictures = frame_pictures(services.media, path.resolve(), clip, wished, total=total, side_px=PICTURE_PX)
    except VideoError:  # it could be looked at a moment ago; the numbers stand without pictures
        pictures = [None] * len(frames)
    outcome = SortOutcome(
        id=None,
        batch="",
        time="",
        state=ItemState(decision.outcome.value),
        source=str(path),
        destination="",
        rule=decision.rule,
        score=decision.score,
        margin=decision.margin,
        converted=ConversionKind.NONE,
        reason=decision.reason,
    )
    explained = Explanation(outcome, clip, decision, levels, frames, pictures=tuple(pictures))
    belongs = name_of(one.truth, "none of the rules")
    return explanation_sheet(explained, name=f"{path.name}  belongs in {belongs}, but would go to")
