"""Deciding, on numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import rule, tree
from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree
from vsortd.errors import ModelError
from vsortd.judging.decide import NONE, Decision, DecisionOutcome, decide
from vsortd.vision.prompts import LevelVectors, RuleVectors

Frames = Sequence[Sequence[float]]


def unit_vectors(
    rules: RuleTree,
    *,
    negatives: int = 1,
    scale: float = 1.0,
    bias: float | None = None,
    unknown: Sequence[str] = (),
) -> RuleVectors:
    """Give each sibling of a level a unit vector of its own, in the file's order, then each negative.

    With scale 1, a frame that holds the logarithms of probabilities gets exactly these probabilities.
    """
    nodes = list(rules.walk())
    widest = max(len(node.rules) for node in [*nodes]) if nodes else 0
    dim = max(len(rules.rules), widest) + negatives
    rows = np.eye(dim, dtype=np.float32)

    def level(parent: str, siblings: tuple[Rule, ...]) -> LevelVectors:
        return LevelVectors(
            parent=parent,
            names=tuple(one.name for one in siblings),
            vectors=rows[: len(siblings)],
            known=tuple(one.name not in unknown for one in siblings),
            unknown=tuple((one.name,) if one.name in unknown else () for one in siblings),
            negatives=tuple(f"negative {number}" for number in range(negatives)),
            negative_vectors=rows[len(siblings) : len(siblings) + negatives],
        )

    levels = {"": level("", rules.rules)} | {node.key: level(node.key, node.rules) for node in nodes if node.rules}
    return RuleVectors(levels, dim, scale, bias)


def judge(rules: RuleTree, probabilities: Frames, **options: object) -> Decision:
    """Decide on frames given as probabilities of each sibling and, last, the negative."""
    frames = np.log(np.asarray(probabilities, dtype=np.float64))
    return decide(rules, unit_vectors(rules, **options), frames)  # type: ignore[arg-type]


FOREST_SEA = tree(rule("forest"), rule("sea"))


def test_two_vectors_in_the_plane() -> None:
    """A frame on the forest's vector, at scale ln 3 against a right angle, gives 3 : 1."""
    level = LevelVectors(
        parent="",
        names=("forest", "sea"),
        vectors=np.asarray([[1, 0], [0, 1]], np.float32),
        known=(True, True),
        unknown=((), ()),
        negatives=(),
        negative_vectors=np.zeros((0, 2), np.float32),
    )
    decision = decide(
        FOREST_SEA, RuleVectors({"": level}, 2, math.log(3), None), np.asarray([[1, 0], [1, 0]], np.float32)
    )
    assert decision.rule == "forest"
    assert decision.outcome is DecisionOutcome.FILED
    assert decision.score == pytest.approx(0.75)
    assert decision.margin == pytest.approx(0.5)
    assert decision.levels[0].scores == pytest.approx({"forest": 0.75, "sea": 0.25, NONE: 0.0})
    assert decision.levels[0].runner_up == "sea"
    assert decision.reason == "forest: 0.75, 0.50 ahead of sea (2 frames)"
    assert decision.frame_scores["forest"] == pytest.approx((0.75, 0.75))
    assert decision.frame_scores["sea"] == pytest.approx((0.25, 0.25))


def test_an_angle_of_sixty_degrees() -> None:
    """A cosine of 1/2 at scale 2·ln 4: the logits differ by ln 4, which makes 4 : 1."""
    level = LevelVectors(
        parent="",
        names=("forest",),
        vectors=np.asarray([[1, 0]], np.float32),
        known=(True,),
        unknown=((),),
        negatives=("other",),
        negative_vectors=np.asarray([[0.5, math.sqrt(3) / 2]], np.float32),
    )
    vectors = RuleVectors({"": level}, 2, 2 * math.log(4), None)
    decision = decide(tree(rule("forest")), vectors, np.asarray([[1, 0]], np.float32))
    assert decision.score == pytest.approx(0.8, abs=1e-6)
    assert decision.margin == pytest.approx(0.6, abs=1e-6)
    assert decision.levels[0].runner_up == NONE


def test_mean_averages_probabilities() -> None:
    """Forest's mean of 0.9, 0.5, 0.1 is 0.5; sea's of 0.05, 0.1, 0.6 is 0.25; none has the rest."""
    decision = judge(FOREST_SEA, [[0.9, 0.05, 0.05], [0.5, 0.1, 0.4], [0.1, 0.6, 0.3]])
    assert decision.levels[0].scores == pytest.approx({"forest": 0.5, "sea": 0.25, NONE: 0.25})
    assert decision.margin == pytest.approx(0.25)
    assert decision.levels[0].runner_up == "sea", "a tie between runners-up goes to the rule, not to none"


def test_vote_counts_frames_won() -> None:
    """Forest wins 3 frames of 5, sea 1, none of these 1, whatever the size of each lead."""
    rules = tree(rule("forest", aggregate=Aggregate.VOTE), rule("sea", aggregate=Aggregate.VOTE))
    decision = judge(
        rules, [[0.4, 0.35, 0.25], [0.4, 0.35, 0.25], [0.4, 0.35, 0.25], [0.01, 0.98, 0.01], [0.2, 0.3, 0.5]]
    )
    assert decision.levels[0].scores == pytest.approx({"forest": 0.6, "sea": 0.2, NONE: 0.2})
    assert decision.score == pytest.approx(0.6)
    assert decision.margin == pytest.approx(0.4)
    assert decision.rule == "forest"


def test_vote_gives_tied_frames_to_the_earlier_rule() -> None:
    """Frames split evenly count for the first in the file, and for a rule before none of these."""
    rules = tree(rule("forest", aggregate=Aggregate.VOTE), rule("sea", aggregate=Aggregate.VOTE))
    decision = judge(rules, [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    assert decision.levels[0].scores == pytest.approx({"forest": 0.5, "sea": 0.5, NONE: 0.0})


def test_max_takes_the_best_frame() -> None:
    """One frame of forest at 0.8 is enough, whatever the others show; the rival is sea's best, 0.3."""
    rules = tree(rule("forest", aggregate=Aggregate.MAX), rule("sea", aggregate=Aggregate.MAX))
    decision = judge(rules, [[0.8, 0.1, 0.1], [0.05, 0.3, 0.65], [0.01, 0.01, 0.98]])
    assert decision.rule == "forest"
    assert decision.score == pytest.approx(0.8)
    assert decision.margin == pytest.approx(0.5)
    assert decision.levels[0].scores == pytest.approx({"forest": 0.8, "sea": 0.3, NONE: 0.1})


def test_max_loses_to_none_within_its_best_frame() -> None:
    """Where even the best frame shows something else more clearly, nobody wins."""
    decision = judge(tree(rule("forest", aggregate=Aggregate.MAX)), [[0.45, 0.55], [0.1, 0.9]])
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.margin == pytest.approx(-0.1)


def test_fraction_counts_frames_above_the_level() -> None:
    """Two frames of four reach 0.6 (one exactly); none of these has had its part within each frame."""
    rules = tree(
        rule("forest", aggregate=Aggregate.FRACTION, fraction_level=0.6),
        rule("sea", aggregate=Aggregate.FRACTION, fraction_level=0.6),
    )
    decision = judge(rules, [[0.6, 0.1, 0.3], [0.7, 0.1, 0.2], [0.59, 0.01, 0.4], [0.1, 0.7, 0.2]])
    assert decision.levels[0].scores == pytest.approx({"forest": 0.5, "sea": 0.25, NONE: 0.0})
    assert decision.score == pytest.approx(0.5)
    assert decision.margin == pytest.approx(0.25)
    assert decision.rule == "forest"


def test_each_rule_is_scored_by_its_own_aggregate() -> None:
    """The winner's rivals are scored as the winner is: sea's best frame (0.6) against forest's best (0.9)."""
    rules = tree(rule("forest", aggregate=Aggregate.MAX), rule("sea"))
    decision = judge(rules, [[0.9, 0.05, 0.05], [0.2, 0.6, 0.2]])
    assert decision.levels[0].scores == pytest.approx({"forest": 0.9, "sea": 0.325, NONE: 0.05})
    assert decision.margin == pytest.approx(0.3)


@pytest.mark.parametrize(("forest", "wins"), [(0.35, True), (0.349, False)])
def test_min_score_is_reached_on_the_edge(forest: float, wins: bool) -> None:  # noqa: FBT001
    """A score equal to min_score wins; one below does not."""
    rest = (1 - forest) / 3
    rules = tree(rule("forest"), rule("sea"), rule("city"))
    decision = judge(rules, [[forest, rest, rest, rest]])
    assert decision.rule == ("forest" if wins else "")
    assert (decision.outcome is DecisionOutcome.FILED) is wins


@pytest.mark.parametrize(("forest", "sea", "wins"), [(0.5, 0.4, True), (0.5, 0.401, False)])
def test_min_margin_is_reached_on_the_edge(forest: float, sea: float, wins: bool) -> None:  # noqa: FBT001
    """A lead equal to min_margin wins; a smaller one does not."""
    decision = judge(FOREST_SEA, [[forest, sea, 1 - forest - sea]])
    assert (decision.rule == "forest") is wins


def test_thresholds_are_those_of_the_leading_rule() -> None:
    """Forest leads and is held to its own min_score, not to sea's; the second never slips in."""
    rules = tree(rule("forest", min_score=0.9), rule("sea", min_score=0.1, min_margin=0.0))
    decision = judge(rules, [[0.6, 0.3, 0.1]])
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.levels[0].best == "forest"
    assert decision.reason == "unsure: forest 0.60 is under min_score 0.90; next is sea 0.30"


def test_a_tie_goes_to_the_earlier_rule() -> None:
    """Equal scores and no margin asked for: the first in the file wins, in either order."""
    free = {"min_margin": 0.0, "min_score": 0.0}
    for names in (("forest", "sea"), ("sea", "forest")):
        decision = judge(tree(*(rule(name, **free) for name in names)), [[0.45, 0.45, 0.1]])
        assert decision.rule == names[0]


def test_scores_that_differ_by_rounding_are_tied() -> None:
    """A lead of 1e-12, as another order of summing makes it, does not beat the file's order."""
    free = {"min_margin": 0.0, "min_score": 0.0}
    decision = judge(tree(rule("forest", **free), rule("sea", **free)), [[0.45, 0.45 + 1e-12, 0.1]])
    assert decision.rule == "forest"


def test_none_of_these_wins_nothing_for_anybody() -> None:
    """Where the negatives together are ahead, the video goes to review, not to the least bad folder."""
    decision = judge(FOREST_SEA, [[0.4, 0.1, 0.25, 0.25]], negatives=2)
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.rule == ""
    assert decision.score == pytest.approx(0.4)
    assert decision.margin == pytest.approx(-0.1)
    assert decision.levels[0].scores[NONE] == pytest.approx(0.5)
    assert decision.levels[0].winner is None
    assert decision.reason == "unsure: none of these 0.50 is ahead of forest 0.40"


def test_the_reason_tells_a_thin_lead() -> None:
    """The sentence names lead, rival and limit."""
    decision = judge(FOREST_SEA, [[0.48, 0.42, 0.1]])
    assert decision.reason == "unsure: forest 0.48 is only 0.06 ahead of sea 0.42, under min_margin 0.10"


def test_the_reason_shows_enough_decimals() -> None:
    """A score that rounds to its limit is shown with as many decimals as tell them apart."""
    decision = judge(FOREST_SEA, [[0.3499, 0.2, 0.1, 0.1, 0.2501]], negatives=3)
    assert decision.levels[0].best == "forest"
    assert "is ahead of" in decision.reason
    other = judge(tree(rule("forest", min_margin=-1.0)), [[0.3499, 0.6501]])
    assert other.reason.startswith("unsure: none of these")
    close = judge(tree(rule("forest"), rule("sea"), rule("city")), [[0.3499, 0.25, 0.25, 0.1501]])
    assert close.reason == "unsure: forest 0.3499 is under min_score 0.3500; next is sea 0.25"


def test_unknown_rules_take_no_part() -> None:
    """The model doesn't know 'wedding': it scores 0, the others compete as if it were not there."""
    rules = tree(rule("wedding", min_score=0.0, min_margin=-1.0), rule("forest"))
    decision = judge(rules, [[0.8, 0.15, 0.05]], unknown=["wedding"])
    assert decision.rule == "forest"
    assert decision.levels[0].scores == pytest.approx({"wedding": 0.0, "forest": 0.75, NONE: 0.25})
    assert decision.frame_scores["wedding"] == (0.0,)


def test_unknown_words_are_named_when_unsure() -> None:
    """An undecided level says which words the model doesn't know."""
    rules = tree(rule("wedding"), rule("forest"))
    decision = judge(rules, [[0.8, 0.05, 0.15]], unknown=["wedding"])
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.reason.endswith("; the model doesn't know 'wedding'")


def test_a_level_of_unknown_rules_decides_nothing() -> None:
    """Nobody known: no winner, with and without negatives, and no number that is no number."""
    rules = tree(rule("wedding"), rule("party"))
    for negatives in (0, 1):
        frames = [[0.5, 0.4, 0.1][: 2 + negatives]]
        decision = judge(rules, frames, unknown=["wedding", "party"], negatives=negatives)
        assert decision.outcome is DecisionOutcome.REVIEW
        assert decision.levels[0].scores == pytest.approx({"wedding": 0.0, "party": 0.0, NONE: 1.0})
        assert decision.reason == "unsure: the model doesn't know 'wedding', 'party'"
        assert decision.settled, "more frames can't teach it words"


def test_children_compete_after_their_parent_won() -> None:
    """The winner's children are judged on the same frames, the loser's never."""
    rules = tree(rule("forest", rule("day"), rule("night")), rule("sea", rule("day"), rule("storm")))
    decision = judge(rules, [[0.7, 0.15, 0.15], [0.9, 0.05, 0.05]])
    assert decision.rule == "forest/day"
    assert [level.parent for level in decision.levels] == ["", "forest"]
    assert decision.score == pytest.approx(0.8)
    assert decision.reason == "forest/day: 0.80, 0.70 ahead of forest/night (2 frames)"
    assert set(decision.frame_scores) == {"forest", "sea", "forest/day", "forest/night"}


def levels_of_two(on_unsure: OnUnsure) -> tuple[RuleTree, RuleVectors, np.ndarray]:
    """Return a forest that wins clearly (0.9), whose children are even (0.45 each)."""
    rules = tree(rule("forest", rule("day"), rule("night"), on_unsure=on_unsure))
    eye = np.eye(5, dtype=np.float32)

    def level(parent: str, names: tuple[str, ...], first: int) -> LevelVectors:
        count = len(names)
        return LevelVectors(
            parent,
            names,
            eye[first : first + count],
            (True,) * count,
            ((),) * count,
            ("x",),
            eye[[first + count]],
        )

    levels = {"": level("", ("forest",), 0), "forest": level("forest", ("day", "night"), 2)}
    frames = np.log(np.asarray([[0.9, 0.1, 0.45, 0.45, 0.1]] * 8))
    return rules, RuleVectors(levels, 5, 1.0, None), frames


def test_an_unsure_child_level_stops_in_the_rules_own_folder() -> None:
    """`on_unsure: stop`: filed under the parent, with the parent's score, and the sentence tells both."""
    decision = decide(*levels_of_two(OnUnsure.STOP))
    assert decision.rule == "forest"
    assert decision.outcome is DecisionOutcome.FILED
    assert decision.score == pytest.approx(0.9)
    assert decision.levels[1].winner is None
    assert decision.reason == (
        "forest: 0.90, 0.80 ahead of none of these (8 frames); below it unsure: "
        "forest/day 0.45 is only 0.00 ahead of forest/night 0.45, under min_margin 0.10"
    )


def test_an_unsure_child_level_may_go_to_review() -> None:
    """`on_unsure: review`: nothing is filed; score and margin are the best child's."""
    decision = decide(*levels_of_two(OnUnsure.REVIEW))
    assert decision.rule == "forest"
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.score == pytest.approx(0.45)
    assert decision.margin == pytest.approx(0.0)


SIGLIP = [(-1.27, 0.99984), (-10.0, 0.5), (-14.0, 0.01799)]


@pytest.mark.parametrize(("logit", "expected"), SIGLIP)
def test_sigmoid_models_compete_with_an_implicit_none(logit: float, expected: float) -> None:
    """With p = sigmoid(z + 10) a label that sigmoid alone gives 0.22 is sure; at the base rate it is even."""
    bias = -20.0
    rules = tree(rule("forest"))
    frames = np.asarray([[logit - bias]])
    decision = decide(rules, unit_vectors(rules, negatives=0, bias=bias), frames)
    assert decision.score == pytest.approx(expected, abs=1e-5)
    assert decision.levels[0].scores[NONE] == pytest.approx(1 - expected, abs=1e-5)


def test_sigmoid_siblings_share() -> None:
    """Logits ln 6 - 10, ln 2 - 10 and a negative at ln 1 - 10 beside none at -10: 6 : 2 : (1 + 1)."""
    frames = np.asarray([[math.log(6), math.log(2), 0.0]])
    decision = decide(FOREST_SEA, unit_vectors(FOREST_SEA, bias=-10.0), frames)
    assert decision.levels[0].scores == pytest.approx({"forest": 0.6, "sea": 0.2, NONE: 0.2})


def test_sigmoid_models_can_say_that_nothing_fits() -> None:
    """All labels far below the base rate: none of these, though softmax alone would give forest 0.9."""
    frames = np.asarray([[math.log(9) - 5, -5.0, -50.0]])
    decision = decide(FOREST_SEA, unit_vectors(FOREST_SEA, bias=-10.0), frames)
    assert decision.outcome is DecisionOutcome.REVIEW
    assert decision.levels[0].scores[NONE] > 0.9


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_embeddings_that_are_no_numbers_are_an_error(bad: float) -> None:
    """A broken model must never look like 'no match'."""
    frames = np.zeros((3, 3), np.float32)
    frames[1, 2] = bad
    with pytest.raises(ModelError, match="no numbers"):
        decide(FOREST_SEA, unit_vectors(FOREST_SEA), frames)


def test_wrong_shapes_and_foreign_vectors_are_refused() -> None:
    """No frames, another dimension, or the vectors of other rules: a mistake of the caller."""
    vectors = unit_vectors(FOREST_SEA)
    for frames in (np.zeros((0, 3)), np.zeros((2, 4)), np.zeros(3)):
        with pytest.raises(ValueError, match="at least one frame"):
            decide(FOREST_SEA, vectors, frames)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="other rules"):
        decide(tree(rule("sea"), rule("forest")), vectors, np.zeros((1, 3), np.float32))


def test_large_scales_do_not_overflow() -> None:
    """Scale 100 and cosines of ±1 are far beyond exp's range; the result is exact."""
    decision = decide(FOREST_SEA, unit_vectors(FOREST_SEA, scale=1e4), np.asarray([[1.0, -1.0, 0.0]], np.float32))
    assert decision.score == 1.0


def test_three_hundred_levels() -> None:
    """A chain of 300 rules is walked to its end without recursion."""
    inner: tuple[Rule, ...] = ()
    for depth in range(299, -1, -1):
        path = tuple(f"r{number}" for number in range(depth + 1))
        inner = (rule(f"r{depth}", *inner, path=path),)
    rules = RuleTree(rules=inner)
    decision = judge(rules, [[0.9, 0.1]])
    assert len(decision.levels) == 300
    assert decision.rule.endswith("/r299")
    assert decision.score == pytest.approx(0.9)


def test_settled_when_the_lead_survives_two_standard_errors() -> None:
    """Eight frames alike settle it; the same mean from frames that disagree does not."""
    alike = judge(FOREST_SEA, [[0.6, 0.3, 0.1]] * 8)
    torn = judge(FOREST_SEA, [[0.9, 0.05, 0.05], [0.3, 0.55, 0.15]] * 4)
    assert torn.score == pytest.approx(alike.score)
    assert torn.rule == alike.rule == "forest"
    assert alike.settled
    # margins of 0.85 and -0.25: mean 0.3, deviation 0.588, error 0.208; 0.3 - 0.416 < 0.1
    assert not torn.settled


def test_settled_when_nobody_can_reach_the_thresholds() -> None:
    """Clearly none of these is settled too; a near miss is not."""
    clear = judge(FOREST_SEA, [[0.05, 0.05, 0.9], [0.06, 0.05, 0.89]] * 4)
    near = judge(FOREST_SEA, [[0.6, 0.2, 0.2], [0.05, 0.2, 0.75]] * 4)
    assert not clear.rule
    assert clear.settled
    assert not near.rule
    assert not near.settled


def test_an_unclear_child_level_keeps_a_clear_decision_unsettled() -> None:
    """Settled means settled at every level on the way down."""
    rules, vectors, frames = levels_of_two(OnUnsure.STOP)
    assert decide(rules, vectors, frames).settled
    frames = frames.copy()
    frames[::2, 2], frames[1::2, 2] = np.log(0.9), np.log(0.05)
    assert not decide(rules, vectors, frames).settled


def test_one_frame_settles_nothing() -> None:
    """Nothing is known about a spread from a single frame."""
    assert not judge(FOREST_SEA, [[0.98, 0.01, 0.01]]).settled
    assert not judge(FOREST_SEA, [[0.01, 0.01, 0.98]]).settled


@pytest.mark.parametrize(("count", "settled"), [(2, False), (8, True)])
def test_votes_of_few_frames_are_no_proof(count: int, settled: bool) -> None:  # noqa: FBT001
    """Two of two votes may be chance (error 0.31), eight of eight are not (0.11)."""
    rules = tree(rule("forest", aggregate=Aggregate.VOTE, min_score=0.6), rule("sea", aggregate=Aggregate.VOTE))
    assert judge(rules, [[0.6, 0.3, 0.1]] * count).settled is settled


probabilities = st.lists(
    st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(lambda row: [value / sum(row) for value in row]),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(frames=probabilities, seed=st.integers(0, 2**32 - 1), aggregate=st.sampled_from(Aggregate))
def test_the_order_of_frames_changes_nothing(frames: Frames, seed: int, aggregate: Aggregate) -> None:
    """Any permutation of the frames gives the same decision, scores and sentence."""
    rules = tree(*(rule(name, aggregate=aggregate) for name in ("forest", "sea", "city")))
    order = np.random.default_rng(seed).permutation(len(frames))
    one, other = judge(rules, frames), judge(rules, [frames[index] for index in order])
    assert (one.rule, one.outcome, one.levels[0].best) == (other.rule, other.outcome, other.levels[0].best)
    assert one.levels[0].scores == pytest.approx(other.levels[0].scores)
    assert one.margin == pytest.approx(other.margin)


@settings(max_examples=150, deadline=None)
@given(frames=probabilities)
def test_mean_and_vote_share_one_whole(frames: Frames) -> None:
    """Scores, none of these included, add up to 1, and a winner reaches its thresholds."""
    for aggregate in (Aggregate.MEAN, Aggregate.VOTE):
        rules = tree(*(rule(name, aggregate=aggregate) for name in ("forest", "sea", "city")))
        decision = judge(rules, frames)
        scores = decision.levels[0].scores
        assert math.fsum(scores.values()) == pytest.approx(1.0)
        assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores.values())
        if decision.rule:
            assert decision.score >= 0.35 - 1e-9
            assert decision.margin >= 0.1 - 1e-9


@pytest.mark.parametrize(("configured", "outcome"), [(False, DecisionOutcome.FILED), (True, DecisionOutcome.REVIEW)])
def test_thresholds_of_zero_leave_built_in_negatives_no_say(configured: bool, outcome: DecisionOutcome) -> None:  # noqa: FBT001
    """`min_score: 0, min_margin: 0` files under the best rule; only negatives that the config names still object."""
    rules = tree(rule("forest", min_score=0.0, min_margin=0.0), rule("sea", min_score=0.0, min_margin=0.0))
    vectors = unit_vectors(rules)
    level = replace(vectors.levels[""], configured=configured)
    frames = np.log(np.asarray([[0.2, 0.1, 0.7]] * 8))
    decision = decide(rules, replace(vectors, levels={"": level}), frames)
    assert decision.outcome is outcome
    assert decision.levels[0].score == pytest.approx(0.2)
    assert decision.margin == pytest.approx(0.1 if outcome is DecisionOutcome.FILED else -0.5)
