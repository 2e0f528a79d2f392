"""What one frame says about each rule of a level, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.judging.test_decide_conditions import EYE, FACTS, TWO, level, logs, rule, unit, vectors, when
from vsortd.config.choices import Hierarchy
from vsortd.config.rules import RuleTree
from vsortd.judging.decide import NONE, DecisionOutcome, decide
from vsortd.judging.frame_scores import competition, presence, seconds_shown
from vsortd.vision.prompts import Example, LevelVectors, RuleVectors

STRANGE = level("", {"forest": EYE[0], "zorb": [0, 0, 0, 0], "sea": EYE[1]}, EYE[2])


def shares(*weights: float) -> list[float]:
    """Return weights as shares of one whole."""
    return [pytest.approx(weight / sum(weights), rel=1e-5) for weight in weights]


def taught(one: LevelVectors, examples: dict[int, list[np.ndarray]], likeness: float) -> LevelVectors:
    rows = {column: np.asarray(some, np.float32) for column, some in examples.items()}
    return replace(one, examples=rows, common_likeness=likeness)


def test_a_rule_known_by_examples_only_starts_from_the_average_of_its_siblings_in_each_frame() -> None:
    """Unlike the frames, the example adds nothing: the geometric mean of 0.4 and 0.1 is 0.2, of 0.9 and 0.1 0.3."""
    one = taught(STRANGE, {1: [EYE[3]]}, 0.5)
    probs = competition(vectors(one), "", logs([0.4, 0.1, 0.2, 0.1], [0.9, 0.1, 0.2, 0.1]))
    assert shares(0.4, 0.2, 0.1, 0.2) == probs[0].tolist()
    assert shares(0.9, 0.3, 0.1, 0.2) == probs[1].tolist()


def test_where_no_words_are_known_at_all_a_taught_rule_starts_from_nothing() -> None:
    only = taught(level("", {"zorb": [0, 0, 0, 0], "gnarl": [0, 0, 0, 0]}, EYE[2]), {0: [EYE[3]]}, 0.5)
    assert shares(1.0, 0.0, 0.25) == competition(vectors(only), "", logs([0.4, 0.1, 0.25, 0.1]))[0].tolist()


def test_a_rule_of_unknown_words_and_without_examples_takes_no_part() -> None:
    probs = competition(vectors(STRANGE), "", logs([0.4, 0.9, 0.1, 1.0]))
    assert shares(0.4, 0.0, 0.9, 0.1) == probs[0].tolist()


@pytest.mark.parametrize("likeness", [0.5, 0.7, 0.79])
def test_the_nearest_example_adds_as_much_as_it_is_nearer_than_common(likeness: float) -> None:
    """w·s·(e(0.8) - e(c)) with w = 0.5, s = 10 and e(x) = exp(-10 (1 - x)); the frame is nearest to the first."""
    one = taught(level("", {"forest": EYE[0], "sea": EYE[1]}), {1: [EYE[3], EYE[0]]}, likeness)
    (probs,) = competition(vectors(one, scale=10.0), "", np.asarray([[0.6, 0, 0, 0.8]]))
    bonus = 0.5 * 10 * (math.exp(-10 * 0.2) - math.exp(-10 * (1 - likeness)))
    assert shares(math.exp(6.0), math.exp(bonus), 0.0) == probs.tolist()


@pytest.mark.parametrize("likeness", [0.8, 0.9, 1.0])
def test_an_example_that_is_no_nearer_than_common_adds_nothing_and_takes_nothing(likeness: float) -> None:
    one = taught(level("", {"forest": EYE[0], "sea": EYE[1]}), {1: [EYE[3]]}, likeness)
    (probs,) = competition(vectors(one, scale=10.0), "", np.asarray([[0.6, 0, 0, 0.8]]))
    assert shares(math.exp(6.0), 1.0, 0.0) == probs.tolist()


def test_of_alternatives_the_one_that_fits_a_frame_best_counts_in_that_frame() -> None:
    either = replace(TWO, alternatives={1: np.asarray([EYE[1], EYE[3]], np.float32)})
    probs = competition(vectors(either), "", logs([0.1, 0.2, 0.2, 0.4], [0.1, 0.4, 0.2, 0.2]))
    assert [shares(0.1, 0.4, 0.2)] * 2 == probs.tolist()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_sigmoid_models_implicit_none_and_its_bias_are_softened_like_all_else(temperature: float) -> None:
    two = RuleVectors({"": TWO}, 4, 20.0, -12.0, temperature=temperature)
    (probs,) = competition(two, "", np.asarray([[0.3, 0.1, 0.2, 0.0]]))
    weights = [math.exp((20 * cosine - 12) / temperature) for cosine in (0.3, 0.1, 0.2)]
    none = weights[2] + math.exp(-10 / temperature)
    assert shares(weights[0], weights[1], none) == probs.tolist()


@pytest.mark.parametrize(("cosine", "same"), [(0.96, True), (0.94, False)])
def test_a_rule_that_may_not_win_leaves_its_share_to_none_of_these_unless_another_says_the_same(
    cosine: float,
    same: bool,  # noqa: FBT001
) -> None:
    near = [cosine, math.sqrt(1 - cosine * cosine), 0, 0]
    three = level("", {"forest": EYE[0], "grove": near, "sea": EYE[3]}, EYE[2])
    (probs,) = competition(vectors(three), "", np.asarray([[1.0, 0.5, 0.0, -1.0]]), excluded={1})
    forest, sea, other = math.exp(1.0), math.exp(-1.0), 1.0
    grove = math.exp(near[0] + 0.5 * near[1])
    assert shares(forest, 0.0, sea, other + (0.0 if same else grove)) == probs.tolist()


def test_of_two_rules_that_say_the_same_and_may_both_not_win_none_of_these_gets_all() -> None:
    twins = level("", {"tall": EYE[0], "wide": EYE[0]}, EYE[2])
    assert [[0.0, 0.0, 1.0]] == competition(vectors(twins), "", logs([0.9, 1, 0.1, 1]), excluded={0, 1}).tolist()


def test_without_negatives_siblings_share_everything() -> None:
    two = level("", {"forest": EYE[0], "sea": EYE[1]})
    assert shares(0.3, 0.1, 0.0) == competition(vectors(two), "", logs([0.3, 0.1, 0.9, 1]))[0].tolist()


def test_where_nobody_may_win_and_nothing_speaks_against_none_of_these_has_it_all() -> None:
    two = level("", {"forest": EYE[0], "sea": EYE[1]})
    assert [[0.0, 0.0, 1.0]] == competition(vectors(two), "", logs([0.3, 0.1, 1, 1]), excluded={0, 1}).tolist()
    unknown = level("", {"zorb": [0, 0, 0, 0]})
    assert [[0.0, 1.0]] == competition(vectors(unknown), "", logs([0.3, 0.1, 1, 1])).tolist()


def test_a_level_of_which_no_rule_may_win_is_decided_in_numbers() -> None:
    night, day = (rule(name, when=when(has_audio=False)) for name in ("night", "day"))
    tree = RuleTree(rules=(night, day))
    decision = decide(tree, vectors(level("", {"night": EYE[0], "day": EYE[1]})), logs([0.6, 0.4, 1, 1]), facts=FACTS)
    assert DecisionOutcome.REVIEW is decision.outcome
    assert {"night": 0.0, "day": 0.0, NONE: 1.0} == decision.levels[0].scores
    assert (0.0, -1.0) == (decision.score, decision.margin)
    assert {"night": (0.0,), "day": (0.0,)} == decision.frame_scores


DEEP = vectors(
    level("", {"nature": EYE[0], "town": EYE[1]}, EYE[2]),
    level("nature", {"wood": EYE[3], "hills": EYE[2]}),
    level("nature/wood", {"oak": EYE[0], "pine": EYE[1], "zorb": [0, 0, 0, 0]}),
)


def test_a_product_goes_down_to_the_leaves() -> None:
    """Nature 0.5, below it wood 0.8 : hills 0.1, below that oak 0.5 : pine 0.4: the best path is wood, oak."""
    probs = competition(DEEP, "", np.log([[0.5, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.PRODUCT)
    assert shares(0.5 * (8 / 9) * (5 / 9), 0.4, 0.1) == probs[0].tolist()
    hills = competition(DEEP, "", np.log([[0.5, 0.4, 0.8, 0.1]]), hierarchy=Hierarchy.PRODUCT)
    assert shares(0.5 * (8 / 9), 0.4, 0.8) == hills[0].tolist()


def test_a_product_is_shared_out_in_each_frame_and_a_rule_without_a_known_path_has_none() -> None:
    known = vectors(
        level("", {"zorb": EYE[0], "nature": EYE[1], "town": EYE[2]}),
        level("zorb", {"gnarl": [0, 0, 0, 0]}),
        level("nature", {"wood": EYE[3], "hills": EYE[2]}),
    )
    probs = competition(known, "", logs([0.5, 0.4, 0.2, 0.6], [0.1, 0.2, 0.3, 0.1]), hierarchy=Hierarchy.PRODUCT)
    assert shares(0.0, 0.4 * 0.75, 0.2, 0.0) == probs[0].tolist()
    assert shares(0.0, 0.2 * 0.75, 0.3, 0.0) == probs[1].tolist()


def test_a_product_is_taken_below_the_level_that_is_asked_about() -> None:
    (probs,) = competition(DEEP, "nature", np.log([[0.5, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.PRODUCT)
    assert shares(0.8 * (5 / 9), 0.1, 0.0) == probs.tolist()


def test_a_product_over_rules_that_the_model_does_not_know_leaves_what_is_known() -> None:
    known = vectors(
        level("", {"nature": EYE[0], "town": EYE[1]}),
        level("nature", {"zorb": [0, 0, 0, 0]}),
        level("town", {"gnarl": [0, 0, 0, 0]}),
    )
    (probs,) = competition(known, "", np.log([[0.6, 0.2, 1, 1]]), hierarchy=Hierarchy.PRODUCT)
    assert shares(0.6, 0.2, 0.0) == probs.tolist()


def path_weight(*probabilities: float) -> float:
    """Return exp of the mean direction's logit: the rows on the path added, at length one."""
    return math.exp(sum(math.log(p) for p in probabilities) / math.sqrt(len(probabilities)))


def test_leaves_are_those_at_the_ends_of_all_paths_that_the_model_knows() -> None:
    probs = competition(DEEP, "", np.log([[0.2, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.LEAVES)
    # nature + wood + oak is (2, 0, 0, 1) and of length √5, nature + wood + pine and nature + hills are of unit parts
    oak = math.exp((2 * math.log(0.2) + math.log(0.8)) / math.sqrt(5))
    nature = 0.2 + oak + path_weight(0.2, 0.8, 0.4) + path_weight(0.2, 0.1)
    assert shares(nature, 0.4, 0.1) == probs[0].tolist()
    again = competition(DEEP, "", np.log([[0.2, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.LEAVES)
    assert probs.tolist() == again.tolist()


def test_leaves_below_the_level_that_is_asked_about_begin_there() -> None:
    (probs,) = competition(DEEP, "nature", np.log([[0.2, 0.4, 0.1, 0.8]]), hierarchy=Hierarchy.LEAVES)
    wood = 0.8 + path_weight(0.8, 0.2) + path_weight(0.8, 0.4)
    assert shares(wood, 0.1, 0.0) == probs.tolist()


def test_a_path_of_vectors_that_are_nearly_opposed_is_as_long_as_any() -> None:
    below = vectors(level("", {"a": EYE[0], "b": EYE[1]}, EYE[2]), level("a", {"c": [-0.6, 0, 0, 0.8]}), scale=2.0)
    (probs,) = competition(below, "", np.asarray([[0.5, 0.1, 0.2, 0.7]]), hierarchy=Hierarchy.LEAVES)
    path = (0.4 * 0.5 + 0.8 * 0.7) / math.hypot(0.4, 0.8)
    assert shares(math.exp(1.0) + math.exp(2 * path), math.exp(0.2), math.exp(0.4)) == probs.tolist()


def test_leaves_of_a_sigmoid_model_have_its_bias_and_temperature() -> None:
    siglip = replace(DEEP, logit_bias=-3.0, temperature=2.0, logit_scale=4.0, memo={})
    (probs,) = competition(siglip, "nature", np.asarray([[0.1, 0.2, 0.3, 0.4]]), hierarchy=Hierarchy.LEAVES)

    def weight(cosine: float) -> float:
        return math.exp((4 * cosine - 3) / 2)

    wood = weight(0.4) + weight(0.5 / math.sqrt(2)) + weight(0.6 / math.sqrt(2))
    assert shares(wood, weight(0.3), math.exp(-10 / 2)) == probs.tolist()


def test_a_rule_that_takes_no_part_gains_nothing_by_what_lies_below_it() -> None:
    known = vectors(level("", {"zorb": [0, 0, 0, 0], "town": EYE[1]}, EYE[2]), level("zorb", {"wood": EYE[3]}))
    for hierarchy in Hierarchy:
        (probs,) = competition(known, "", np.log([[0.2, 0.4, 0.1, 0.9]]), hierarchy=hierarchy)
        assert shares(0.0, 0.4, 0.1) == probs.tolist()


def test_what_is_looked_for_stands_against_all_else() -> None:
    sought = vectors(TWO, detectors={"wine": level("wine", {"wine": EYE[3]}, EYE[2])})
    assert shares(0.6, 0.2)[0] == presence(sought, "wine", logs([0.9, 0.9, 0.2, 0.6]))[0]
    assert (2,) == presence(sought, "wine", logs([0.9, 0.9, 0.2, 0.6], [0.9, 0.9, 0.2, 0.6])).shape


def test_the_last_frame_stands_for_the_time_up_to_the_end_or_to_itself() -> None:
    times = np.asarray([1000, 3000])
    for duration_s, seen_s in ((10.0, 8.0), (3.0, 1.0), (0.0, 1.0)):
        assert seen_s == seconds_shown(np.asarray([False, True]), times, duration_s)
    assert 10.0 == seconds_shown(np.asarray([True]), np.asarray([4000]), 10.0)
    assert 4.0 == seconds_shown(np.asarray([True]), np.asarray([4000]), 0.0)


def test_examples_that_two_rules_share_help_neither() -> None:
    """The nearest example of the other rule is as near as one's own: nothing is beyond what is common."""
    both = vectors(TWO, scale=10.0).with_examples(
        [Example(name, np.asarray([unit(0, 0, 0, 1)])) for name in ("forest", "sea")]
    )
    frame = np.asarray([[0.5, 0.1, 0.0, 0.8]])
    assert pytest.approx(competition(vectors(TWO, scale=10.0), "", frame)) == competition(both, "", frame)
