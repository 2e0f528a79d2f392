"""Conditions on what was measured: what holds, what is said, and what has to be measured for a tree."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.facts import clip_facts
from tests.support.rules import rule, tree
from vsortd.analysis.fact_readers import READERS
from vsortd.config.condition_options import When
from vsortd.config.error_messages import keys_of
from vsortd.config.measured_options import MEASURED_OPTIONS
from vsortd.config.rules import TagRule
from vsortd.core.measured_facts import FACTS, MeasuredFacts, Pace, QualityRating
from vsortd.judging.conditions import ConditionFacts, facts_asked, unmet
from vsortd.judging.measured_conditions import WORDS, measured_conditions

CLIP = clip_facts(recorded_at="2024-05-01T22:10:00+02:00")
KNOWN = MeasuredFacts(
    shots_per_minute=12.0,
    pacing=Pace.FAST,
    loudness_lufs=-23.04,
    true_peak_dbtp=-1.0,
    speech_share=0.5,
    music_share=0.25,
    silent=False,
    quality=QualityRating.GOOD,
    blur_px=6.5,
    hdr=True,
    interlaced=False,
    device="ACME Phone 3",
)


def when(**options: Any) -> When:
    return When.model_validate(options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"min_shots_per_minute": 12, "max_shots_per_minute": 12}, None),
        ({"min_shots_per_minute": 12.5}, "it has 12 shots a minute (when.min_shots_per_minute is 12.5)"),
        ({"max_shots_per_minute": 11.5}, "it has 12 shots a minute (when.max_shots_per_minute is 11.5)"),
        ({"pacing": ["slow", "fast"]}, None),
        ({"pacing": ["slow", "very_fast"]}, "its pacing is fast (when.pacing is slow or very_fast)"),
        ({"min_loudness": -23}, "its loudness is -23.04 LUFS (when.min_loudness is -23)"),
        ({"max_true_peak": -1}, None),
        ({"min_true_peak": 0}, "its true peak is -1 dBTP (when.min_true_peak is 0)"),
        ({"max_speech_share": 0.4}, "speech is 0.5 of its sound (when.max_speech_share is 0.4)"),
        ({"min_music_share": 0.3}, "music is 0.25 of its time (when.min_music_share is 0.3)"),
        ({"min_music_share": 0.25, "max_music_share": 0.25}, None),
        ({"silent": False, "hdr": True, "interlaced": False, "quality": "good"}, None),
        ({"silent": True}, "it is not silent (when.silent is true)"),
        ({"hdr": False}, "it is HDR (when.hdr is false)"),
        ({"quality": ["poor", "high"]}, "the quality of its picture is good (when.quality is poor or high)"),
        ({"min_blur": 7}, "its edges are 6.5 px wide (when.min_blur is 7)"),
        ({"device": ["phone*", "*PHONE ?"]}, None),
        ({"device": "phone*"}, 'its device is "ACME Phone 3" (when.device is phone*)'),
        (
            {"orientation": "portrait", "silent": True},
            "landscape 320x180 is not accepted (when.orientation is portrait)",
        ),
        ({"resolution_class": ["SD", "4K"]}, None),
        ({"resolution_class": "HD"}, "320x180 is SD (when.resolution_class is HD)"),
        ({"recorded_hour": {"from": 22, "to": 5}}, None),
        ({"recorded_hour": {"from": 22, "to": 23}}, None),
        ({"recorded_hour": {"from": 23, "to": 22}}, "recorded at 22:10 (when.recorded_hour is from 23 to 22)"),
        ({"recorded_hour": {"from": 5, "to": 22}}, "recorded at 22:10 (when.recorded_hour is from 5 to 22)"),
        ({"recorded_hour": {"from": 0, "to": 24}}, None),
    ],
)
def test_a_condition_holds_or_says_what_was_found(options: dict[str, Any], expected: str | None) -> None:
    assert expected == unmet(when(**options), ConditionFacts.of(CLIP, "a.mp4", KNOWN))


def test_of_what_nothing_is_heard_the_levels_are_below_all() -> None:
    facts = ConditionFacts.of(CLIP, "a.mp4", MeasuredFacts(loudness_lufs=-math.inf))
    assert unmet(when(max_loudness=-70), facts) is None
    assert "nothing is heard in it (when.min_loudness is -70)" == unmet(when(min_loudness=-70), facts)
    (one,) = measured_conditions(when(max_loudness=-70), facts.measured)
    assert one.to_json()["value"] is None, "JSON has no endless numbers"


@pytest.mark.parametrize("option", MEASURED_OPTIONS, ids=lambda option: option.key)
def test_what_is_not_known_holds_for_no_condition_and_says_why(option: Any) -> None:
    values = {"at_least": 0, "at_most": 1, "is": False, "one_of": ["slow", "poor"], "matches": "*", "holds_words": "x"}
    asked: Any = values[option.comparison]
    if option.comparison == "one_of":
        asked = [value for value in asked if value in ({*Pace} if option.key == "pacing" else {*QualityRating})]
    broken = MeasuredFacts(unknown={option.fact: "the file is torn"})
    assert f"not known: the file is torn (when.{option.key}" in str(unmet(when(**{option.key: asked}), facts(broken)))
    assert "not known: it was not measured" in str(unmet(when(**{option.key: asked}), facts(MeasuredFacts())))


def facts(measured: MeasuredFacts) -> ConditionFacts:
    return ConditionFacts.of(CLIP, "a.mp4", measured)


def test_every_fact_has_an_option_that_is_one_of_when_words_and_a_reader() -> None:
    """What is added in one place and forgotten in another is found here."""
    by_a_detector = {"objects"}  # no part of an analysis tells them
    options = {option.fact for option in MEASURED_OPTIONS}
    assert set(FACTS) == set(WORDS) == set(READERS) | by_a_detector == options
    keys = keys_of(When)
    fields = {field.alias or name: name for name, field in When.model_fields.items()}
    assert {option.key: option.attribute for option in MEASURED_OPTIONS}.items() <= fields.items()
    assert {option.key for option in MEASURED_OPTIONS} <= set(keys)


def test_only_what_is_open_has_to_be_measured() -> None:
    tall = when(orientation="portrait", min_blur=3)
    wide = when(orientation="landscape", silent=True)
    rules = tree(
        rule("a", rule("b", when=when(pacing="slow")), when=tall),
        rule("c", rule("d", when=when(device="x", orientation="portrait")), rule("e", when=when(hdr=True)), when=wide),
        tags=(
            TagRule("t", (), 0.5, 1.0, when(min_loudness=-9)),
            TagRule("u", (), 0.5, 1.0, when(max_width=99, quality="poor")),
        ),
    )
    assert {"silent", "hdr", "loudness_lufs"} == facts_asked(rules, facts(MeasuredFacts()))
    assert {"blur_px", "pacing", "silent", "device", "hdr", "loudness_lufs", "quality"} == rules.measured
    assert frozenset() == facts_asked(tree(rule("a", when=when(codec="h264"))), facts(MeasuredFacts()))
    known = MeasuredFacts(silent=True, unknown={"hdr": "it is torn"})
    assert {"loudness_lufs"} == known.lacks(facts_asked(rules, facts(known)))
