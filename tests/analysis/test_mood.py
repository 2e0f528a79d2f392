"""Mood, its confidence and its evenness, by numbers that were worked out by hand."""

from __future__ import annotations

import math

import pytest

from vsortd.analysis.label_document import UnitMeans
from vsortd.analysis.mood import MOODS, MoodConsistency, MoodReport, mood_consistency, mood_of, moods_distance

SOUNDS = ("EmotionalAudio", "IntenseAudio", "LightAudio", "EerieAudio", "FantasticalAudio")


def picture(*values: float, none: float = 0.0) -> list[UnitMeans]:
    return [UnitMeans("Mood", dict(zip(MOODS, values, strict=True)), none)]


def sound(*values: float) -> list[UnitMeans]:
    return [UnitMeans("AudioMood", dict(zip(SOUNDS, values, strict=True)), 0.0)]


def report(*values: float) -> MoodReport:
    moods = dict(zip(MOODS, values, strict=True))
    return MoodReport(moods, moods, None)


def test_picture_and_sound_count_one_half_each() -> None:
    """What the picture says with little is as much as what the sound says with much; Eerie is Tense."""
    mood = mood_of(picture(0.04, 0.0, 0.0, 0.36, 0.0, none=0.2), sound(0.0, 0.0, 0.5, 0.5, 0.0))
    assert mood is not None
    assert {"Emotional": 0.05, "Exciting": 0.0, "Lighthearted": 0.25, "Tense": 0.7, "Imaginative": 0.0} == {
        name: pytest.approx(value) for name, value in mood.moods.items()
    }
    assert "Tense" == mood.mood
    entropy = -(0.05 * math.log(0.05) + 0.25 * math.log(0.25) + 0.7 * math.log(0.7))
    assert pytest.approx(1 - entropy / math.log(5)) == mood.confidence


@pytest.mark.parametrize(("values", "confidence"), [((0.2,) * 5, 0.0), ((0.0, 1.0, 0.0, 0.0, 0.0), 1.0)])
def test_confidence_is_how_far_from_even_the_moods_are(values: tuple[float, ...], confidence: float) -> None:
    assert pytest.approx(confidence, abs=1e-12) == report(*values).confidence


def test_one_alone_counts_whole_and_neither_is_no_mood() -> None:
    alone = mood_of(None, sound(0.1, 0.6, 0.1, 0.1, 0.1))
    assert alone is not None
    assert ("Exciting", pytest.approx(0.6), None) == (alone.mood, alone.moods["Exciting"], alone.picture)
    assert mood_of(None, None) is None
    assert mood_of([UnitMeans("Mood", {"Calm": 1.0}, 0.0)], None) is None  # somebody's own moods
    assert mood_of(picture(0.1, 0.1, 0.1, 0.1, 0.0, none=0.6), None) is None


def test_the_distance_is_that_of_jensen_and_shannon() -> None:
    """Halves of which one is shared: the middle is 1/4, 1/2, 1/4, so 1/2·log2(2) of each remains, and √0.5."""
    one, other = report(0.5, 0.5, 0.0, 0.0, 0.0).moods, report(0.0, 0.5, 0.5, 0.0, 0.0).moods
    assert pytest.approx(math.sqrt(0.5)) == moods_distance(one, other)
    assert pytest.approx(1.0) == moods_distance(report(1, 0, 0, 0, 0).moods, report(0, 1, 0, 0, 0).moods)
    assert 0.0 == moods_distance(one, one)


def test_consistency_is_the_mean_distance_of_neighbours_that_are_known() -> None:
    same, other = report(1.0, 0.0, 0.0, 0.0, 0.0), report(0.0, 1.0, 0.0, 0.0, 0.0)
    assert (MoodConsistency.HIGH, 0.0) == mood_consistency([same, None, same, same])
    assert (MoodConsistency.MODERATE, pytest.approx(0.2)) == mood_consistency([same] * 5 + [other])
    assert (MoodConsistency.VARIABLE, pytest.approx(0.25)) == mood_consistency([same] * 4 + [other])
    assert mood_consistency([None, same, None]) is None
