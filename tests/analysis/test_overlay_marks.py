"""What an overlay says of a moment: shots with labels, boxes until the next look, the loudness, where is spoken."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tests.analysis.test_analysis_plot import SHOTS, SOUND, shown
from vsortd.analysis.over_time import ShotLabel
from vsortd.analysis.overlay_marks import overlay_plan
from vsortd.media.overlay_plan import OverlayStyle

if TYPE_CHECKING:
    from pathlib import Path

STYLE = OverlayStyle()


def seen(at_s: float, name: str = "dog") -> dict[str, Any]:
    return {"class": name, "score": 0.914, "box": [0.1, 0.2, 0.3, 0.4], "at_s": at_s}


def test_each_shot_is_told_with_its_number_and_its_likeliest_labels(tmp_path: Path) -> None:
    found = shown(tmp_path / "a.mp4", shots=SHOTS)
    labels = (tuple(ShotLabel(f"label {number}", 0.9 - number / 10) for number in range(7)), (), ())
    plan = overlay_plan(dataclasses.replace(found, labels=labels), STYLE)
    assert [0.0, 4.0, 4.5] == [shot.begin_s for shot in plan.shots]
    assert ("shot 1 of 3", "label 0 0.90", "label 1 0.80", "label 2 0.70") == plan.shots[0].lines[:4]
    assert 6 == len(plan.shots[0].lines)
    assert ("shot 3 of 3",) == plan.shots[2].lines
    assert (None, None, ()) == (plan.loudness, plan.speech, plan.boxes)


def test_boxes_stay_until_the_next_look_the_next_cut_or_for_a_second(tmp_path: Path) -> None:
    found = shown(tmp_path / "a.mp4", shots=SHOTS)
    things = (seen(3.5), seen(0.0), seen(0.0, "cat"), seen(0.4))
    plan = overlay_plan(dataclasses.replace(found, objects=things), STYLE)
    assert [(0.0, 0.4), (0.4, 1.4), (3.5, 4.0)] == [(one.begin_s, one.end_s) for one in plan.boxes]
    assert ["dog 0.91", "cat 0.91"] == [words for words, _ in plan.boxes[0].boxes]
    assert (0.1, 0.2, 0.3, 0.4) == plan.boxes[0].boxes[0][1]


def test_loudness_is_there_from_the_sounds_begin_on(tmp_path: Path) -> None:
    """The middles of the first and the last whole window lie 1.5 s within the sound."""
    loud = overlay_plan(shown(tmp_path / "a.mp4", sound=SOUND), STYLE).loudness
    assert loud is not None
    assert abs(loud.begin_s + 0.05) < 1e-9
    assert (-23.0,) * 55 + (None,) * 46 == loud.lufs
    assert ((0.5, 3.0), (4.0, 5.0)) == overlay_plan(shown(tmp_path / "a.mp4", sound=SOUND), STYLE).speech
