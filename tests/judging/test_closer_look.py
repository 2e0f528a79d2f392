"""What a closer look finds, and what `decide` makes of it; numbers by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.judging.test_decide_conditions import EYE, FACTS, level, rule, vectors, when
from vsortd.config.rules import RuleTree, TagRule
from vsortd.config.tag_options import Contains
from vsortd.judging.closer_look import CloserLook, SeenCrops, place_of, wants_crops
from vsortd.judging.decide import decide

BOXES = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.3, 0.5), (0.7, 0.5, 1.0, 1.0))
FRAMES = np.asarray([EYE[1]] * 4, np.float32)  # the sea, and nothing else


def contains(**options: Any) -> Contains:
    return Contains.model_validate({"prompts": "a bottle", "look": "crops", **options})


def seen(*frames: list[int]) -> CloserLook:
    """Return a look at parts: for each frame which of the vectors each of three parts is."""
    rows = np.asarray([[EYE[number] for number in parts] for parts in frames], np.float32)
    return CloserLook(SeenCrops(np.arange(len(frames), dtype=np.int64) * 3000 + 1500, rows, BOXES))


DETECTORS = {
    "Wine": level("Wine", {"Wine": EYE[3]}, EYE[2]),
    "#wine": level("#wine", {"#wine": EYE[3]}, EYE[2]),
}
VECTORS = vectors(
    level("", {"Wine": [0, 0, 0, 0], "forest": EYE[0], "sea": EYE[1]}, EYE[2]), scale=20.0, detectors=DETECTORS
)


def tree(**options: Any) -> RuleTree:
    looked_for = contains(**options)
    wine = rule("Wine", prompts=(), contains=looked_for)
    return RuleTree(
        (wine, rule("forest"), rule("sea")), tags=(TagRule("wine", ("a bottle",), 0.5, 1.0, None, looked_for),)
    )


def test_something_small_takes_the_video_and_it_is_said_when_and_where() -> None:
    decision = decide(tree(), VECTORS, FRAMES, facts=FACTS, closer=seen([2, 2, 2], [2, 2, 3], [2, 2, 2], [2, 2, 2]))
    assert ("Wine", ("wine",)) == (decision.rule, decision.tags)
    assert decision.reason.startswith("Wine: contains 'a bottle' for 3.0 s, at best 1.00, at 4.5 s, bottom right")
    assert {"Wine", "#wine"} == set(decision.sightings)
    assert decision.settled


@pytest.mark.parametrize(
    ("options", "looks"),
    [
        ({}, seen([2, 2, 2], [2, 2, 2])),
        ({"min_duration": "4s"}, seen([2, 2, 2], [2, 2, 3], [2, 2, 2], [2, 2, 2])),
        ({}, CloserLook()),  # nobody looked
    ],
)
def test_what_is_not_there_for_long_enough_takes_nothing(options: dict[str, Any], looks: CloserLook) -> None:
    decision = decide(tree(**options), VECTORS, FRAMES, facts=FACTS, closer=looks)
    assert ("sea", ()) == (decision.rule, decision.tags)


def test_whole_frames_are_not_asked_where_parts_are() -> None:
    frames = np.asarray([EYE[3]] * 4, np.float32)  # they show it, but another look was asked for
    decision = decide(tree(), VECTORS, frames, facts=FACTS, closer=seen([2, 2, 2], [2, 2, 2]))
    assert "Wine" != decision.rule
    assert "Wine" not in decision.frame_scores
    assert decision.sightings["Wine"].score < 0.01


def test_nobody_looks_closer_where_no_rule_asks_or_its_conditions_dont_hold() -> None:
    assert not wants_crops(RuleTree((rule("forest"),)), FACTS)
    assert not wants_crops(RuleTree((rule("x", prompts=(), contains=contains(look="frames")),)), FACTS)
    assert wants_crops(tree(), FACTS)
    shut = rule("x", prompts=(), contains=contains(), when=when(min_duration="1h"))
    assert not wants_crops(RuleTree((shut,)), FACTS)
    below = rule("a", rule("b", prompts=(), contains=contains()))
    assert wants_crops(RuleTree((below,)), FACTS)
    assert not wants_crops(RuleTree((replace(below, when=when(min_duration="1h")),)), FACTS)


def test_a_closer_look_is_taken_for_a_rule_that_asks_for_a_tag_which_nobody_knows_yet() -> None:
    asking = replace(tree(), rules=(replace(tree().rules[0], when=when(tags="wine")), *tree().rules[1:]))
    assert wants_crops(replace(asking, tags=()), FACTS)
    decision = decide(asking, VECTORS, FRAMES, facts=FACTS, closer=seen([2, 2, 3], [2, 2, 3]))
    assert ("Wine", ("wine",)) == (decision.rule, decision.tags)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 1, 1), "in the whole picture"),
        ((0, 0, 0.5, 0.5), "top left"),
        ((0.25, 0.25, 0.75, 0.75), "in the middle"),
        ((0.7, 0.3, 0.9, 0.7), "right"),
        ((0.4, 0.8, 0.6, 1), "bottom"),
    ],
)
def test_a_place_is_told_in_words(box: tuple[float, float, float, float], words: str) -> None:
    assert words == place_of(box)
