"""The guard's arithmetic, with numbers worked out by hand.

Two rules with the texts a = (1, 0) and b = (0, 1), logit scale 10, no negatives. A frame (x, y) gets z_a = 10 x and
z_b = 10 y; an example at the very place of the frame adds 0.5 * 10 = 5 to its rule's. So p_a = sigmoid(z_a - z_b).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.judging.leave_one_out import JUDGED, LeaveOneOutResult, weigh
from vsortd.vision.prompts import Example, LevelVectors, RuleVectors

HALF = math.sqrt(0.5)


def _rule(name: str) -> Rule:
    return Rule(name, (name,), (name,), None, 0.35, 0.1, Aggregate.MEAN, 0.5, OnUnsure.STOP, ())


TREE = RuleTree((_rule("a"), _rule("b")))
LEVEL = LevelVectors(
    parent="",
    names=("a", "b"),
    vectors=np.eye(2, dtype=np.float32),
    known=(True, True),
    unknown=((), ()),
    negatives=(),
    negative_vectors=np.zeros((0, 2), np.float32),
)
VECTORS = RuleVectors({"": LEVEL}, dim=2, logit_scale=10.0, logit_bias=None)


def _taught(rule: str, *frames: tuple[float, float]) -> Example:
    return Example(rule, np.array(frames, np.float32))


def test_nothing_taught_changes_nothing() -> None:
    verdict = weigh(TREE, VECTORS, {})
    assert LeaveOneOutResult() == verdict
    assert verdict.helps
    assert "nothing was taught yet" == verdict.sentence()


def test_a_video_is_never_judged_with_its_own_example() -> None:
    """Alone it stays undecided (p = 0.5 each), though its own example would win it."""
    assert LeaveOneOutResult(1, 0, 0) == weigh(TREE, VECTORS, {7: _taught("a", (HALF, HALF))})


def test_examples_that_settle_what_texts_leave_open_are_used() -> None:
    """Undecided by texts: z_a = z_b = 7.07. With the other's example z_a = 12.07, p_a = sigmoid(5) = 0.99."""
    verdict = weigh(TREE, VECTORS, {1: _taught("a", (HALF, HALF)), 2: _taught("a", (HALF, HALF))})
    assert LeaveOneOutResult(2, right_with=2, right_without=0, won=(1, 2)) == verdict
    assert verdict.helps


def test_examples_that_make_a_right_one_wrong_are_refused() -> None:
    """1 is right by texts: z = (8, 6), p_a = sigmoid(2) = 0.88. The example of 2 lifts z_b to 11: wrong.

    2 was taught as b though it looks like 1: by texts it is a, with the example of 1 (z_a = 13) all the more.
    """
    verdict = weigh(TREE, VECTORS, {1: _taught("a", (0.8, 0.6)), 2: _taught("b", (0.8, 0.6))})
    assert LeaveOneOutResult(2, right_with=0, right_without=1, lost=(1,)) == verdict
    assert not verdict.helps
    assert (
        "of 2 taught videos, 0 would be judged right with the help of the others, 1 without it: "
        "too few yet to tell whether they help; they are not used"
    ) == verdict.sentence()


@pytest.mark.parametrize(
    ("videos", "won", "lost", "said"),
    [
        (4, 1, 0, "too few yet to tell whether they help; they are used"),
        (9, 5, 0, "too few yet to tell whether they help; they are used"),
        (9, 6, 0, "corrections help; they are used"),
        (99, 0, 0, "too few yet to tell whether they help; they are used"),
        (JUDGED, 3, 2, "no difference that is more than chance; they are used"),
        (JUDGED, 0, 6, "corrections do harm; they are not used"),
    ],
)
def test_what_is_said_is_no_more_than_the_sign_test_tells(videos: int, won: int, lost: int, said: str) -> None:
    """Five of five may be chance (1 in 16), six of six is not (1 in 32); of more than `JUDGED` no more will be told."""
    won_numbers, lost_numbers = tuple(range(won)), tuple(range(won, won + lost))
    verdict = LeaveOneOutResult(videos, won, lost, won=won_numbers, lost=lost_numbers)
    assert said == verdict.sentence().partition(": ")[2]


def test_one_won_makes_up_for_one_lost() -> None:
    """4 is lost to the examples of a beside it: z = (6, 8), z_a + 5 = 11 > 8. Of 1 and 2, open by texts, both are won.

    cos(1, 4) = 0.99: the examples of 1 and 2 add 5 * exp(-5.5 * 0.01) = 4.73 to z_a of 4: 10.73 against 8.
    """
    taught = {1: _taught("a", (HALF, HALF)), 2: _taught("a", (HALF, HALF)), 4: _taught("b", (0.6, 0.8))}
    verdict = weigh(TREE, VECTORS, taught)
    assert (4,) == verdict.lost
    # the example of 4 adds 4.73 to z_b of 1 and 2, their own side 5: 0.27 apart, p_a = sigmoid(0.27) = 0.567, lead 0.13
    assert (1, 2) == verdict.won
    assert verdict.helps


def test_the_newest_are_judged_and_all_take_part() -> None:
    taught = {number: _taught("a", (HALF, HALF)) for number in range(1, 6)}
    verdict = weigh(TREE, VECTORS, taught, judged=2)
    assert (2, (4, 5)) == (verdict.videos, verdict.won)


@pytest.mark.parametrize("rule", ["gone", "a/gone"])
def test_a_rule_that_is_not_in_the_tree_harms_nobody(rule: str) -> None:
    verdict = weigh(TREE, VECTORS, {1: _taught("a", (1, 0)), 2: _taught(rule, (0, 1))})
    assert (1, 1) == (verdict.right_with, verdict.right_without)


def test_a_hundred_of_the_taught_videos_are_judged() -> None:
    taught = {number: _taught("a", (HALF, HALF)) for number in range(1, 103)}
    verdict = weigh(TREE, VECTORS, taught)
    assert (100, tuple(range(3, 103))) == (verdict.videos, verdict.won)
