"""Other ways to judge: what differs, what stays, and what is never tested on itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.evaluation.conftest import Words
from vsortd.config.choices import Aggregate, Ensemble
from vsortd.core.chance import Verdict
from vsortd.evaluation.ablation import AblationRow, changed_tree, compare
from vsortd.evaluation.measure import HitRate, calibration
from vsortd.evaluation.suggest import Threshold, at_threshold, suggestions, threshold_for, worth_switching
from vsortd.judging.resident_model import Classifier
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    from tests.evaluation.conftest import World


def test_a_changed_tree_differs_in_one_thing_only(world: World) -> None:
    changed = changed_tree(world.tree, aggregate=Aggregate.MAX)
    assert {Aggregate.MAX} == {rule.aggregate for rule in changed.walk()}
    assert [rule.key for rule in world.tree.walk()] == [rule.key for rule in changed.walk()]
    assert [len(rule.rules) for rule in world.tree.walk()] == [len(rule.rules) for rule in changed.walk()]


def test_every_way_is_a_row_and_those_as_configured_are_marked(world: World, judge: Classifier) -> None:
    frames, town = [world.pure("nature", "nature/forest")] * 2, [world.pure("town")] * 2
    seen = [world.seen("nature/forest", frames)] * 6 + [world.seen("town", town)] * 6 + [world.seen("", town)]
    rows = {row.name: row for row in compare(seen, judge, None, seed=0)}
    assert 0 == rows["as configured"].won == rows["as configured"].lost
    assert [f"corrections: {count} a rule" for count in (0, 1, 2, 5, 10)] == list(rows)[-5:]
    marked = {name for name, row in rows.items() if row.same}
    assert {"ensemble: best", "aggregate: mean", "hierarchy: top_down", "temperature: 1"} <= marked
    assert not {"ensemble: average", "aggregate: vote", "negatives: none", "sampling: every frame"} & marked
    assert HitRate(0, 1) == rows["as configured"].none_right
    assert {1: 13, 2: 6} == {depth: share.n for depth, share in rows["corrections: 5 a rule"].accuracy_at.items()}


def test_what_belongs_nowhere_is_an_example_of_none(world: World, judge: Classifier) -> None:
    """Videos that look like a town a little more than like anything else stay, once some are known to."""
    town, stray = [world.pure("town")] * 2, [world.pure("town", "nature/sea", "nature/forest")] * 2
    seen = [world.seen("town", town)] * 8 + [world.seen("", stray)] * 8
    rows = {row.name: row for row in compare(seen, judge, None, seed=0)}
    assert HitRate(0, 8) == rows["as configured"].none_right == rows["corrections: 0 a rule"].none_right
    assert HitRate(8, 8) == rows["corrections: 2 a rule"].none_right
    assert rows["corrections: 2 a rule"].accuracy == HitRate(16, 16)


def test_no_corrections_at_all_judge_as_the_config_does(world: World, judge: Classifier) -> None:
    seen = [world.seen("town", [world.pure("town", "nature"), world.pure("town")][place % 2 :]) for place in range(8)]
    rows = {row.name: row for row in compare(seen, judge, None, seed=3)}
    assert rows["as configured"].accuracy.share == rows["corrections: 0 a rule"].accuracy.share
    assert 0 == rows["corrections: 0 a rule"].won == rows["corrections: 0 a rule"].lost


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        # all right: just below the lowest, for nothing is known further down
        ([(0.9, True), (0.5, True)], Threshold(0.49, 2, 2)),
        # half way between the last right one and the wrong one
        ([(0.9, True), (0.8, True), (0.4, False)], Threshold(0.6, 2, 2)),
        # 3 of 4 is enough for 0.75
        ([(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.2, False)], Threshold(0.4, 4, 3)),
        # equal scores can't be parted
        ([(0.9, False), (0.9, True)], None),
        ([(0.9, False)], None),
        ([], None),
    ],
)
def test_the_lowest_threshold_of_a_wished_precision(
    candidates: list[tuple[float, bool]], expected: Threshold | None
) -> None:
    found = threshold_for(candidates, 0.75)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (pytest.approx(expected.min_score, abs=0.011), expected.filed, expected.right) == (
            found.min_score,
            found.filed,
            found.right,
        )
        assert (expected.filed, expected.right) == (
            at_threshold(candidates, found.min_score).filed,
            at_threshold(candidates, found.min_score).right,
        )


def test_what_is_mixed_up_missed_and_untested_is_said(world: World, judge: Classifier) -> None:
    as_forest = [world.frame(nature=0.9, nature__forest=0.9)] * 2
    seen = [world.seen("nature/sea", as_forest)] * 10 + [world.seen("nature/forest", as_forest)] * 10
    found = suggestions(world.judged(*seen), judge, precision=0.95)
    by_kind = {(one.kind, one.rule): one for one in found}
    assert {"mixed_up", "examples", "min_score", "untested"} == {kind for kind, _ in by_kind}
    mixed = by_kind["mixed_up", "nature/sea"]
    assert ("nature/forest", 10, ["sea", "forest"]) == tuple(mixed.facts[key] for key in ("other", "videos", "prompts"))
    assert 0.0 == pytest.approx(mixed.facts["cosine"])
    assert "finds 0 of 10 (0 to 28 %) of its videos" in by_kind["examples", "nature/sea"].text
    threshold = by_kind["min_score", "nature/forest"]
    assert "no min_score gives 95 % precision: 10 of 20 (30 to 70 %) are right now" == threshold.text
    assert (None, 0.5, 20) == tuple(threshold.facts[key] for key in ("suggested", "precision", "precision_n"))
    assert ["town"] == by_kind["untested", ""].facts["rules"]


@pytest.mark.parametrize(
    ("right", "wrong", "suggested"),
    [
        (15, 10, [0.75]),  # Fisher's 1 / C(25, 10) of 24 places: no chance
        (5, 5, []),  # as clear, but from a handful
        (23, 2, []),  # 23 of 25 may well be 95 % already (75 to 98 %)
        (0, 25, [None]),  # nothing is right, so no score parts anything: said, and none suggested
    ],
)
def test_a_threshold_is_suggested_where_it_is_better_by_more_than_chance(
    right: int, wrong: int, suggested: list[float | None], world: World, judge: Classifier
) -> None:
    sure, unsure = ([world.frame(town=share, nature=0.05)] * 2 for share in (0.9, 0.6))
    seen = [world.seen("town", sure)] * right + [world.seen("", unsure)] * wrong
    found = [one for one in suggestions(world.judged(*seen), judge, precision=0.95) if one.kind == "min_score"]
    assert suggested == [one.facts["suggested"] for one in found]
    if right == 15:
        assert (
            "min_score 0.75 instead of 0.35: 15 of 15 (80 to 100 %) right instead of 15 of 25 (41 to 77 %)"
            == found[0].text
        )


def test_a_few_missed_videos_are_no_reason_to_teach(world: World, judge: Classifier) -> None:
    sure, lost = [world.frame(town=0.9)] * 2, [world.frame(town=0.1)] * 2
    for missed, said in ((1, False), (3, True)):  # 2 of 3 is 21 to 94 %, 0 of 3 at most 56 %
        seen = [world.seen("town", lost)] * missed + [world.seen("town", sure)] * (3 - missed)
        kinds = {one.kind for one in suggestions(world.judged(*seen), judge, precision=0.95)}
        assert said is ("examples" in kinds)


def test_words_that_the_model_does_not_know_are_named(world: World) -> None:
    tree = changed_tree(world.tree, prompts=("zzz",), ensemble=Ensemble.AVERAGE)
    encoder = Words(world.axis)
    judge = Classifier(encoder, tree, level_vectors(tree, encoder))
    found = suggestions(world.judged(world.seen("town", [world.frame(town=0.9)] * 2)), judge, precision=0.95)
    assert {"nature", "town", "nature/forest", "nature/sea"} == {
        one.rule for one in found if one.kind == "unknown_words"
    }


def test_only_what_is_better_by_more_than_chance_is_worth_switching_to() -> None:
    def row(name: str, won: float, lost: float) -> AblationRow:
        half, none = HitRate(5, 10), HitRate(0, 10)
        return AblationRow(name, {}, half, none, none, calibration([]), 8.0, won, lost, None)

    rows = [row("ensemble: best", 26, 0), row("aggregate: vote", 15, 16), row("corrections: 5 a rule", 30, 0)]
    assert ["ensemble: best"] == [one.facts["way"] for one in worth_switching(rows)]
    # 6 of 6 is 1 in 32, better where nothing else was tried; one of two ways may seem so by chance
    six = row("hierarchy: leaves", 6, 0)
    assert (Verdict.BETTER, Verdict.UNTOLD) == (six.verdict(1), six.verdict(2))
    assert Verdict.WORSE is row("hierarchy: leaves", 0, 6).verdict(1)
