"""What is heard adds to what is seen, by the formula, and where nothing is heard nothing changes; numbers by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.judging.test_decide_conditions import EYE, TWO, level, logs, rule, vectors
from tests.support.ears import DIM, PitchEncoder
from vsortd.config.choices import Ensemble, Hierarchy
from vsortd.config.rules import RuleTree
from vsortd.hearing.listening import HeardVideo
from vsortd.judging.decide import NONE, DecisionOutcome, decide
from vsortd.judging.sound_evidence import HeardRules, SoundRules, sound_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOREST, SEA = rule("forest", sound=("birds",)), rule("sea")
TREE = RuleTree((FOREST, SEA))


def heard(odds: Mapping[str, Sequence[float]], *, times_ms: Sequence[int], audible: Sequence[bool] = ()) -> HeardRules:
    return HeardRules(
        np.array(times_ms, np.int64),
        np.array(audible or [True] * len(times_ms)),
        {key: np.array(values, float) for key, values in odds.items()},
    )


def seen(*frames: Sequence[float]) -> np.ndarray:
    """Return frames that give these probabilities, in four dimensions."""
    return logs(*([*one, *[1.0] * (4 - len(one))] for one in frames))


def shares(*weights: float) -> list[float]:
    return [pytest.approx(weight / sum(weights), rel=1e-5) for weight in weights]


def frame(decision: Any, number: int = 0) -> list[float]:
    own = [values[number] for values in decision.frame_scores.values()]
    return [*own, 1 - sum(own)]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_log_odds_of_the_sound_are_added_with_their_weight(weight: float) -> None:
    tree = RuleTree((rule("forest", sound=("birds",), sound_weight=weight), SEA))
    said = heard({"forest": [math.log(4)]}, times_ms=[5000])
    found = decide(tree, vectors(TWO), seen([0.3, 0.5, 0.2]), times_ms=np.array([4000]), heard=said)
    assert shares(0.3 * 4**weight, 0.5, 0.2) == frame(found)
    assert {"forest": pytest.approx(0.8)} == found.levels[0].heard
    assert {"forest": pytest.approx(0.3), "sea": pytest.approx(0.5)} == found.levels[0].seen


def test_what_is_heard_can_decide_and_the_scores_say_so() -> None:
    said = heard({"forest": [4.0]}, times_ms=[5000])
    without = decide(TREE, vectors(TWO), seen([0.3, 0.5, 0.2]), times_ms=np.array([4000]))
    found = decide(TREE, vectors(TWO), seen([0.3, 0.5, 0.2]), times_ms=np.array([4000]), heard=said)
    assert ("sea", "forest") == (without.rule, found.rule)
    assert found.levels[0].scores["forest"] > found.levels[0].seen["forest"]
    assert {} == without.levels[0].heard == without.levels[0].seen


def test_each_frame_hears_the_window_nearest_to_it() -> None:
    said = heard({"forest": [math.log(4), -math.log(4)]}, times_ms=[5000, 10_000])
    times_ms = np.array([9000, 7400])
    found = decide(TREE, vectors(TWO), seen([0.3, 0.5, 0.2], [0.3, 0.5, 0.2]), times_ms=times_ms, heard=said)
    assert shares(0.15, 0.5, 0.2) == frame(found, 0)
    assert shares(0.6, 0.5, 0.2) == frame(found, 1)


@pytest.mark.parametrize(
    ("times_ms", "said"),
    [
        ([4000], heard({"forest": [9.0]}, times_ms=[5000], audible=[False])),
        ([10_001], heard({"forest": [9.0]}, times_ms=[5000])),  # the sound has ended
        ([4000], heard({"forest": []}, times_ms=[])),
        ([4000], heard({"elsewhere": [9.0]}, times_ms=[5000])),
    ],
)
def test_where_nothing_is_heard_the_pictures_alone_decide(times_ms: list[int], said: HeardRules) -> None:
    rows, moments = seen([0.3, 0.5, 0.2]), np.array(times_ms)
    alone = decide(TREE, vectors(TWO), rows, times_ms=moments)
    assert alone == decide(TREE, vectors(TWO), rows, times_ms=moments, heard=said)


def test_silent_frames_among_others_are_judged_by_what_they_show() -> None:
    said = heard({"forest": [math.log(4), 9.0]}, times_ms=[5000, 10_000], audible=[True, False])
    times_ms = np.array([5000, 10_000])
    found = decide(TREE, vectors(TWO), seen([0.3, 0.5, 0.2], [0.3, 0.5, 0.2]), times_ms=times_ms, heard=said)
    assert shares(0.6, 0.5, 0.2) == frame(found, 0)
    assert shares(0.3, 0.5, 0.2) == frame(found, 1)
    assert {"forest": pytest.approx(0.8)} == found.levels[0].heard


def test_below_a_rule_its_own_rules_hear_as_well() -> None:
    below = level("forest", {"day": EYE[2], "night": EYE[3]})
    forest = rule("forest", rule("day"), rule("night", sound=("an owl",), sound_weight=1.0))
    said = heard({"forest/night": [math.log(9)]}, times_ms=[5000])
    rows, times_ms = seen([0.9, 0.1, 0.5, 0.4]), np.array([5000])
    made = vectors(level("", {"forest": EYE[0], "sea": EYE[1]}), below)
    assert "forest/day" == decide(RuleTree((forest, SEA)), made, rows, times_ms=times_ms).rule
    found = decide(RuleTree((forest, SEA)), made, rows, times_ms=times_ms, heard=said)
    assert "forest/night" == found.rule
    assert {} == found.levels[0].heard
    assert {"night": pytest.approx(0.9)} == found.levels[1].heard


@pytest.mark.parametrize("hierarchy", list(Hierarchy))
def test_every_hierarchy_hears(hierarchy: Hierarchy) -> None:
    below = level("forest", {"day": EYE[2], "night": EYE[3]})
    forest = rule("forest", rule("day"), rule("night"), sound=("birds",), sound_weight=1.0)
    tree = RuleTree((forest, SEA), hierarchy=hierarchy)
    made = vectors(level("", {"forest": EYE[0], "sea": EYE[1]}), below)
    rows, times_ms = seen([0.3, 0.5, 0.2, 0.1]), np.array([5000])
    scores = [
        decide(tree, made, rows, times_ms=times_ms, heard=heard({"forest": [odds]}, times_ms=[5000])).levels[0].scores
        for odds in (-3.0, 0.0, 3.0)
    ]
    assert scores[0]["forest"] < scores[1]["forest"] < scores[2]["forest"]


def test_a_rule_whose_conditions_do_not_hold_is_not_saved_by_its_sound() -> None:
    from tests.judging.test_decide_conditions import FACTS, when

    shut = rule("forest", sound=("birds",), when=when(has_audio=False))
    said = heard({"forest": [99.0]}, times_ms=[5000])
    rows, times_ms = seen([0.3, 0.6, 0.1]), np.array([5000])
    found = decide(RuleTree((shut, SEA)), vectors(TWO), rows, times_ms=times_ms, facts=FACTS, heard=said)
    assert "forest" != found.rule
    assert 0.0 == found.levels[0].scores["forest"]


# from texts and windows to log-odds


def windows(*axes: int) -> HeardVideo:
    rows = np.zeros((len(axes), DIM), np.float32)
    for row, axis in zip(rows, axes, strict=True):
        if axis >= 0:
            row[axis] = 1.0
    return HeardVideo(np.arange(len(axes)) * 5000 + 5000, rows, 5.0 * len(axes) + 5)


def listening(tree: RuleTree, encoder: PitchEncoder) -> SoundRules:
    found = sound_rules(tree, encoder)
    assert found is not None
    return found


def test_the_log_odds_are_those_of_the_prompt_against_every_other_sound() -> None:
    encoder = PitchEncoder({300.0: "a low tone"}, scale=8.0)
    rules = listening(RuleTree((rule("low", sound=("a low tone",)), rule("sea"))), encoder)
    assert ["low"] == list(rules.levels)
    level_of_one = rules.levels["low"]
    assert {"silence", "music", "an animal"} <= set(level_of_one.negatives)
    said = rules.heard_in(windows(0, 5, -1))
    against = np.logaddexp.reduce(8.0 * level_of_one.negative_vectors[:, 0].astype(float))
    assert 8.0 - against == pytest.approx(said.log_odds["low"][0], rel=1e-5)
    assert said.log_odds["low"][1] < said.log_odds["low"][0]
    assert [True, True, False] == said.audible.tolist()


def test_of_several_sounds_the_one_that_fits_best_counts_or_with_average_what_they_share() -> None:
    encoder = PitchEncoder({300.0: "a low tone", 3000.0: "a high tone"})
    both = ("a low tone", "a high tone")
    best = listening(RuleTree((rule("t", sound=both),)), encoder).heard_in(windows(0, 1))
    average = listening(RuleTree((rule("t", sound=both, ensemble=Ensemble.AVERAGE),)), encoder).heard_in(windows(0, 1))
    scale = encoder.info.logit_scale
    np.testing.assert_allclose(best.log_odds["t"] - average.log_odds["t"], scale * (1 - math.sqrt(0.5)), rtol=1e-3)


def test_a_sound_does_not_compete_with_built_in_ones_that_mean_the_same() -> None:
    rules = listening(RuleTree((rule("dogs", sound=("a dog barking",)),)), PitchEncoder({}))
    assert "an animal" not in rules.levels["dogs"].negatives
    assert "music" in rules.levels["dogs"].negatives


def test_a_tree_in_which_no_rule_listens_needs_no_ears() -> None:
    encoder = PitchEncoder({})
    assert sound_rules(RuleTree((rule("forest"), SEA)), encoder) is None
    takes_all = rule("long", prompts=(), sound=("birds",))
    assert sound_rules(RuleTree((takes_all,)), encoder) is None


def test_a_video_that_hears_its_rule_is_filed_there() -> None:
    encoder = PitchEncoder({300.0: "a low tone"})
    tree = RuleTree((rule("low", sound=("a low tone",)), rule("sea")))
    made = vectors(level("", {"low": EYE[0], "sea": EYE[1]}, EYE[2]))
    rows, times_ms = seen([0.4, 0.45, 0.15]), np.array([5000])
    rules = listening(tree, encoder)
    low = decide(tree, made, rows, times_ms=times_ms, heard=rules.heard_in(windows(0)))
    other = decide(tree, made, rows, times_ms=times_ms, heard=rules.heard_in(windows(9)))
    assert ("low", DecisionOutcome.FILED) == (low.rule, low.outcome)
    assert "low" != other.rule
    assert other.levels[0].scores["low"] < 0.4 < low.levels[0].scores["low"]
    assert NONE in low.levels[0].scores
