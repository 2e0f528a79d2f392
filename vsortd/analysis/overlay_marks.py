"""What an overlay says of a video, of what was measured: a plan that a worker draws."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final

from vsortd.media.overlay_plan import OverlayBoxes, OverlayLoudness, OverlayPlan, OverlayShot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsortd.analysis.over_time import AnalysisOverTime, HeardOverTime
    from vsortd.media.overlay_plan import OverlayStyle

MOST_LABELS: Final = 5  # of a shot
_HELD_S: Final = 1.0  # boxes are looked for about once a second; between two looks they stay where they were


def overlay_plan(shown: AnalysisOverTime, style: OverlayStyle) -> OverlayPlan:
    """Return what to draw over a video, moment by moment."""
    heard = shown.heard
    return OverlayPlan(
        style=style,
        shots=_shots(shown),
        boxes=_boxes(shown.objects, shown.cuts_s),
        loudness=_loudness(heard) if heard is not None else None,
        speech=tuple((span.begin_s, span.end_s) for span in heard.speech or ()) if heard is not None else None,
    )


def _shots(shown: AnalysisOverTime) -> tuple[OverlayShot, ...]:
    """Return a line a shot, and its labels below; nothing is said of the only shot but these."""
    if shown.shots is None:
        return ()
    count, found = len(shown.shots.shots), []
    for number, shot in enumerate(shown.shots.shots, 1):
        labels = shown.labels[number - 1][:MOST_LABELS] if shown.labels else ()
        told = tuple(f"{label.name} {label.probability:.2f}" for label in labels)
        found.append(OverlayShot(shot.begin_s, (f"shot {number} of {count}", *told)))
    return tuple(found)


def _boxes(objects: Sequence[Mapping[str, Any]], cuts_s: Sequence[float]) -> tuple[OverlayBoxes, ...]:
    """Return the boxes of each look, held until the next one or the next cut, `_HELD_S` at most."""
    in_order = sorted(objects, key=lambda one: float(one["at_s"]))
    looks = [(at_s, tuple(group)) for at_s, group in groupby(in_order, key=lambda one: float(one["at_s"]))]
    ends = [next_s for _, (next_s, _) in pairwise(looks)] + [math.inf]
    found = []
    for (at_s, group), next_s in zip(looks, ends, strict=False):
        cut_s = next((cut for cut in cuts_s if cut > at_s), math.inf)
        boxes = tuple((f"{one['class']} {one['score']:.2f}", _box(one["box"])) for one in group)
        found.append(OverlayBoxes(at_s, min(next_s, cut_s, at_s + _HELD_S), boxes))
    return tuple(found)


def _box(raw: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, raw)
    return left, top, right, bottom


def _loudness(heard: HeardOverTime) -> OverlayLoudness:
    """Return the curve; its first and last level hold for half a window more, so that the bar begins with the sound."""
    curve = heard.loudness
    levels = tuple(None if level == -math.inf else float(level) for level in curve.lufs)
    held = round(curve.window_s / 2 / curve.step_s)
    return OverlayLoudness(
        curve.begin_s - held * curve.step_s, curve.step_s, levels[:1] * held + levels + levels[-1:] * held
    )
