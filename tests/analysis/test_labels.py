"""Scores of labels by hand: the formula, which frames count, and what is told of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.encoders import DictionaryEncoder
from tests.support.vectors import unit
from vsortd.analysis.label_files import LabelCategory, LabelUnit, label_unit
from vsortd.analysis.label_reading import LabelEnsemble, LabelReading
from vsortd.analysis.labels import (
    LabelQuestion,
    LabelSpan,
    UnitVectors,
    found_labels,
    label_probabilities,
    label_question,
    read_unit,
)
from vsortd.errors import UsageError
from vsortd.vision.encoder import Family

SCALE = 10.0
FRAMES = np.stack([unit(1, 0.2, 0), unit(0.1, 1, 0.3), unit(0.5, 0.5, 1)])
MOOD = LabelUnit("Mood", (LabelCategory("Calm", ("a", "b")), LabelCategory("Tense", ("c",))))
ROWS = np.stack([unit(1, 0, 0), unit(0.6, 0.8, 0), unit(0, 1, 0.1)])
NEGATIVES = np.stack([unit(0, 0, 1), unit(0.3, 0, 1)])


def question(bias: float | None = None) -> LabelQuestion:
    vectors = UnitVectors(MOOD, ROWS, np.array([0, 2]), NEGATIVES)
    return LabelQuestion((vectors,), SCALE, bias, ())


def by_hand(frame: npt.NDArray[np.float32], reading: LabelReading, bias: float | None = None) -> list[float]:
    """Return the probabilities of Calm, Tense and none in plain arithmetic."""

    def logit(row: npt.NDArray[np.float32]) -> float:
        cosine = sum(float(x) * float(y) for x, y in zip(frame, row, strict=True))
        return (SCALE * cosine + (bias or 0.0)) / reading.temperature

    first, second, tense = map(logit, ROWS)
    mean = math.log((math.exp(first) + math.exp(second)) / 2)
    calm = max(first, second) if reading.ensemble is LabelEnsemble.BEST else mean
    against = [math.exp(logit(row)) for row in NEGATIVES] if reading.none else []
    if reading.none and bias is not None:
        against.append(math.exp(-10 / reading.temperature))
    whole = math.exp(calm) + math.exp(tense) + sum(against)
    return [math.exp(calm) / whole, math.exp(tense) / whole, sum(against) / whole]


@pytest.mark.parametrize("bias", [None, -9.0], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize(
    "reading",
    [
        LabelReading(temperature=temperature, ensemble=ensemble, none=none)
        for temperature in (0.15, 1.0, 21.7)
        for ensemble in LabelEnsemble
        for none in (True, False)
    ],
    ids=str,
)
def test_probabilities_are_those_of_the_formula(reading: LabelReading, bias: float | None) -> None:
    asked = question(bias)
    found = label_probabilities(asked, asked.units[0], FRAMES, reading)
    assert [pytest.approx(by_hand(frame, reading, bias), abs=1e-6) for frame in FRAMES] == found.tolist()


def test_a_category_gains_nothing_by_saying_the_same_twice() -> None:
    twice = UnitVectors(MOOD, ROWS[[0, 0, 1, 1, 2]], np.array([0, 4]), NEGATIVES)
    asked = question()
    for ensemble in LabelEnsemble:
        reading = LabelReading(ensemble=ensemble)
        once = label_probabilities(asked, asked.units[0], FRAMES, reading)
        np.testing.assert_allclose(once, label_probabilities(asked, twice, FRAMES, reading), atol=1e-6)


def test_a_long_video_is_read_in_parts_that_say_the_same() -> None:
    asked, reading = question(), LabelReading()
    few = label_probabilities(asked, asked.units[0], FRAMES, reading)
    many = label_probabilities(asked, asked.units[0], np.tile(FRAMES, (900, 1)).astype(np.float16), reading)
    np.testing.assert_allclose(np.tile(few, (900, 1)), many, atol=0.01)


# Of five frames: Calm, Tense, and none
TABLE = np.array([[0.70, 0.20, 0.10], [0.45, 0.35, 0.20], [0.25, 0.60, 0.15], [0.29, 0.28, 0.43], [0.50, 0.50, 0.00]])
TIMES = np.array([500, 1500, 2500, 3500, 4500])


def test_in_a_unit_of_categories_a_frame_counts_for_the_one_that_leads_if_it_is_sure_enough() -> None:
    found = read_unit(MOOD, TABLE, TIMES, 5.0, LabelReading(confidence=0.3))
    calm, tense = found.labels
    assert ("Calm", 3, "Tense", 1) == (calm.label, calm.count, tense.label, tense.count)
    assert pytest.approx((0.70 + 0.45 + 0.50) / 3) == calm.average
    assert pytest.approx(0.60) == tense.average
    assert pytest.approx((0.70 + 0.45 + 0.25 + 0.29 + 0.50) / 5) == calm.mean
    assert pytest.approx((0.10 + 0.20 + 0.15 + 0.43) / 5) == found.none
    assert (LabelSpan(0, 2), LabelSpan(4, 5)) == calm.spans
    assert pytest.approx(0.6) == calm.share
    assert (0.5, 4.5) == (calm.first_s, calm.last_s)
    assert (0.5, 0.7) == (calm.best_s, calm.best)
    assert (0, "Calm", "0.5500", 3) == calm.row()


def test_of_labels_each_that_is_sure_enough_counts() -> None:
    labels = replace(MOOD, name="", exclusive=False)
    calm, tense = read_unit(labels, TABLE, TIMES, 5.0, LabelReading(confidence=0.3)).labels
    assert (3, 3) == (calm.count, tense.count)
    assert pytest.approx((0.35 + 0.60 + 0.50) / 3) == tense.average
    assert (LabelSpan(1, 3), LabelSpan(4, 5)) == tense.spans


def test_a_label_that_never_counts_has_no_average_and_the_best_are_told_first() -> None:
    found = read_unit(MOOD, TABLE[:, [1, 0, 2]], TIMES, 5.0, LabelReading(confidence=0.65, top=1))
    assert ["Tense"] == [one.label for one in found.labels]
    (never,) = read_unit(MOOD, TABLE, TIMES, 5.0, LabelReading(confidence=0.95, top=1)).labels
    assert (0, None, 0.0) == (never.count, never.first_s, never.share)
    document = never.to_json("Mood")
    assert (None, 0, [], "Mood") == tuple(document[key] for key in ("avg_probability", "count", "spans", "unit"))


def test_a_video_of_one_frame_and_no_length_is_shown_wholly_or_not() -> None:
    calm, tense = read_unit(MOOD, TABLE[:1], TIMES[:1] * 0, 0.0, LabelReading()).labels
    assert (1.0, 0.0) == (calm.share, tense.share)


def test_units_are_independent_questions() -> None:
    encoder = DictionaryEncoder()
    other = LabelUnit("Light", (LabelCategory("Day", ("sun",)), LabelCategory("Night", ("moon", "stars"))))
    frames = np.stack([encoder.vector(text) for text in ("a", "moon", "c")])
    times, reading = np.array([0, 1000, 2000]), LabelReading()
    alone = found_labels(label_question([MOOD], encoder), times, frames, 3.0, reading)
    beside = found_labels(label_question([other, MOOD], encoder), times, frames, 3.0, reading)
    assert alone[0] == beside[1]
    assert ("Light", 2) == (beside[0].unit.name, len(beside[0].labels))


def test_each_text_is_embedded_once_and_the_models_negatives_compete() -> None:
    encoder = DictionaryEncoder()
    asked = label_question([MOOD, MOOD], encoder)
    assert len(set(encoder.asked)) == len(encoder.asked)
    assert 1 == encoder.calls
    assert 3 == len(asked.units[0].rows)
    assert [0, 2] == asked.units[0].starts.tolist()
    assert len(asked.units[0].negatives) > 10
    dogs = label_question([label_unit(["a dog", "a cat"])], encoder)
    assert len(asked.units[0].negatives) == len(dogs.units[0].negatives) + 1  # "an animal" would be a rival of both


def test_labels_that_the_model_does_not_know_are_named_all_at_once() -> None:
    encoder = DictionaryEncoder(family=Family.SAMPLE, known=["sea", "forest"])
    asked = label_question([label_unit(["sea", "forest with zebras"])], encoder)
    assert ("with", "zebras") == asked.unknown
    with pytest.raises(UsageError, match=r"knows nothing of 'zebras'\."):
        label_question([label_unit(["sea", "zebras"])], encoder)
    with pytest.raises(UsageError, match="knows nothing of 2 labels:") as caught:
        label_question([label_unit(["zebras", "sea"]), label_unit(["gnus"])], encoder)
    assert ("  zebras", "  gnus") == caught.value.details


def test_a_label_that_competes_with_nothing_is_refused() -> None:
    encoder = DictionaryEncoder()
    label_question([label_unit(["a dog"])], encoder)
    with pytest.raises(UsageError, match="'a dog' competes with nothing"):
        label_question([MOOD, label_unit(["a dog"])], encoder, none=False)
