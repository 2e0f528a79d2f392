"""Many videos at once are decided as each alone: whatever rules, facts, sounds and examples there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.judging.test_decide_conditions import CLIP, level, vectors, when
from tests.support.rules import rule, tree
from vsortd.config.choices import Aggregate, Hierarchy, OnUnsure
from vsortd.config.rules import FacetRule, RuleTree, TagRule
from vsortd.config.tag_options import Contains
from vsortd.errors import ModelError
from vsortd.judging.conditions import ConditionFacts
from vsortd.judging.decide import Decision, SeenVideo, decide, decide_all
from vsortd.judging.sound_evidence import HeardRules
from vsortd.vision.prompts import Example, RuleVectors

DIM = 16
CLIPS = (CLIP, replace(CLIP, shown_width_px=1920, shown_height_px=1080), replace(CLIP, duration_s=90.0))
LOW: dict[str, Any] = {"min_score": 0.3, "min_margin": 0.05}


def rules_of(hierarchy: Hierarchy) -> RuleTree:
    """Return rules of every kind, three levels deep."""
    forest = rule(
        "forest",
        rule("day", rule("noon", **LOW), rule("evening", aggregate=Aggregate.VOTE, **LOW), **LOW),
        rule("night", when=when(tags="mood:calm"), **LOW),
        on_unsure=OnUnsure.REVIEW,
        **LOW,
    )
    return tree(
        rule("tall", prompts=(), when=when(orientation="portrait", min_duration="60s")),
        rule("wine", prompts=(), contains=Contains.model_validate({"prompts": ["wine"], "min_duration": "2s"})),
        forest,
        rule("sea", when=when(orientation="landscape"), aggregate=Aggregate.MAX, **LOW),
        rule("city", sound=("cars",), aggregate=Aggregate.FRACTION, fraction_level=0.4, **LOW),
        rule("anything", min_score=0.0, min_margin=0.0),
        hierarchy=hierarchy,
        tags=(TagRule("red", ("red",), 0.4, 1.0), TagRule("long", (), 0.5, 0.0, when(min_duration="60s"))),
        facets=(FacetRule("mood", (rule("calm", **LOW), rule("tense", **LOW)), ()),),
    )


def vectors_of(rng: np.random.Generator, *, taught: bool) -> RuleVectors:
    """Return vectors of these rules, by chance; with examples of some, and of none, where they were taught."""

    def named(parent: str, *names: str, none: bool = True) -> Any:
        return level(parent, {name: row(rng) for name in names}, row(rng) if none else None)

    known = replace(
        vectors(
            replace(named("", "tall", "wine", "forest", "sea", "city", "anything"), configured=False),
            named("forest", "day", "night"),
            named("forest/day", "noon", "evening", none=False),
            facets={"mood": named("mood", "calm", "tense")},
            scale=12.0,
        ),
        dim=DIM,
        detectors={key: named(key, "it") for key in ("wine", "#red")},
    )
    kept = {"tall": False, "wine": False}
    top = known.levels[""]
    top = replace(top, known=tuple(kept.get(name, True) for name in top.names))
    known = replace(known, levels={**known.levels, "": top})
    if not taught:
        return known
    examples = [Example(key, np.stack([row(rng) for _ in range(3)])) for key in ("forest/day", "sea", "city")]
    return known.with_examples([*examples, Example("", np.stack([row(rng)]), none=True)])


def row(rng: np.random.Generator) -> np.ndarray:
    found = rng.normal(size=DIM)
    return np.asarray(found / np.linalg.norm(found), np.float32)


def videos_of(rng: np.random.Generator, known: RuleVectors, count: int) -> list[SeenVideo]:
    """Return videos of one to twelve frames, each around something that a rule is about."""
    about = np.concatenate([one.vectors for one in known.levels.values()])
    found = []
    for number in range(count):
        frames = int(rng.choice([1, 4, 4, 8, 12]))
        rows = about[rng.integers(len(about))] + rng.normal(size=(frames, DIM)) * rng.uniform(0.02, 0.35)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        times_ms = np.sort(rng.integers(0, 12_000, frames)).astype(np.int64)
        facts = ConditionFacts.of(CLIPS[number % 3], f"clip-{number}.mov") if number % 7 else None
        heard = None
        if number % 4 == 0:
            windows = np.array([2_500, 7_500], np.int64)
            heard = HeardRules(windows, rng.random(2) < 0.7, {"city": rng.normal(size=2) * 3})
        found.append(SeenVideo(rows.astype(np.float32), times_ms, facts, heard))
    return found


def words_of(one: Decision) -> Any:
    """Return all that a decision says but its numbers."""
    levels = [
        (each.parent, each.winner, each.best, each.runner_up, each.reason, each.excluded)
        for each in (*one.levels, *one.facets)
    ]
    return (one.rule, one.outcome, one.settled, one.tags, one.reason, levels, list(one.frame_scores))


def numbers_of(one: Decision) -> list[float]:
    levels = [
        value
        for each in (*one.levels, *one.facets)
        for value in (each.score, each.margin, *each.scores.values(), *each.heard.values(), *each.seen.values())
    ]
    return [*levels, *(share for shares in one.frame_scores.values() for share in shares)]


@pytest.mark.parametrize("hierarchy", list(Hierarchy))
@pytest.mark.parametrize("taught", [False, True])
def test_many_at_once_are_decided_as_each_alone(hierarchy: Hierarchy, taught: bool) -> None:  # noqa: FBT001 - of pytest
    rng = np.random.default_rng(20 + taught)
    rules, known = rules_of(hierarchy), vectors_of(rng, taught=taught)
    videos = videos_of(rng, known, 150)
    together = decide_all(rules, known, videos)
    assert 150 == len(together)
    for video, found in zip(videos, together, strict=True):
        alone = decide(rules, known, video.embeddings, times_ms=video.times_ms, facts=video.facts, heard=video.heard)
        assert words_of(alone) == words_of(found)
        assert pytest.approx(numbers_of(alone), abs=1e-11) == numbers_of(found)  # sums in another order
    ends = {one.rule for one in together}
    assert {"tall", "sea", "city"} <= ends  # the chance is such that every kind of rule had its videos
    assert {True, False} == {one.settled for one in together}


def test_none_at_all_are_no_trouble_and_one_that_is_no_number_is_told() -> None:
    rng = np.random.default_rng(3)
    rules, known = rules_of(Hierarchy.TOP_DOWN), vectors_of(rng, taught=False)
    assert [] == decide_all(rules, known, [])
    bad = SeenVideo(np.full((4, DIM), np.nan, np.float32))
    with pytest.raises(ModelError, match="no numbers"):
        decide_all(rules, known, [*videos_of(rng, known, 3), bad])
