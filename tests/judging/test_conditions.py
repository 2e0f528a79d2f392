"""What is accepted, and the sentence that says why not."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest

from tests.support.facts import clip_facts
from vsortd.config.condition_options import Accept, When
from vsortd.core.video_facts import Clip, Orientation, Stream
from vsortd.judging.conditions import ConditionFacts, admit, unmet


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


SOUND = (Stream(0, "video", "h264"), Stream(1, "audio", "aac", frames=400))
FILMED = replace(clip(), camera="GoPro HERO", recorded_at="2024-05-31T23:30:00+02:00", fps=60.0, streams=SOUND)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"orientation": "portrait"}, "landscape 1920x1080 is not accepted (when.orientation is portrait)"),
        ({"min_duration": 10.5}, "10 s are too short (when.min_duration is 10.5 s)"),
        ({"min_duration": 10.0, "max_duration": 10.0}, None),
        ({"max_duration": 9.5}, "10 s are too long (when.max_duration is 9.5 s)"),
        ({"min_width": 1920, "max_width": 1920, "min_height": 1080, "max_height": 1080}, None),
        ({"min_width": 1921}, "1920x1080 is too narrow (when.min_width is 1921)"),
        ({"min_height": 1081}, "1920x1080 is too low (when.min_height is 1081)"),
        ({"max_width": 1919}, "1920 px are too wide (when.max_width is 1919)"),
        ({"max_height": 1079}, "1080 px are too high (when.max_height is 1079)"),
        ({"max_width": 1919, "max_height": 1079}, "1920 px are too wide (when.max_width is 1919)"),
        ({"min_fps": 61.2}, None),
        ({"min_fps": 62.0}, "60 frames a second are too few (when.min_fps is 62)"),
        ({"max_fps": 58.9}, None),
        ({"max_fps": 58.0}, "60 frames a second are too many (when.max_fps is 58)"),
        ({"min_fps": 50.0, "max_fps": 70.0}, None),
        ({"codec": ["h264"]}, None),
        ({"codec": ["h265", "av1"]}, "the codec is h264 (when.codec is hevc or av1)"),
        ({"has_audio": True}, None),
        ({"has_audio": False}, "it has sound (when.has_audio is false)"),
        ({"camera": "gopro*"}, None),
        ({"camera": ["DJI*", "*hero"]}, None),
        ({"camera": "hero*"}, 'the camera is "GoPro HERO" (when.camera is hero*)'),
        ({"recorded_since": "2024-05-31", "recorded_before": "2024-06-01"}, None),
        ({"recorded_since": "2024-06-01"}, "recorded on 2024-05-31 (when.recorded_since is 2024-06-01)"),
        ({"recorded_before": "2024-05-31"}, "recorded on 2024-05-31 (when.recorded_before is 2024-05-31)"),
        ({"recorded_before": "2024-05-30"}, "recorded on 2024-05-31 (when.recorded_before is 2024-05-30)"),
        ({"file_name": ["A*", "GX*.mp4"]}, None),
        ({"file_name": ["A*", "GX"]}, "the file is not called A* or GX"),
        ({"file_name": "A*", "camera": "DJI*"}, 'the camera is "GoPro HERO" (when.camera is DJI*)'),
    ],
)
def test_conditions_hold_or_the_first_that_does_not_says_why(options: dict[str, Any], expected: str | None) -> None:
    assert expected == unmet(When.model_validate(options), ConditionFacts.of(FILMED, "gx01.MP4"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"min_fps": 1.0}, "the file does not say how many frames a second it has"),
        ({"max_fps": 99.0}, "the file does not say how many frames a second it has"),
        ({"codec": "h264"}, "the codec is unknown (when.codec is h264)"),
        ({"has_audio": True}, "it has no sound (when.has_audio is true)"),
        ({"has_audio": False}, None),
        ({"camera": "*"}, "the file names no camera (when.camera is *)"),
        ({"recorded_since": "1970-01-01"}, "the file does not say when it was recorded"),
        ({"recorded_before": "2970-01-01"}, "the file does not say when it was recorded"),
        ({}, None),
    ],
)
def test_of_a_video_that_says_nothing_only_what_is_seen_is_known(options: dict[str, Any], expected: str | None) -> None:
    silent = replace(clip(), fps=0.0, video_codec="", streams=())
    assert expected == unmet(When.model_validate(options), ConditionFacts.of(silent, "a.mp4"))


@pytest.mark.parametrize(("fps", "too_few", "too_many"), [(58.8, False, False), (58.79, True, False),
                                                          (61.2, False, False), (61.21, False, True)])  # fmt: skip
def test_a_rate_may_be_two_of_a_hundred_off(fps: float, too_few: bool, too_many: bool) -> None:  # noqa: FBT001
    facts = ConditionFacts.of(replace(clip(), fps=fps), "a.mp4")
    assert too_few is bool(unmet(When.model_validate({"min_fps": 60.0}), facts))
    assert too_many is bool(unmet(When.model_validate({"max_fps": 60.0}), facts))


@pytest.mark.parametrize("pattern", ["Übung*", "?bung.mp4", "übung.MP4", "[Üx]bung*"])
def test_the_form_of_a_files_name_makes_no_difference(pattern: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Übung.mp4") for form in ("NFC", "NFD"))
    for wanted in (pattern, unicodedata.normalize("NFD", pattern)):
        when = When.model_validate({"file_name": [wanted]})
        assert [None, None] == [unmet(when, ConditionFacts(clip(), name)) for name in (composed, decomposed)]
    assert unmet(When.model_validate({"file_name": [pattern]}), ConditionFacts(clip(), "Uebung.mp4")) is not None
