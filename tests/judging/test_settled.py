"""When a decision is settled, to the last digit, and the sentences and numbers that a level tells."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.judging.test_decide import FOREST_SEA, judge, unit_vectors
from tests.judging.test_decide_conditions import CLIP, EYE, FACTS, TWO, level, logs, vectors, when
from tests.judging.test_decide_conditions import rule as plain_rule
from tests.support.rules import rule, tree
from vsortd.config.choices import Aggregate
from vsortd.config.rules import RuleTree, TagRule
from vsortd.config.tag_options import Contains
from vsortd.judging.conditions import ConditionFacts
from vsortd.judging.decide import NONE, DecisionOutcome, decide

if TYPE_CHECKING:
    from collections.abc import Sequence

FOREST = (0.9, 0.5, 0.7, 0.8, 0.6, 0.9, 0.4, 0.8)
SEA = (0.05, 0.3, 0.1, 0.1, 0.2, 0.05, 0.5, 0.1)
FRAMES = [[forest, sea, 1 - forest - sea] for forest, sea in zip(FOREST, SEA, strict=True)]
STEP = 1e-6


def error_of(values: Sequence[float], aggregate: Aggregate) -> float:
    """Return the standard error as the module describes it."""
    count = len(values)
    spread = statistics.stdev(values)
    if aggregate is Aggregate.MAX:
        return spread
    if aggregate is Aggregate.MEAN:
        return spread / count**0.5
    share = (count + 1) / (count + 2)
    return max(spread / count**0.5, (share * (1 - share) / count) ** 0.5)


def values_of(aggregate: Aggregate) -> tuple[list[float], list[float], float, float]:
    """Return what each frame says for forest and of its lead over the sea, and the score and margin of it all."""
    if aggregate is Aggregate.VOTE:
        forest = [float(one > other) for one, other in zip(FOREST, SEA, strict=True)]
        sea = [1.0 - one for one in forest]
    elif aggregate is Aggregate.FRACTION:
        forest, sea = [[float(one >= 0.5) for one in column] for column in (FOREST, SEA)]
    else:
        forest, sea = list(FOREST), list(SEA)
    lead = [one - other for one, other in zip(forest, sea, strict=True)]
    if aggregate is Aggregate.MAX:
        return forest, lead, max(forest), max(forest) - max(sea)
    return forest, lead, statistics.fmean(forest), statistics.fmean(lead)


def settled(**options: Any) -> tuple[bool, bool]:
    """Return whether forest wins and whether that is settled."""
    decision = judge(tree(rule("forest", **options), rule("sea", min_score=2.0)), FRAMES)
    return decision.rule == "forest", decision.settled


@pytest.mark.parametrize("aggregate", Aggregate)
def test_a_winner_is_settled_if_its_score_less_two_errors_is_enough(aggregate: Aggregate) -> None:
    forest, _, score, _ = values_of(aggregate)
    edge = score - 2 * error_of(forest, aggregate)
    options = {"aggregate": aggregate, "min_margin": -9.0}
    assert (True, True) == settled(min_score=edge - STEP, **options)
    assert (True, False) == settled(min_score=edge + STEP, **options)


@pytest.mark.parametrize("aggregate", Aggregate)
def test_a_winner_is_settled_if_its_lead_less_two_errors_is_enough(aggregate: Aggregate) -> None:
    _, lead, _, margin = values_of(aggregate)
    edge = margin - 2 * error_of(lead, aggregate)
    options = {"aggregate": aggregate, "min_score": -9.0}
    assert (True, True) == settled(min_margin=edge - STEP, **options)
    assert (True, False) == settled(min_margin=edge + STEP, **options)


@pytest.mark.parametrize("aggregate", Aggregate)
def test_nobody_wins_for_good_if_no_score_and_two_errors_are_enough(aggregate: Aggregate) -> None:
    forest, _, score, _ = values_of(aggregate)
    edge = score + 2 * error_of(forest, aggregate)
    options = {"aggregate": aggregate, "min_margin": -9.0}
    assert (False, True) == settled(min_score=edge + STEP, **options)
    assert (False, False) == settled(min_score=edge - STEP, **options)


@pytest.mark.parametrize("aggregate", Aggregate)
def test_nobody_wins_for_good_if_no_lead_and_two_errors_are_enough(aggregate: Aggregate) -> None:
    _, lead, _, margin = values_of(aggregate)
    edge = margin + 2 * error_of(lead, aggregate)
    options = {"aggregate": aggregate, "min_score": 0.01}
    assert (False, True) == settled(min_margin=edge + STEP, **options)
    assert (False, False) == settled(min_margin=edge - STEP, **options)


def test_two_frames_may_settle_that_nobody_wins_and_one_may_not() -> None:
    clear = [0.01, 0.01, 0.98]
    assert judge(FOREST_SEA, [clear, clear]).settled
    assert not judge(FOREST_SEA, [clear]).settled


def test_a_rule_whose_conditions_do_not_hold_keeps_nothing_unsettled() -> None:
    near = plain_rule("forest", when=when(has_audio=False), min_score=0.0, min_margin=-9.0)
    siblings = RuleTree(rules=(near, plain_rule("sea")))
    frames = logs(*[[0.3, 0.01, 0.7, 1]] * 8)
    assert decide(siblings, vectors(TWO), frames, facts=FACTS).settled
    other = RuleTree(rules=(replace(near, when=None, min_score=0.28), plain_rule("sea")))
    torn = logs(*[[0.3, 0.01, 0.7, 1], [0.2, 0.01, 0.8, 1]] * 4)
    assert not decide(other, vectors(TWO), torn, facts=FACTS).settled


def test_a_threshold_is_reached_to_a_billionth() -> None:
    frames = [[0.5, 0.3, 0.2]] * 2
    for short, wins in ((5e-10, True), (2e-9, False)):
        assert wins is bool(judge(tree(rule("forest", min_score=0.5 + short), rule("sea")), frames).rule)
        assert wins is bool(judge(tree(rule("forest", min_margin=0.2 + short), rule("sea")), frames).rule)


def test_a_fraction_counts_a_frame_that_falls_short_by_a_billionth() -> None:
    for short, score in ((5e-10, 1.0), (2e-9, 0.0)):
        counted = rule("forest", aggregate=Aggregate.FRACTION, fraction_level=0.5 + short, min_score=0.9)
        decision = judge(tree(counted, rule("sea")), [[0.5, 0.3, 0.2]])
        assert score == decision.levels[0].scores["forest"]


def test_scores_that_differ_by_a_rounding_are_tied_in_votes_and_between_rivals() -> None:
    votes = tree(rule("forest", aggregate=Aggregate.VOTE), rule("sea", aggregate=Aggregate.VOTE))
    tied = judge(votes, [[0.4, 0.4 + 1e-11, 0.2]])
    assert {"forest": 1.0, "sea": 0.0, NONE: 0.0} == tied.levels[0].scores
    three = judge(tree(rule("forest"), rule("sea"), rule("town")), [[0.6, 0.15, 0.15 + 1e-11, 0.1]])
    assert "sea" == three.levels[0].runner_up
    none = judge(FOREST_SEA, [[0.6, 0.2, 0.2 + 1e-11]])
    assert "sea" == none.levels[0].runner_up


def test_none_of_these_is_the_runner_up_where_it_comes_next() -> None:
    decision = judge(FOREST_SEA, [[0.6, 0.1, 0.3]])
    assert (NONE, pytest.approx(0.3)) == (decision.levels[0].runner_up, decision.margin)
    assert "forest: 0.60, 0.30 ahead of none of these (1 frame)" == decision.reason


def test_a_fractions_rival_is_never_none_of_these() -> None:
    one = rule("forest", aggregate=Aggregate.FRACTION)
    decision = judge(tree(one, rule("sea")), [[0.55, 0.01, 0.44], [0.1, 0.01, 0.89], [0.55, 0.01, 0.44]])
    assert ("sea", pytest.approx(2 / 3)) == (decision.levels[0].runner_up, decision.margin)


@pytest.mark.parametrize(
    ("unknown", "says"),
    [
        (1, "unsure: the model doesn't know 'rule 0'"),
        (3, "unsure: the model doesn't know 'rule 0', 'rule 1', 'rule 2'"),
        (5, "unsure: the model doesn't know 'rule 0', 'rule 1', 'rule 2' and 2 more words"),
    ],
)
def test_three_unknown_words_are_named_and_more_are_counted(unknown: int, says: str) -> None:
    names = [f"rule {number}" for number in range(unknown)]
    decision = judge(tree(*(rule(name) for name in names)), [[0.1] * unknown + [0.9]], unknown=names)
    assert says == decision.reason
    assert ("", DecisionOutcome.REVIEW, True) == (decision.levels[0].best, decision.outcome, decision.settled)
    assert (0.0, -1.0, NONE) == (decision.score, decision.margin, decision.levels[0].runner_up)


def test_a_word_that_two_rules_share_is_named_once() -> None:
    rules = tree(rule("a"), rule("b"))
    seen = unit_vectors(rules, unknown=["a", "b"])
    shared = replace(seen.levels[""], unknown=(("zorb",), ("zorb",)))
    decision = decide(rules, replace(seen, levels={"": shared}), np.zeros((1, 3)))
    assert "unsure: the model doesn't know 'zorb'" == decision.reason


def test_an_unsure_level_says_which_words_kept_rules_out() -> None:
    decision = judge(tree(rule("forest", min_score=0.9), rule("zorb")), [[0.6, 0.3, 0.1]], unknown=["zorb"])
    assert decision.reason.endswith("; the model doesn't know 'zorb'")
    assert decision.reason.startswith("unsure: forest ")


def test_where_no_conditions_hold_the_first_reason_is_told() -> None:
    rules = RuleTree(rules=tuple(plain_rule(name, when=when(has_audio=False)) for name in ("forest", "sea")))
    decision = decide(rules, vectors(TWO), logs([0.5, 0.3, 0.2, 1]), facts=FACTS)
    why = "it has sound (when.has_audio is false)"
    assert f"unsure: the conditions of no rule hold; forest: {why}" == decision.reason
    assert {"forest": why, "sea": why} == decision.levels[0].excluded


def test_without_facts_no_condition_holds() -> None:
    rules = RuleTree(rules=(plain_rule("forest", when=when(has_audio=True)), plain_rule("sea", min_score=0.1)))
    decision = decide(rules, vectors(TWO), logs([0.5, 0.3, 0.1, 1]))
    assert {"forest": "nothing is known of the file"} == decision.levels[0].excluded
    assert decide(rules, vectors(TWO), logs([0.5, 0.3, 0.1, 1]), facts=FACTS).rule == "forest"


@pytest.mark.parametrize(
    ("forest", "sea", "says"),
    [
        (0.4, 0.5, "unsure: sea 0.50 is under min_score 0.60; next is forest 0.40"),
        (0.597, 0.3, "unsure: forest 0.597 is under min_score 0.600; next is sea 0.30"),
        (0.6, 0.35, "unsure: forest 0.60 is only 0.25 ahead of sea 0.35, under min_margin 0.30"),
        (0.62, 0.3201, "unsure: forest 0.62 is only 0.2999 ahead of sea 0.32, under min_margin 0.3000"),
    ],
)
def test_an_unsure_level_says_what_was_missing_with_as_many_digits_as_it_takes(
    forest: float, sea: float, says: str
) -> None:
    options = {"min_score": 0.6, "min_margin": 0.3}
    decision = judge(tree(rule("forest", **options), rule("sea", **options)), [[forest, sea, 1 - forest - sea]])
    assert says == decision.reason


def test_where_none_of_these_leads_it_is_named() -> None:
    assert "unsure: none of these 0.50 is ahead of forest 0.40" == judge(FOREST_SEA, [[0.4, 0.1, 0.5]]).reason
    narrow = judge(FOREST_SEA, [[0.4, 0.199, 0.401]])
    assert "unsure: none of these 0.401 is ahead of forest 0.400" == narrow.reason


def _containing(probs: Sequence[float], *, level_prob: float = 0.6, min_seconds: float = 0.0) -> RuleTree:
    sought = Contains.model_validate({"prompts": "wine", "min_score": level_prob, "min_duration": min_seconds})
    assert probs
    return RuleTree(rules=(plain_rule("wine", prompts=(), contains=sought), plain_rule("forest")))


WINE = vectors(
    level("", {"wine": [0, 0, 0, 0], "forest": EYE[0]}, EYE[2]),
    detectors={"wine": level("wine", {"wine": EYE[3]}, EYE[2]), "#wine": level("#wine", {"#wine": EYE[3]}, EYE[2])},
)


def wine_frames(probs: Sequence[float]) -> np.ndarray:
    return logs(*([0.8, 1, 0.1, 0.1 * p / (1 - p)] for p in probs))


@pytest.mark.parametrize(("short", "rule_key"), [(0.0, "wine"), (5e-10, "wine"), (2e-9, "forest")])
def test_a_frame_shows_something_from_its_level_on(short: float, rule_key: str) -> None:
    siblings = _containing([0.6], level_prob=0.6)
    contains = siblings.rules[0].contains
    assert contains is not None
    raised = replace(siblings.rules[0], contains=contains.model_copy(update={"min_score": 0.6 + short}))
    decision = decide(replace(siblings, rules=(raised, siblings.rules[1])), WINE, wine_frames([0.6]), facts=FACTS)
    assert rule_key == decision.rule


def test_without_times_frames_are_one_a_second() -> None:
    short = ConditionFacts.of(replace(CLIP, duration_s=4.0), "a.mp4")
    decision = decide(_containing([0.9]), WINE, wine_frames([0.1, 0.9, 0.9, 0.1]), facts=short)
    assert "wine: contains 'wine' for 2.0 s, at best 0.90" == decision.reason
    assert (pytest.approx(0.9), pytest.approx(0.9), NONE) == (
        decision.score, decision.margin, decision.levels[0].runner_up,
    )  # fmt: skip
    assert (
        "wine: contains 'wine' for 1.0 s, at best 0.90"
        == decide(_containing([0.9]), WINE, wine_frames([0.9, 0.1, 0.1, 0.1]), facts=short).reason
    )
    unknown = decide(_containing([0.9]), WINE, wine_frames([0.1, 0.9]))
    assert "for 0.5 s" in unknown.reason, "up to the last frame where the length is unknown"


def test_what_is_not_shown_at_all_is_not_contained_however_short_it_may_be() -> None:
    decision = decide(_containing([0.1]), WINE, wine_frames([0.1, 0.1]), facts=FACTS)
    assert ("forest", False) == (decision.rule, decision.settled)


def test_what_is_contained_at_once_is_settled() -> None:
    assert decide(_containing([0.9]), WINE, wine_frames([0.9, 0.9]), facts=FACTS).settled


@pytest.mark.parametrize(
    ("probs", "min_seconds", "tags"),
    [
        ([0.9, 0.1, 0.1], 0.0, ("wine",)),
        ([0.1, 0.1, 0.1], 0.0, ()),
        ([0.9, 0.9, 0.1], 2.0, ("wine",)),
        ([0.9, 0.9, 0.1], 2.01, ()),
        ([0.6, 0.1, 0.1], 0.0, ("wine",)),
        ([0.6 - 5e-10, 0.1, 0.1], 0.0, ("wine",)),
        ([0.6 - 3e-9, 0.1, 0.1], 0.0, ()),
    ],
)
def test_a_tag_is_given_for_what_is_shown_for_long_enough(
    probs: Sequence[float], min_seconds: float, tags: tuple[str, ...]
) -> None:
    siblings = RuleTree(rules=(plain_rule("forest"),), tags=(TagRule("wine", ("wine",), 0.6, min_seconds),))
    seen = replace(WINE, levels={"": level("", {"forest": EYE[0]}, EYE[2])})
    decision = decide(
        siblings, seen, wine_frames(probs), facts=ConditionFacts.of(replace(CLIP, duration_s=3.0), "a.mp4")
    )
    assert tags == decision.tags


def test_a_tag_with_conditions_needs_facts_and_leaves_nothing_open() -> None:
    siblings = RuleTree(rules=(plain_rule("forest"),), tags=(TagRule("tall", (), 0.5, 0.0, when(has_audio=True)),))
    seen = vectors(level("", {"forest": EYE[0]}, EYE[2]))
    frames = logs(*[[0.8, 1, 0.2, 1]] * 8)
    with_facts, without = decide(siblings, seen, frames, facts=FACTS), decide(siblings, seen, frames)
    assert (("tall",), ()) == (with_facts.tags, without.tags)
    assert with_facts.settled
    assert without.settled


@pytest.mark.parametrize(("lead", "winner"), [(2e-10, "forest"), (2e-9, "sea")])
def test_scores_are_alike_up_to_a_billionth(lead: float, winner: str) -> None:
    free = {"min_score": 0.0, "min_margin": 0.0}
    frame = [0.4, 0.4 + lead, 0.2 - lead]
    assert winner == judge(tree(rule("forest", **free), rule("sea", **free)), [frame]).rule
    votes = {**free, "aggregate": Aggregate.VOTE}
    assert winner == judge(tree(rule("forest", **votes), rule("sea", **votes)), [frame]).rule
    rivals = judge(tree(rule("town"), rule("forest"), rule("sea")), [[0.6, 0.15, 0.15 + lead, 0.1 - lead]])
    assert winner == rivals.levels[0].runner_up


@pytest.mark.parametrize("first", [{"min_score": 0.99}, {"when": when(has_audio=False)}])
def test_a_later_rule_that_may_yet_win_keeps_a_level_open(first: dict[str, Any]) -> None:
    frames = logs(*[[0.01, 0.5, 0.49, 1], [0.01, 0.2, 0.79, 1]] * 4)
    siblings = RuleTree(rules=(plain_rule("forest", **first), plain_rule("sea", min_score=0.36, min_margin=-9.0)))
    decision = decide(siblings, vectors(TWO), frames, facts=FACTS)
    assert ("", False) == (decision.rule, decision.settled)


def test_none_of_these_stands_against_the_best_frame_of_each_rule() -> None:
    best = {"aggregate": Aggregate.MAX}
    decision = judge(tree(rule("forest", **best), rule("sea", **best)), [[0.45, 0.05, 0.5], [0.1, 0.1, 0.8]])
    assert (NONE, pytest.approx(-0.05)) == (decision.levels[0].runner_up, decision.margin)
    assert pytest.approx(0.5) == decision.levels[0].scores[NONE]


@pytest.mark.parametrize(("min_score", "margin"), [(0.0, 0.3), (0.01, -0.4)])
def test_built_in_negatives_have_a_say_against_thresholds_only(min_score: float, margin: float) -> None:
    only = tree(rule("forest", min_score=min_score, min_margin=-9.0))
    seen = unit_vectors(only)
    built_in = replace(seen, levels={"": replace(seen.levels[""], configured=False)})
    decision = decide(only, built_in, np.log(np.asarray([[0.3, 0.7]])))
    assert (NONE, pytest.approx(margin)) == (decision.levels[0].runner_up, decision.margin)


@pytest.mark.parametrize(
    ("probs", "min_seconds", "rule_key"),
    [
        ([0.1, 0.9, 0.9, 0.1], 2.0, "wine"),
        ([0.1, 0.9, 0.9, 0.1], 2.0005, "forest"),
        ([0.9, 0.1, 0.1, 0.1], 1.0, "wine"),
        ([0.9, 0.1, 0.1, 0.1], 1.0005, "forest"),
        ([0.9], 0.5, "wine"),
        ([0.9], 0.5005, "forest"),
    ],
)
def test_of_a_video_of_unknown_length_a_frame_a_second_counts_to_the_millisecond(
    probs: Sequence[float], min_seconds: float, rule_key: str
) -> None:
    assert rule_key == decide(_containing(probs, min_seconds=min_seconds), WINE, wine_frames(probs)).rule


def test_a_tag_whose_conditions_do_not_hold_keeps_no_other_from_a_video() -> None:
    tags = tuple(TagRule(name, (), 0.5, 0.0, when(has_audio=name == "loud")) for name in ("quiet", "loud"))
    siblings = RuleTree(rules=(plain_rule("forest"),), tags=tags)
    seen = vectors(level("", {"forest": EYE[0]}, EYE[2]))
    assert ("loud",) == decide(siblings, seen, logs([0.8, 1, 0.2, 1]), facts=FACTS).tags


def test_a_rule_that_may_not_win_is_never_the_best_candidate() -> None:
    """The sea has nothing either, but it takes part."""
    siblings = RuleTree(
        rules=(plain_rule("forest", when=when(has_audio=False)), plain_rule("sea", aggregate=Aggregate.FRACTION))
    )
    decision = decide(siblings, vectors(TWO), logs([0.8, 0.1, 0.1, 1]), facts=FACTS)
    assert ("sea", 0.0, {"forest"}) == (decision.levels[0].best, decision.score, set(decision.levels[0].excluded))
