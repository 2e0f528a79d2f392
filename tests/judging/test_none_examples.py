"""Examples of none of a level's rules: what they add to none of these, worked out by hand, and where they count."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.judging.test_decide_conditions import EYE, NESTED, TWO, level, rule, unit, vectors
from vsortd.config.choices import OnUnsure
from vsortd.config.rules import RuleTree
from vsortd.evaluation.rejudge import without_own_examples
from vsortd.judging.decide import NONE, DecisionOutcome, decide
from vsortd.judging.frame_scores import competition
from vsortd.judging.leave_one_out import LeaveOneOutResult, weigh
from vsortd.vision.prompts import Example, LevelVectors, RuleVectors

NEAR = np.asarray([[0.6, 0.0, 0.0, 0.8]])  # cosine 0.8 with the example: as far as in test_frame_scores
BONUS = 0.5 * 10 * (math.exp(-10 * 0.2) - math.exp(-10 * 0.4))  # w·s·(e(0.8) - e(0.6))
FAR = np.asarray([unit(0.2, 0.9, 0.1, 0.1)])
PLAIN = level("", {"forest": EYE[0], "sea": EYE[1]}, EYE[2])
TREE = RuleTree(rules=(rule("forest"), rule("sea")))


def none_of(*rows: np.ndarray, under: str = "") -> Example:
    return Example(under, np.asarray(rows, np.float32), none=True)


def taught(one: LevelVectors, likeness: float = 0.6) -> RuleVectors:
    return vectors(replace(one, none_examples=EYE[3][None].astype(np.float32), common_likeness=likeness), scale=10.0)


def shares(*weights: float) -> list[float]:
    """Return weights as shares of one whole."""
    return [pytest.approx(weight / sum(weights), rel=1e-5) for weight in weights]


def test_none_of_these_grows_as_a_rule_does() -> None:
    """The negative's z is 0 and grows by the same w·s·(e(0.8) - e(c)) as that of a rule with such an example."""
    (probs,) = competition(taught(PLAIN), "", NEAR)
    assert shares(math.exp(6), 1.0, math.exp(BONUS)) == probs.tolist()
    rules = vectors(replace(PLAIN, examples={1: EYE[3][None]}, common_likeness=0.6), scale=10.0)
    assert shares(math.exp(6), math.exp(BONUS), 1.0) == competition(rules, "", NEAR)[0].tolist()


def test_all_that_none_of_these_is_folded_from_grows_alike_at_any_temperature() -> None:
    """Two negatives, z = 0 and 8, and T = 2."""
    two = replace(PLAIN, negatives=("a", "b"), negative_vectors=np.asarray([EYE[2], EYE[3]], np.float32))
    softer = replace(taught(two), temperature=2.0)
    none = math.exp(BONUS / 2) * (1 + math.exp(4))
    assert shares(math.exp(3), 1.0, none) == competition(softer, "", NEAR)[0].tolist()


def test_for_a_sigmoid_model_none_of_the_labels_grows() -> None:
    """With b = -10 and z_0 = -10 it is as if s·v·t_0 were 0."""
    (probs,) = competition(replace(taught(level("", {"forest": EYE[0]})), logit_bias=-10.0), "", NEAR)
    assert shares(math.exp(6), math.exp(BONUS)) == probs.tolist()


def test_where_there_is_no_negative_it_takes_part_with_the_average_of_the_siblings() -> None:
    """e^z = e^3 (e^bonus - 1): nothing where nothing is added, and then as a rule that is known by examples only."""
    none = taught(level("", {"forest": EYE[0], "sea": EYE[1]}))
    both = competition(none, "", np.vstack([NEAR, FAR]))
    assert shares(math.exp(6), 1.0, math.exp(3) * (math.exp(BONUS) - 1)) == both[0].tolist()
    assert 0.0 == both[1, -1]


def test_far_from_every_example_nothing_changes() -> None:
    assert np.array_equal(competition(vectors(PLAIN, scale=10.0), "", FAR), competition(taught(PLAIN), "", FAR))


def test_where_nobody_may_win_none_of_these_has_all_of_it() -> None:
    """The model knows no word, and of two frames one only is like the example."""
    strange = taught(level("", {"zorb": [0.0, 0.0, 0.0, 0.0]}))
    assert [[0.0, 1.0]] * 2 == competition(strange, "", np.vstack([NEAR, FAR])).tolist()


def test_it_counts_at_its_level_and_for_the_rules_on_the_way_there() -> None:
    """None of nature's rules is still nature; what is under a rule that is gone says nothing."""
    found = NESTED.with_examples([none_of(EYE[3], under="nature"), none_of(EYE[3], under="gone/far"), none_of(EYE[2])])
    top, below = found.levels[""], found.levels["nature"]
    assert ([0], [[0.0, 0.0, 1.0, 0.0]]) == (list(top.examples), np.asarray(top.none_examples).tolist())
    assert ({}, [[0.0, 0.0, 0.0, 1.0]]) == (below.examples, np.asarray(below.none_examples).tolist())
    again = found.with_examples(())
    assert [False, False] == [again.levels[key].is_taught for key in ("", "nature")]


def test_what_rules_and_none_have_in_common_helps_neither() -> None:
    """The nearest example of none is as near as the rule's own: nothing is beyond what is common."""
    both = vectors(TWO, scale=10.0).with_examples([Example("sea", np.asarray([EYE[3]])), none_of(EYE[3])])
    frame = np.asarray([[0.5, 0.1, 0.0, 0.8]])
    assert pytest.approx(competition(vectors(TWO, scale=10.0), "", frame)) == competition(both, "", frame)


def test_the_like_of_it_goes_to_review_and_the_reason_says_why() -> None:
    plain, like, unlike = vectors(TWO, scale=10.0), np.asarray([unit(0.2, 0, 0, 1)] * 4), np.asarray([EYE[0]] * 4)
    none = plain.with_examples([none_of(EYE[3])])
    assert [("forest", "forest"), ("", "forest")] == [
        (decide(TREE, one, like).rule, decide(TREE, one, unlike).rule) for one in (plain, none)
    ]
    assert decide(TREE, none, like).reason.endswith("; like a video that you said belongs nowhere")
    assert "you said" not in decide(TREE, none, np.asarray([EYE[2]] * 4)).reason


def test_below_a_rule_the_like_of_it_stays_with_the_rule_or_goes_to_review_as_the_config_says() -> None:
    plain = replace(NESTED, logit_scale=10.0)
    none = plain.with_examples([none_of(EYE[0], under="nature")])
    like = np.asarray([unit(1, 0, 0, 0.2)] * 4)
    for on_unsure, outcome in ((OnUnsure.STOP, DecisionOutcome.FILED), (OnUnsure.REVIEW, DecisionOutcome.REVIEW)):
        tree = RuleTree(rules=(rule("nature", rule("wood"), rule("hills"), on_unsure=on_unsure), rule("town")))
        assert "nature/wood" == decide(tree, plain, like).rule
        decision = decide(tree, none, like)
        assert (outcome, "nature") == (decision.outcome, decision.rule), decision.reason
        assert "like a video that you said belongs nowhere below nature" in decision.reason


def test_it_has_its_say_against_a_rule_that_is_meant_to_win_with_any_score() -> None:
    """Built-in negatives have none against `min_score: 0`; for what is unlike the example that stays so."""
    tree = RuleTree(rules=(rule("forest", min_score=0.0, min_margin=0.0), rule("sea")))
    built_in = vectors(replace(PLAIN, configured=False), scale=10.0).with_examples([none_of(EYE[3])])
    like, negative = np.asarray([unit(0.2, 0, 0, 1)] * 4), np.asarray([unit(0.2, 0, 1, 0)] * 4)
    assert ["", "forest"] == [decide(tree, built_in, frames).rule for frames in (like, negative)]
    assert decide(tree, built_in, negative).levels[0].scores[NONE] > 0.5


def test_leave_one_out_asks_whether_it_stays_out_of_every_rule() -> None:
    """By texts the two go to forest; each with the other's example stays out. A like one of forest is lost to them."""
    like = unit(0.2, 0, 0, 1)
    both = {1: none_of(like), 2: none_of(like)}
    plain = vectors(TWO, scale=10.0)
    assert LeaveOneOutResult(2, 2, 0, won=(1, 2)) == weigh(TREE, plain, both)
    lost = weigh(TREE, plain, {1: none_of(like), 3: Example("forest", np.asarray([like], np.float32))})
    assert (1, (3,), False) == (lost.right_without, lost.lost, lost.helps)


def test_none_of_a_rules_rules_is_right_in_that_rule_or_in_review_from_there() -> None:
    nature = rule("nature", rule("wood"), rule("hills"), on_unsure=OnUnsure.REVIEW)
    tree = RuleTree(rules=(nature, rule("town")))
    like = unit(1, 0, 0, 0.2)
    for on_unsure in OnUnsure:
        changed = replace(tree, rules=(replace(nature, on_unsure=on_unsure), tree.rules[1]))
        found = weigh(changed, replace(NESTED, logit_scale=10.0), {n: none_of(like, under="nature") for n in (1, 2)})
        assert (2, 2, 0) == (found.videos, found.right_with, found.right_without)


def test_a_video_is_not_judged_by_what_was_taught_of_itself() -> None:
    rows = np.asarray([EYE[3], EYE[2]], np.float32)
    found = vectors(TWO).with_examples([none_of(*rows), Example("sea", rows[:1])])
    own = without_own_examples(found, rows[:1])
    assert ({}, [[0.0, 0.0, 1.0, 0.0]]) == (own.levels[""].examples, np.asarray(own.levels[""].none_examples).tolist())
    assert without_own_examples(own, rows[1:]).levels[""].none_examples is None
    assert own is without_own_examples(own, rows[:1])
