"""`look: crops`: what is small in the picture is found by the way as a whole, with the model in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.sample_model.renderer import Subject
from tests.support.harness import Here
from tests.support.small_things import scene_with_small
from vsortd.judging.closer_look import SeenCrops
from vsortd.pipeline.closer_look import crops_of_document, document_of_crops

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
tags:
  - {name: burning, contains: {prompts: fire, look: LOOK}}
rules:
  - {name: Fires, contains: {prompts: [fire, flames], look: LOOK, min_duration: 2s}}
  - {name: snow, prompts: snow}
  - {name: sea, prompts: sea}
"""


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_small_fire_is_found_by_parts_of_the_picture_alone_and_explain_shows_where(tmp_path: Path) -> None:
    found = {}
    for look in ("frames", "crops"):
        home = Here.make(tmp_path / look, rules=RULES.replace("LOOK", look))
        burning = scene_with_small(home.inbox / "burning.mp4", Subject.SNOW, Subject.FIRE, at_px=(20, 20))
        plain = scene_with_small(home.inbox / "plain.mp4", Subject.SNOW, None)
        found[look] = [home.json("explain", path) for path in (burning, plain)]
        if look == "crops":
            text = home.run("explain", burning).stdout
            again = home.json("explain", burning)  # from the index
            in_vain = home.run("explain", plain).stdout
    assert [("snow", [])] * 2 == [(one["decision"]["rule"], one["decision"]["tags"]) for one in found["frames"]]
    small, without = found["crops"]
    assert ("Fires", ["burning"]) == (small["decision"]["rule"], small["decision"]["tags"])
    assert "top left" == small["decision"]["sightings"]["Fires"]["place"]
    assert small["decision"]["sightings"]["Fires"]["seconds"] >= 2
    assert "top left" in text
    assert small["decision"] == again["decision"]
    assert ("snow", []) == (without["decision"]["rule"], without["decision"]["tags"])
    assert "Fires  looked for in vain: at best 0" in in_vain


@pytest.mark.long
@pytest.mark.timeout(180)
def test_eval_judges_by_parts_of_the_picture_too(tmp_path: Path) -> None:
    home = Here.make(tmp_path, rules=RULES.replace("LOOK", "crops"))
    truth = tmp_path / "truth"
    for name, small in (("Fires", Subject.FIRE), ("snow", None)):
        (truth / name).mkdir(parents=True)
        scene_with_small(truth / name / "one.mp4", Subject.SNOW, small, at_px=(20, 20), seconds=3)
    found = home.json("eval", truth)
    assert {"Fires": {"Fires": 1}, "snow": {"snow": 1}} == found["confusion"]


def test_what_was_seen_is_kept_whole_and_anything_else_is_looked_at_anew() -> None:
    rows = np.eye(6, dtype=np.float32).reshape(2, 3, 6)
    seen = SeenCrops(np.array([500, 1500]), rows, ((0, 0, 1, 1), (0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5)))
    document = document_of_crops(seen)
    kept = crops_of_document(document, 6)
    assert kept is not None
    assert [500, 1500] == kept.times_ms.tolist()
    assert np.array_equal(rows, kept.vectors)
    assert seen.boxes == kept.boxes
    assert crops_of_document(document, 7) is None
    for name in document:
        assert crops_of_document({key: value for key, value in document.items() if key != name}, 6) is None
        assert crops_of_document({**document, name: "?"}, 6) is None
