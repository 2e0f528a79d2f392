"""What a document says of the things that a detector found; numbers by hand."""

from __future__ import annotations

import pytest

from vsortd.analysis.objects import objects_document, together
from vsortd.vision.detector import FoundObject, SeenObjects

BOX = (0.1, 0.2, 0.3, 0.4)


def thing(name: str, score: float) -> FoundObject:
    return FoundObject(name, score, BOX)


SEEN = SeenObjects(
    (500, 1500, 2500, 3500),
    (
        (thing("person", 0.9), thing("person", 0.6), thing("dog", 0.2)),
        (),
        (thing("person", 0.8), thing("dog", 0.5)),
        (thing("dog", 0.4),),
    ),
)


def test_each_class_is_told_with_how_much_there_is_of_it() -> None:
    found = objects_document(SEEN, confidence=0.3, duration_s=4.0, model="m")
    assert ("m", 0.3, 4, 0) == tuple(found[name] for name in ("model", "confidence", "frames", "left_out"))
    dog = {"class": "dog", "frames": 2, "seconds": 2.0, "first_s": 2.5, "most": 1, "best": 0.5}
    person = {"class": "person", "frames": 2, "seconds": 2.0, "first_s": 0.5, "most": 2, "best": 0.9}
    assert [dog, person] == found["classes"]
    assert 5 == len(found["detections"])
    assert {"class": "person", "score": 0.9, "box": list(BOX), "at_s": 0.5} == found["detections"][0]
    surer = objects_document(SEEN, confidence=0.85, duration_s=4.0, model="m")
    assert [("person", 1, 1)] == [(one["class"], one["frames"], one["most"]) for one in surer["classes"]]


def test_a_document_stays_bounded_and_tells_the_surest() -> None:
    frames = 30
    crowd = tuple(thing("person", 0.5 + number / 1000) for number in reversed(range(100)))
    seen = SeenObjects(tuple(range(500, 500 + 1000 * frames, 1000)), (crowd,) * frames)
    found = objects_document(seen, confidence=0.3, duration_s=30.0, model="m")
    assert 2000 == len(found["detections"])
    assert 100 * frames - 2000 == found["left_out"]
    assert min(one["score"] for one in found["detections"]) > 0.53
    times = [one["at_s"] for one in found["detections"]]
    assert sorted(times) == times
    assert 100 == found["classes"][0]["most"]


def test_a_video_without_anything_has_no_classes() -> None:
    found = objects_document(SeenObjects((500,), ((),)), confidence=0.3, duration_s=1.0, model="m")
    assert ([], []) == (found["classes"], found["detections"])


def test_frames_of_both_paces_count_once() -> None:
    keys = SeenObjects((500, 700), ((thing("cat", 0.9),), (thing("person", 0.7),)))
    both = together(SEEN, keys)
    assert (500, 700, 1500, 2500, 3500) == both.times_ms
    assert SEEN.found[0] == both.found[0]
    assert keys.found[1] == both.found[1]
    found = objects_document(both, confidence=0.3, duration_s=4.0, model="m")
    person = next(one for one in found["classes"] if one["class"] == "person")
    assert 3 == person["frames"]
    # from 0 to 1.1 s for the first two, from 2.0 to 3.0 s for the third
    assert 2.1 == pytest.approx(person["seconds"])
