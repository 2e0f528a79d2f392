"""Facets: questions of their own, whose answers are tags that rules may ask for; numbers by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.judging.test_decide_conditions import EYE, FACTS, TWO, level, logs, rule, vectors, when
from vsortd.config.choices import Aggregate
from vsortd.config.measured_options import facts_of
from vsortd.config.rules import FacetRule, RuleTree, TagRule
from vsortd.judging.conditions import facts_asked, unmet
from vsortd.judging.decide import NONE, Decision, decide
from vsortd.vision.prompts import Example

MOOD = level("mood", {"calm": EYE[0], "tense": EYE[1]}, EYE[3])
STYLE = level("style", {"film": EYE[2], "cartoon": EYE[3]}, None)


def mood(**options: Any) -> FacetRule:
    return FacetRule("mood", (rule("calm", **options), rule("tense", **options)), ())


def judged(*frames: list[float], tree: RuleTree | None = None, **more: Any) -> Decision:
    """Judge frames of four shares: calm and forest, tense and sea, none of the rules and film, none of the moods."""
    tree = tree or RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(),))
    return decide(tree, vectors(TWO, facets={"mood": MOOD, "style": STYLE}), logs(*frames), facts=FACTS, **more)


def test_each_facet_is_a_competition_of_its_own_with_its_own_none_of_these() -> None:
    style = FacetRule("style", (rule("film"), rule("cartoon")), ())
    tree = RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(), style))
    found = judged([0.6, 0.1, 0.2, 0.1], tree=tree)
    assert ("mood:calm", "style:film") == found.tags
    first, second = found.facets
    assert ("mood", {"calm": 6 / 8, "tense": 1 / 8, NONE: 1 / 8}) == (first.parent, pytest.approx(first.scores))
    assert ("style", {"film": 2 / 3, "cartoon": 1 / 3, NONE: 0.0}) == (second.parent, pytest.approx(second.scores))
    assert ("calm", "tense") == (first.winner, first.runner_up)
    assert (pytest.approx(6 / 8), pytest.approx(5 / 8)) == (first.score, first.margin)
    assert "calm: 0.75, 0.62 ahead of tense (1 frame)" == first.reason


def test_a_facet_says_nothing_of_where_a_video_goes_and_the_rules_say_nothing_of_it() -> None:
    frames = ([0.6, 0.1, 0.2, 0.1], [0.5, 0.1, 0.2, 0.2])
    with_it, without = judged(*frames), judged(*frames, tree=RuleTree(rules=(rule("forest"), rule("sea"))))
    assert (with_it.rule, with_it.score, with_it.levels) == (without.rule, without.score, without.levels)
    assert () == without.tags == without.facets
    review = judged([0.05, 0.04, 0.9, 0.01])
    assert ("", ("mood:calm",)) == (review.rule, review.tags)


@pytest.mark.parametrize(
    ("shares", "options", "tags", "why"),
    [
        ([0.5, 0.1, 0.2, 0.2], {}, ("mood:calm",), "calm: 0.62, 0.38 ahead of none of these"),
        ([0.2, 0.1, 0.2, 0.5], {}, (), "none of these 0.62 is ahead of calm 0.25"),
        ([0.3, 0.28, 0.2, 0.2], {}, (), "calm 0.38 is under min_score 0.40"),
        ([0.3, 0.28, 0.2, 0.2], {"min_score": 0.3}, (), "only 0.03 ahead of tense 0.36, under min_margin 0.10"),
        ([0.3, 0.28, 0.2, 0.2], {"min_score": 0.3, "min_margin": 0.02}, ("mood:calm",), "0.03 ahead of tense"),
    ],
)
def test_a_value_wins_as_a_rule_would_or_there_is_none(
    shares: list[float], options: dict[str, float], tags: tuple[str, ...], why: str
) -> None:
    found = judged(shares, tree=RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(**options),)))
    assert tags == found.tags
    assert why in found.facets[0].reason


def test_frames_are_aggregated_as_the_config_says() -> None:
    frames = ([0.5, 0.1, 0.2, 0.2], [0.5, 0.1, 0.2, 0.2], [0.1, 0.6, 0.2, 0.1])
    votes = RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(aggregate=Aggregate.VOTE),))
    found = judged(*frames, tree=votes)
    assert {"calm": 2 / 3, "tense": 1 / 3, NONE: 0.0} == pytest.approx(found.facets[0].scores)


def test_more_frames_are_looked_at_while_a_facet_is_not_settled() -> None:
    forest = [0.9, 0.03, 0.03, 0.04]
    assert judged(*[forest] * 8).settled
    split = [[0.9, 0.03, 0.03, 0.04], [0.9, 0.03, 0.03, 0.9]] * 4
    rules = (rule("forest", min_score=0.1, min_margin=-1.0), rule("sea"))
    assert judged(*split, tree=RuleTree(rules=rules)).settled
    assert not judged(*split, tree=RuleTree(rules=rules, facets=(mood(min_score=0.7),))).settled


def test_rules_ask_for_what_was_found_before_them() -> None:
    tagged = TagRule("tall", (), 0.5, 0.0, when(orientation="portrait"))
    rules = (
        rule("quiet", prompts=(), when=when(tags="mood:calm", has_audio=False)),
        rule("forest", rule("tall", prompts=(), when=when(tags=["wine", "tall"])), when=when(tags="mood:tense")),
        rule("sea"),
    )
    seen = level("", {"quiet": EYE[2] * 0, "forest": EYE[0], "sea": EYE[1]}, EYE[2])
    below = level("forest", {"tall": EYE[2] * 0})
    tree = RuleTree(rules=rules, tags=(tagged,), facets=(mood(min_score=0.3, min_margin=0.0),))
    known = vectors(seen, below, facets={"mood": MOOD})

    calm = decide(tree, known, logs([0.5, 0.1, 0.2, 0.2]), facts=FACTS)
    assert ("", ("tall", "mood:calm")) == (calm.rule, calm.tags)
    assert {
        "quiet": "it has sound (when.has_audio is false)",
        "forest": "it doesn't have the tag mood:tense",
    } == calm.levels[0].excluded

    tense = decide(tree, known, logs([0.5, 0.55, 0.1, 0.1]), facts=FACTS)
    assert ("mood:tense", "") == (tense.tags[-1], tense.rule)  # forest may compete, and is only level with the sea
    known = vectors(level("", {"quiet": EYE[2] * 0, "forest": EYE[1], "sea": EYE[0]}, EYE[2]), below,
                    facets={"mood": MOOD})  # fmt: skip
    tense = decide(tree, known, logs([0.1, 0.7, 0.1, 0.1]), facts=FACTS)
    assert ("forest/tall", ("tall", "mood:tense")) == (tense.rule, tense.tags)


def test_without_facts_no_condition_on_tags_holds_either() -> None:
    tree = RuleTree(rules=(rule("forest", when=when(tags="mood:calm")), rule("sea")), facets=(mood(),))
    found = decide(tree, vectors(TWO, facets={"mood": MOOD}), logs([0.7, 0.1, 0.1, 0.1]))
    assert (("mood:calm",), {"forest": "nothing is known of the file"}) == (found.tags, found.levels[0].excluded)


def test_a_word_that_the_model_does_not_know_takes_no_part() -> None:
    strange = level("mood", {"calm": EYE[0] * 0, "tense": EYE[1]}, EYE[3])
    tree = RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(),))
    found = decide(tree, vectors(TWO, facets={"mood": strange}), logs([0.7, 0.2, 0.05, 0.05]), facts=FACTS)
    assert ("mood:tense",) == found.tags
    assert 0.0 == found.facets[0].scores["calm"]


def test_examples_of_rules_do_not_touch_facets() -> None:
    known = vectors(TWO, facets={"mood": MOOD}, scale=20.0)
    taught = known.with_examples([Example("sea", np.asarray(EYE[:1], np.float32))])
    assert taught.levels[""].is_taught
    assert taught.facets is known.facets


def test_vectors_of_other_facets_are_refused() -> None:
    tree = RuleTree(rules=(rule("forest"), rule("sea")), facets=(mood(),))
    for facets in ({}, {"mood": level("mood", {"tense": EYE[1], "calm": EYE[0]}, EYE[3])}):
        with pytest.raises(ValueError, match="other facets"):
            decide(tree, vectors(TWO, facets=facets), np.asarray([[math.sqrt(0.25)] * 4], np.float32))


def test_what_a_rule_wants_measured_beside_a_tag_is_measured_before_the_tag_is_known() -> None:
    both = rule("quiet", prompts=(), when=when(tags="mood:calm", silent=True))
    tree = RuleTree(rules=(both, rule("sea")), facets=(mood(),))
    assert facts_of(when(silent=True)) == facts_asked(tree, FACTS)
    calm = replace(FACTS, tags=("mood:calm",))
    assert "it doesn't have the tag mood:calm" == unmet(both.when or when(), FACTS)
    assert "mood:calm" not in (unmet(both.when or when(), calm) or "")
    assert unmet(both.when or when(), calm) is not None  # nobody has measured it
