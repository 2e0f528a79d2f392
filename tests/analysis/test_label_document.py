"""The document of a video's labels: means of all frames and of tenths, and the look of the picture by words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.encoders import DictionaryEncoder
from vsortd.analysis.built_in_categories import (
    PICTURE_CATEGORIES,
    SOUND_CATEGORIES,
    built_in_picture_labels,
    categories_unknown,
)
from vsortd.analysis.label_document import LabelledFrames, labels_document, no_labels, picture_looks
from vsortd.analysis.label_files import LabelCategory, LabelUnit, read_units
from vsortd.analysis.label_reading import LabelReading
from vsortd.analysis.labels import label_question
from vsortd.vision.encoder import Family, unknown_to

UNIT = LabelUnit("Mood", (LabelCategory("Up", ("up",)), LabelCategory("Down", ("down",))))


def frames_of(encoder: DictionaryEncoder, *texts: str) -> LabelledFrames:
    """Return frames, one a second, whose pictures look exactly like these texts."""
    times_ms = np.arange(len(texts)) * 1000 + 500
    return LabelledFrames(times_ms, np.stack([encoder.vector(text) for text in texts]), len(texts))


def test_each_tenth_has_its_own_means() -> None:
    given = {text: [1.0, 0.0] if "up" in text else [0.0, 1.0] for text in ("up", "down")}
    encoder = DictionaryEncoder(given=given, dim=2)
    question = label_question([UNIT], encoder, none=False)
    # whatever the templates make of the prompts: each frame is the very vector of one of them
    rows = question.units[0].rows
    times_ms = np.arange(20) * 1000 + 500
    vectors = np.stack([rows[0]] * 12 + [rows[1]] * 8)
    document = labels_document(question, LabelledFrames(times_ms, vectors, 20.0), LabelReading(none=False), None)
    (unit,) = document["units"]
    sure = 1 / (1 + math.exp(-20 * (1 - float(rows[0] @ rows[1]))))
    assert [pytest.approx(sure, abs=1e-3)] * 6 == [part["labels"]["Up"] for part in unit["tenths"][:6]]
    assert [pytest.approx(1 - sure, abs=1e-3)] * 4 == [part["labels"]["Up"] for part in unit["tenths"][6:]]
    assert pytest.approx(0.6 * sure + 0.4 * (1 - sure), abs=1e-3) == unit["labels"]["Up"]
    assert {"Up": 12, "Down": 8} == {one["label"]: one["count"] for one in document["labels"]}
    assert 20 == document["frames"]


def test_a_tenth_without_a_frame_is_null() -> None:
    encoder = DictionaryEncoder()
    question = label_question([UNIT], encoder)
    document = labels_document(question, frames_of(encoder, "x", "y"), LabelReading(), None)
    tenths = document["units"][0]["tenths"]
    assert [2, 7] == [number for number, part in enumerate(tenths) if part is not None]
    told = tenths[2]
    assert pytest.approx(1.0, abs=2e-4) == sum(told["labels"].values()) + told["none"]


def test_the_look_of_a_picture_is_a_softmax_over_two_opposites() -> None:
    """Cosines 1 and 0 at a scale of 20: 1 / (1 + e^-20); beside them what is as near to both: one half."""
    given = {"Good photo.": [1.0, 0.0], "Bad photo.": [0.0, 1.0]}
    given |= {f"{word} photo.": [1.0, 1.0] for word in ("Sharp", "Blurry", "Bright", "Dark", "Clean", "Noisy")}
    encoder = DictionaryEncoder(given=given, dim=2)
    frames = LabelledFrames(np.array([500, 1500]), np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), 2.0)
    looks = picture_looks(frames, encoder)
    assert looks == {"good": pytest.approx(0.5), "sharp": 0.5, "bright": 0.5, "clean": 0.5}
    first = LabelledFrames(frames.times_ms[:1], frames.vectors[:1], 1.0)
    assert {"good": pytest.approx(1 / (1 + math.exp(-20)))}["good"] == (picture_looks(first, encoder) or {})["good"]
    assert picture_looks(frames, DictionaryEncoder(family=Family.SAMPLE)) is None


def test_no_labels_have_the_same_keys() -> None:
    encoder = DictionaryEncoder()
    document = labels_document(label_question([UNIT], encoder), frames_of(encoder, "x"), LabelReading(), None)
    assert set(document) == set(no_labels("why"))


def test_the_categories_in_the_package_have_the_names_that_are_read_on() -> None:
    pictures = {unit.name: [one.name for one in unit.categories] for unit in read_units(PICTURE_CATEGORIES)}
    assert {
        "VisualStyle": ["Animation", "LiveAction"],
        "ImageQuality": ["LowQuality", "HighQuality"],
        "ContentPurpose": ["Storytelling", "Informational", "RealityCapture"],
        "Mood": ["Emotional", "Exciting", "Lighthearted", "Tense", "Imaginative"],
    } == pictures
    sounds = {unit.name: [one.name for one in unit.categories] for unit in read_units(SOUND_CATEGORIES)}
    assert {
        "RecordingQuality": ["BasicRecording", "ProfessionalRecording", "AnimatedAudio"],
        "ContentPurpose": ["StorytellingAudio", "FactualAudio", "InformationalAudio"],
        "AudioMood": ["EmotionalAudio", "IntenseAudio", "LightAudio", "EerieAudio", "FantasticalAudio"],
    } == sounds


def test_the_model_in_the_package_does_not_know_them() -> None:
    source = built_in_picture_labels()
    assert categories_unknown(source, lambda text: unknown_to(Family.SAMPLE, text))
    assert () == categories_unknown(source, lambda text: unknown_to(Family.CLIP, text))
