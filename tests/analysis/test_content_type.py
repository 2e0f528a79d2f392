"""What a video is for, by numbers that were worked out by hand."""

from __future__ import annotations

import math

import pytest

from vsortd.analysis.content_type import ContentType, MeasuredTerms, content_type, subtypes
from vsortd.analysis.label_document import UnitMeans

NOTHING = MeasuredTerms()
PURPOSE = UnitMeans("ContentPurpose", {"Storytelling": 0.8, "Informational": 0.1, "RealityCapture": 0.1}, 0.0)
MOOD = UnitMeans(
    "Mood", {"Emotional": 0.1, "Exciting": 0.1, "Lighthearted": 0.1, "Tense": 0.6, "Imaginative": 0.1}, 0.0
)


def even(unit: UnitMeans) -> UnitMeans:
    return UnitMeans(unit.unit, dict.fromkeys(unit.labels, 1 / len(unit.labels)), 0.0)


def test_the_picture_alone_counts_whole() -> None:
    """Storytelling (ln 0.8·3 + ln 0.8/0.6) / 2, Informational ln 0.1·3, Entertainment ln 0.2/0.4."""
    report = content_type([PURPOSE, MOOD], None, NOTHING)
    assert report is not None
    odds = {
        ContentType.STORYTELLING: math.sqrt(2.4 * 4 / 3),
        ContentType.INFORMATIONAL: 0.3,
        ContentType.ENTERTAINMENT: 0.5,
    }
    whole = sum(odds.values())
    assert {one: pytest.approx(value / whole) for one, value in odds.items()} == report.probabilities
    assert (ContentType.STORYTELLING, pytest.approx((1.7889 - 0.5) / whole, abs=1e-4)) == (report.type, report.lead)


def test_each_logit_is_the_sum_of_its_terms() -> None:
    sound = [UnitMeans("ContentPurpose", {"StorytellingAudio": 0.2, "FactualAudio": 0.2, "InformationalAudio": 0.6}, 0)]
    report = content_type([PURPOSE, MOOD], sound, MeasuredTerms(shots_per_minute=3.0, speech_share=0.7))
    assert report is not None
    added = {one: sum(term.adds for term in report.terms if term.type is one) for one in report.probabilities}
    # 0.6 of the picture's ln 0.3, 0.4 of the sound's ln(0.8 / (2/3)), and ln 2 for a talk without cuts
    assert pytest.approx(0.6 * math.log(0.3) + 0.4 * math.log(1.2) + math.log(2)) == added[ContentType.INFORMATIONAL]
    weights = {one: math.exp(logit) for one, logit in added.items()}
    for one, probability in report.probabilities.items():
        assert pytest.approx(weights[one] / sum(weights.values())) == probability


@pytest.mark.parametrize(
    ("measured", "speaks_for"),
    [
        (MeasuredTerms(shots_per_minute=4.0, speech_share=0.6), ContentType.INFORMATIONAL),
        (MeasuredTerms(shots_per_minute=4.1, speech_share=0.6), None),
        (MeasuredTerms(shots_per_minute=4.0, speech_share=0.59), None),
        (MeasuredTerms(speech_share=1.0), None),
        (MeasuredTerms(text_share=0.3), ContentType.INFORMATIONAL),
        (MeasuredTerms(shots_per_minute=15.0, music_share=0.6), ContentType.ENTERTAINMENT),
        (MeasuredTerms(shots_per_minute=14.9, music_share=0.6), None),
    ],
)
def test_a_measured_fact_doubles_the_odds(measured: MeasuredTerms, speaks_for: ContentType | None) -> None:
    """Even labels say nothing: a third each, and with one fact 2 / 4."""
    report = content_type([even(PURPOSE), even(MOOD)], None, measured)
    assert report is not None
    if speaks_for is None:
        assert [pytest.approx(1 / 3)] * 3 == list(report.probabilities.values())
        assert ContentType.UNCLASSIFIED is report.type
    else:
        assert (speaks_for, pytest.approx(0.5)) == (report.type, report.confidence)


def test_too_small_a_lead_is_no_type() -> None:
    """Odds of 1.2 and 1.1 to 0.7: 0.4 of three, and not 0.45."""
    purpose = UnitMeans("ContentPurpose", {"Storytelling": 0.4, "Informational": 1.1 / 3, "RealityCapture": 0.7 / 3}, 0)
    report = content_type([purpose], None, NOTHING)
    assert report is not None
    assert (ContentType.UNCLASSIFIED, pytest.approx(1.2 / 3.3)) == (report.type, report.confidence)


def test_reality_gives_to_no_type() -> None:
    purpose = UnitMeans("ContentPurpose", {"Storytelling": 0.05, "Informational": 0.05, "RealityCapture": 0.9}, 0.0)
    report = content_type([purpose, even(MOOD)], None, NOTHING)
    assert report is not None
    assert report.probabilities[ContentType.STORYTELLING] > report.probabilities[ContentType.INFORMATIONAL]
    assert report.probabilities[ContentType.ENTERTAINMENT] == pytest.approx(1 / (1 + math.sqrt(0.15) + 0.15))


@pytest.mark.parametrize(
    "units",
    [
        None,
        [],
        [UnitMeans("Mine", {"Storytelling": 1.0}, 0.0)],
        [UnitMeans("ContentPurpose", {"Storytelling": 0.3, "Informational": 0.1, "RealityCapture": 0.05}, 0.55)],
    ],
)
def test_without_a_label_that_speaks_there_is_no_type(units: list[UnitMeans] | None) -> None:
    """Also where none of these is more probable than all of a unit's labels together."""
    assert content_type(units, None, MeasuredTerms(shots_per_minute=1.0, speech_share=1.0)) is None


def test_subtypes_are_what_is_at_least_half_probable() -> None:
    style = UnitMeans("VisualStyle", {"Animation": 0.5, "LiveAction": 0.49}, 0.01)
    assert (("Animated", 0.5), ("Tense", 0.6)) == subtypes([MOOD, style, PURPOSE])
    assert () == subtypes(None)
