"""What is unlike anything that was taught wins nothing, unless the user taught it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.rules import rule
from vsortd.config.rules import RuleTree
from vsortd.errors import ModelError
from vsortd.judging.decide import NONE, decide
from vsortd.vision import sample
from vsortd.vision.out_of_distribution import TaughtRegion, read_region, write_region
from vsortd.vision.prompts import Example, LevelVectors, RuleVectors

if TYPE_CHECKING:
    from pathlib import Path

AXES = np.eye(4, dtype=np.float32)
REGION = TaughtRegion(AXES[:2], slope=30.0, offset=-5.0)
TREE = RuleTree(rules=(rule("forest"), rule("sea")))


def vectors(region: TaughtRegion | None) -> RuleVectors:
    """Return two rules, one along each of the first two axes, without negatives."""
    level = LevelVectors(
        "", ("forest", "sea"), AXES[:2], (True, True), ((), ()), (), np.zeros((0, 4), np.float32), region=region
    )
    return RuleVectors({"": level}, 4, 10.0, None)


def row(*parts: float) -> np.ndarray:
    """Return one unit row."""
    found = np.array([parts], np.float32)
    return found / np.linalg.norm(found)


def test_a_frame_like_the_training_wins_as_before() -> None:
    near = row(1, 0.1, 0, 0)
    assert decide(TREE, vectors(REGION), near).rule == "forest"
    assert decide(TREE, vectors(REGION), near).levels[0].score == pytest.approx(
        decide(TREE, vectors(None), near).levels[0].score, abs=0.01
    )


def test_a_frame_far_from_the_training_wins_nothing_though_one_rule_is_far_ahead() -> None:
    far = row(0.5, -0.5, 1, 1)
    assert decide(TREE, vectors(None), far).rule == "forest"
    decision = decide(TREE, vectors(REGION), far)
    assert decision.rule == ""
    assert decision.levels[0].runner_up == NONE


def test_the_farther_the_lower_the_score() -> None:
    scores = [decide(TREE, vectors(REGION), row(1, 0, away, 0)).levels[0].scores["forest"] for away in (0, 0.5, 1, 2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


def test_what_the_user_taught_is_not_strange() -> None:
    far = row(0.1, 0, 1, 1)
    taught = vectors(REGION).with_examples([Example("sea", far)])
    assert decide(TREE, vectors(REGION), far).rule == ""
    assert decide(TREE, taught, far).rule == "sea"


def test_a_region_is_kept_in_half_precision(tmp_path: Path) -> None:
    write_region(REGION, tmp_path / "region.npz")
    found = read_region(tmp_path / "region.npz")
    assert np.allclose(found.centres, REGION.centres, atol=1e-3)
    assert (found.slope, found.offset) == (REGION.slope, REGION.offset)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "flipped", "text"])
def test_a_damaged_region_is_an_error_with_a_remedy(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "region.npz"
    whole = sample.taught_region_path().read_bytes()
    middle = len(whole) // 2
    contents = {
        "empty": b"",
        "cut": whole[:middle],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "text": b"no region",
    }
    if damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(ModelError, match="can't be read") as caught:
        read_region(path)
    assert "Install vsortd again" in str(caught.value.remedy)


def test_the_package_holds_a_region_of_the_sample_model() -> None:
    region = read_region(sample.taught_region_path())
    assert region.centres.shape[1] == 128
    assert region.slope > 0
    assert np.allclose(np.linalg.norm(region.centres, axis=1), 1, atol=1e-3)
