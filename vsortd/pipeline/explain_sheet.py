"""The contact sheet of an explanation: `vsortd explain --out`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.drawing.colours import Tone
from vsortd.core.drawing.contact_sheet import Bar, Cell, Heading, Panel, draw_sheet
from vsortd.core.outcomes import ItemState
from vsortd.core.text import counted
from vsortd.judging.decide import NONE
from vsortd.pipeline.explanation import MOST_PICTURES, thinned

if TYPE_CHECKING:
    from PIL import Image

    from vsortd.pipeline.explanation import Explanation, LevelView

PICTURE_PX: Final = 480  # the longer side that the sheet wants its pictures to have
_MOST_BARS: Final = 6  # of a level; the others hardly matter, and can be read in the text
_ARROW: Final = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_SHORT_NONE: Final = "none"
_NONE: Final = "none of these"


def explanation_sheet(explained: Explanation, *, name: str) -> Image.Image:
    """Draw why a video called `name` goes where it goes: the path through the tree, and what its frames said."""
    outcome = explained.outcome
    won = outcome.state is ItemState.FILED
    tone = Tone.WINNER if won else Tone.CANDIDATE if outcome.state is ItemState.REVIEW else Tone.OTHER
    verdict = {ItemState.FILED: _ARROW.join(outcome.rule.split("/")), ItemState.REVIEW: "to review: not sure enough"}
    heading = Heading(
        title=name,
        badge=outcome.state,
        verdict=verdict.get(outcome.state, "stays where it is"),
        tone=tone,
        reason=outcome.reason,
    )
    panels = [_panel(view) for view in explained.levels]
    telling = explained.telling
    count = len(explained.frames)
    shown = thinned(range(count), MOST_PICTURES)
    cells = [_cell(explained, telling, place) for place in shown]
    frames = counted(count, "frame")
    return draw_sheet(
        heading,
        panels,
        cells,
        legend=_legend(telling),
        footer=frames if len(shown) == count else f"{len(shown)} of {frames}",
    )


def _panel(view: LevelView) -> Panel:
    level = view.level
    ranked = view.ranked
    first = Tone.WINNER if level.winner else Tone.CANDIDATE
    rule = view.rule
    bars = [
        Bar(
            label=_NONE if name == NONE else name,
            share=score,
            tone=first if name == level.best else Tone.NONE if name == NONE else Tone.OTHER,
            mark=rule.min_score if rule and view.shares and name == level.best else None,
        )
        for name, score in _most(ranked)
    ]
    left_out = len(ranked) - len(bars)
    title = f"in {level.parent}" if level.parent else "at the top"
    return Panel(title + (f", and {left_out} more with less" if left_out else ""), tuple(bars), _note(view))


def _note(view: LevelView) -> str:
    """Say under a level's bars what its outcome hung on."""
    level, rule = view.level, view.rule
    if rule is None or not view.shares or not rule.prompts:
        return level.reason
    rival = _NONE if level.runner_up == NONE else level.runner_up
    how = f"{level.margin:.2f} ahead of {rival}" if level.margin >= 0 else f"{-level.margin:.2f} behind {rival}"
    return f"{how}, needs {rule.min_margin:.2f}; score needs {rule.min_score:.2f}"


def _most(ranked: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Leave out the weakest siblings where there are many; none of these stays."""
    if len(ranked) <= _MOST_BARS:
        return ranked
    tail = [pair for pair in ranked if pair[0] == NONE]
    return [*ranked[: _MOST_BARS - len(tail)], *tail]


def _cell(explained: Explanation, view: LevelView | None, place: int) -> Cell:
    picture = explained.pictures[place] if place < len(explained.pictures) else None
    frame = explained.frames[place]
    if view is None or not view.shares:
        return Cell(picture, frame.clock)
    best = view.level.best
    first = Tone.WINNER if view.level.winner else Tone.CANDIDATE
    shares = dict(zip(view.names, view.shares[place], strict=True))
    ahead = view.speakers[place].lead > 0
    order = [name for name, _ in _most(view.ranked) if name != NONE]
    bars = []
    for name in (*order[: _MOST_BARS - 1], NONE):
        tone = first if name == best else Tone.NONE if name == NONE else Tone.OTHER
        if not ahead and name == view.speakers[place].rival and name != NONE:
            tone = Tone.AGAINST
        bars.append(Bar(_SHORT_NONE if name == NONE else name, shares[name], tone))
    return Cell(picture, frame.clock, tuple(bars), first if ahead else Tone.AGAINST)


def _legend(view: LevelView | None) -> list[tuple[Tone, str]]:
    if view is None or not view.shares:
        return []
    ahead = sum(speaker.lead > 0 for speaker in view.speakers)
    behind = len(view.speakers) - ahead
    lines = (
        [(Tone.WINNER if view.level.winner else Tone.CANDIDATE, f"{view.level.best} ahead: {ahead}")] if ahead else []
    )
    return [*lines, (Tone.AGAINST, f"something else ahead: {behind}")] if behind else lines
