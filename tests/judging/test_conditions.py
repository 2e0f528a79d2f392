"""What is accepted, and the sentence that says why not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.facts import clip_facts
from vsortd.config.settings import Accept
from vsortd.core.video_facts import Clip, Orientation
from vsortd.judging.conditions import admit


def clip(width: int = 1920, height: int = 1080, duration_s: float = 10.0) -> Clip:
    return clip_facts(
        width_px=height,  # stored turned: only what is shown counts
        height_px=width,
        rotation_deg=90,
        duration_s=duration_s,
        container_duration_s=99.0,
        fps=30.0,
    )


@pytest.mark.parametrize(
    ("video", "accept", "expected"),
    [
        (clip(), {}, None),
        (clip(), {"orientation": ["landscape"]}, None),
        (
            clip(1080, 1920),
            {"orientation": ["landscape"]},
            "portrait 1080x1920 is not accepted: accept.orientation is landscape",
        ),
        (
            clip(),
            {"orientation": ["portrait", "square"]},
            "landscape 1920x1080 is not accepted: accept.orientation is portrait or square",
        ),
        (clip(duration_s=0.5), {"min_duration": 1.0}, "0.5 s are too short: accept.min_duration is 1 s"),
        (clip(duration_s=1.0), {"min_duration": 1.0}, None),
        (clip(duration_s=61.0), {"max_duration": 60.0}, "61 s are too long: accept.max_duration is 60 s"),
        (clip(duration_s=60.0), {"max_duration": 60.0}, None),
        (clip(640, 360), {"min_width": 641}, "640x360 is too narrow: accept.min_width is 641"),
        (clip(640, 360), {"min_height": 361}, "640x360 is too low: accept.min_height is 361"),
        (clip(640, 360), {"min_width": 640, "min_height": 360}, None),
    ],
)
def test_a_video_is_accepted_or_the_first_refusing_setting_is_named(
    video: Clip, accept: dict[str, Any], expected: str | None
) -> None:
    assert expected == admit(video, Accept.model_validate(accept))


def test_nearly_square_is_square() -> None:
    assert Orientation.SQUARE is clip(1000, 985).orientation
