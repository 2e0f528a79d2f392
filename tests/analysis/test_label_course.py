"""The course of labels that a document keeps: bounded, the likeliest, and means where they are asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vsortd.analysis.label_course import MAX_LABELS, MAX_POINTS, MAX_UNITS, LabelCourse, course_to_json


def test_what_is_short_is_kept_as_it_is_without_none_of_these() -> None:
    probabilities = np.array([[0.1, 0.6, 0.3], [0.2, 0.7, 0.1]], np.float32)
    document = json.loads(json.dumps(course_to_json(np.array([0, 1500]), [("Mood", ["dull", "gay"], probabilities)])))
    course = LabelCourse.from_json(document)
    assert [0.0, 1.5] == course.times_s.tolist()
    assert [("Mood", "gay"), ("Mood", "dull")] == [(track.unit, track.label) for track in course.tracks]
    assert [0.6, 0.7] == course.tracks[0].probabilities.tolist()
    assert [("gay", 0.7), ("dull", 0.2)] == course.means(1.0, 2.0)
    assert [("gay", 0.6), ("dull", 0.1)] == course.means(0.2, 0.4)  # no frame there: the nearest


def test_of_a_long_video_neighbours_become_their_mean() -> None:
    times_ms = np.arange(10_000) * 1000
    column = np.linspace(0, 1, 10_000)[:, None]
    course = LabelCourse.from_json(course_to_json(times_ms, [("", ["later"], column)]))
    assert len(course.times_s) <= MAX_POINTS
    middle = len(course.times_s) // 2
    assert pytest.approx(course.times_s[middle] / 9999, abs=0.001) == course.tracks[0].probabilities[middle]
    assert course.times_s[-1] <= 9999


def test_of_many_labels_and_units_the_likeliest_and_the_first_are_kept() -> None:
    names = [f"label {number}" for number in range(100)]
    one = ("unit", names, np.tile(np.arange(100) / 4950, (3, 1)))
    document = course_to_json(np.array([0, 1, 2]), [one] * 20)
    assert MAX_LABELS * MAX_UNITS == len(document["labels"])
    assert [f"label {99 - number}" for number in range(MAX_LABELS)] == [
        label["label"] for label in document["labels"][:MAX_LABELS]
    ]
