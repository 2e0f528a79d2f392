"""What the parts add up to, from documents alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from vsortd.analysis.measuring_pass import MeasuringPass
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.summary import course, production_value, share_with_text, top_labels, with_summary
from vsortd.errors import BrokenError

MEASURED: dict[str, Any] = {
    "picture_quality": {"score": 0.8, "rating": "high", "limited_by": None, "factors": {}},
    "sound_quality": {"rating": "Standard", "factors": ["Clipping."]},
    "rate_hz": 2,
    "curve": [0.0] * 10 + [1.0] * 10,
    "key_moments": [],
    "pacing": "Slow",
    "structure": "Simple",
    "scene_rhythm_variation": None,
    "shot_length_median_s": 10.0,
}


@pytest.mark.parametrize(
    ("picture", "sound", "rating", "limits"),
    [
        ("high", "Standard", "Standard", ["sound"]),
        ("poor", "Professional", "Basic", ["picture"]),
        ("good", "Good", "Good", ["picture", "sound"]),
        ("high", "Professional", "Professional", []),
        ("fair", None, "Standard", ["picture"]),
        (None, "Good", "Good", ["sound"]),
        (None, None, None, None),
    ],
)
def test_the_production_is_worth_as_much_as_the_lower_one(
    picture: str | None, sound: str | None, rating: str | None, limits: list[str] | None
) -> None:
    told = production_value({"picture_quality": {"rating": picture}, "sound_quality": {"rating": sound}})
    assert (rating, limits) == (told["rating"], told["limited_by"])


def test_a_course_of_ten_has_the_mean_arousal_of_each() -> None:
    told = course(MEASURED, [None] * 10)
    assert [0.0] * 5 + [1.0] * 5 == [part["arousal"] for part in told]
    assert [(0.0, 1.0), (9.0, 10.0)] == [(part["begin_s"], part["end_s"]) for part in (told[0], told[-1])]
    short = course({"curve": [3.0], "rate_hz": 2}, [None] * 10)
    assert [None] * 9 + [3.0] == [part["arousal"] for part in short]
    assert [] == course({"curve": [], "rate_hz": 2}, [None] * 10)


def test_what_cannot_be_known_is_null_and_says_why() -> None:
    labels = {"why": "the model knows none of it", "units": None, "labels": None, "looks": None}
    told = with_summary({AnalysisPart.SUMMARY: MEASURED, AnalysisPart.LABELS: labels})
    assert told is not None
    assert {"why": "the model knows none of it", "type": None} == told["content_type"]
    assert {"why": "the model knows none of it", "mood": None} == told["mood"]
    assert (None, [], None) == (told["consistency"], told["subtypes"], told["top_labels"]["picture"])
    assert "Standard" == told["production_value"]["rating"]
    assert {None} == set(told["highlights"].values())


def test_a_measured_summary_that_failed_stays_as_it_is() -> None:
    assert with_summary({AnalysisPart.SUMMARY: {"error": "broken"}}) == {"error": "broken"}
    assert with_summary({AnalysisPart.SUMMARY: None}) is None


@pytest.mark.parametrize(
    ("film", "wanted", "asked"),
    [
        (None, {AnalysisPart.SUMMARY}, None),  # there are no pictures to sum up
        (None, {AnalysisPart.SUMMARY, AnalysisPart.SOUND}, (False, True)),
        (0, {AnalysisPart.SUMMARY}, (True, True)),
        (0, {AnalysisPart.SHOTS}, (True, False)),
    ],
)
def test_only_what_a_part_is_made_of_is_measured(
    film: int | None, wanted: set[AnalysisPart], asked: tuple[bool, bool] | None
) -> None:
    found = []

    def measure(_: Path, *, pictures: bool, sound: bool, **__: object) -> NoReturn:
        found.append((pictures, sound))
        raise BrokenError("this is all that is asked")

    media: Any = SimpleNamespace(measure=measure, timeout_s=1.0)
    facts: Any = SimpleNamespace(film_stream=film, sounds=[1], duration_s=1.0)
    index: Any = None
    told = MeasuringPass(media, index, Path("a.mkv"), facts, 1.0, None, None).parts(sorted(wanted))
    assert (wanted, [] if asked is None else [asked]) == (told.keys(), found)


def test_labels_of_sounds_are_handed_in_beside_those_of_the_picture() -> None:
    means = {"unit": "AudioMood", "none": 0.0}
    means["labels"] = dict.fromkeys(("EmotionalAudio", "LightAudio", "EerieAudio", "FantasticalAudio"), 0.05)
    means["labels"]["IntenseAudio"] = 0.8
    unit = {**means, "tenths": [means] * 10}
    sound = {
        "units": [unit],
        "labels": [{"unit": "AudioMood", "label": "IntenseAudio", "avg_probability": 0.8, "count": 3}],
    }
    labels = {"why": None, "units": [], "labels": [], "looks": None, "sound": sound}
    told = with_summary({AnalysisPart.SUMMARY: MEASURED, AnalysisPart.LABELS: labels})
    assert told is not None
    assert ("Exciting", None) == (told["mood"]["mood"], told["mood"]["why"])
    assert {"rating": "Highly consistent", "distance": 0.0} == told["consistency"]
    assert "Exciting" == told["course"][9]["mood"]
    assert "Entertainment" == told["content_type"]["type"]
    assert ["IntenseAudio"] == [one["label"] for one in told["top_labels"]["sound"]]


def test_text_in_the_picture_counts_once_however_much_of_it_there_is() -> None:
    """From 1 to 4 and from 6 to 8 s of ten, whatever lies over or within another."""
    spans = [(2.0, 4.0), (1.0, 3.0), (1.5, 2.0), (6.0, 8.0)]
    text = {"lines": [{"begin_s": begin_s, "end_s": end_s} for begin_s, end_s in spans]}
    assert pytest.approx(0.5) == share_with_text(text, 10.0)
    assert 0.0 == share_with_text({"lines": []}, 10.0)
    assert share_with_text({}, 10.0) is None
    assert share_with_text(text, None) is None
    assert 1.0 == share_with_text(text, 4.0)


def test_the_top_labels_are_those_of_most_frames() -> None:
    rows = [("a", 0.4, 3), ("b", 0.9, 3), ("c", None, 0), ("d", 0.5, 9)]
    labels = [{"unit": None, "label": name, "avg_probability": mean, "count": count} for name, mean, count in rows]
    assert ["d", "b", "a"] == [one["label"] for one in top_labels({"labels": labels}) or ()]
    assert top_labels({"labels": None}) is None
