"""Other ways to judge: what differs, what stays, and what is never tested on itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.config.choices import Aggregate, Ensemble
from vsortd.evaluation.ablation import AblationRow, changed_tree, compare
from vsortd.evaluation.measure import HitRate
from vsortd.evaluation.suggest import Threshold, at_threshold, suggestions, threshold_for, worth_switching
from vsortd.judging.resident_model import Classifier
from vsortd.media.preprocess import Preprocess
from vsortd.vision.encoder import Family, ModelInfo
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.evaluation.conftest import World


SCALE = 20.0


class Words:
    """An encoder whose texts point where their last word says; every other word counts for nothing."""

    def __init__(self, axis: dict[str, int]) -> None:
        preprocess = Preprocess(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.axis = {key.rpartition("/")[2]: place for key, place in axis.items() if not key.startswith("!")}
        self.info = ModelInfo("words", "x", "f", "cpu", "float32", len(axis), SCALE, None, preprocess, Family.CLIP)
        self.nothing = axis["!"]

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.eye(self.info.dim, dtype=np.float32)[
            [self.axis.get(text.rpartition(" ")[2], self.nothing) for text in texts]
        ]

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:  # noqa: ARG002 - the encoder's own signature
        raise AssertionError("comparing looks at no picture")

    def unknown_words(self, text: str) -> tuple[str, ...]:
        return ("zzz",) if "zzz" in text else ()

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def judge(world: World) -> Classifier:
    """Return a classifier whose words are the world's axes."""
    encoder = Words(world.axis)
    return Classifier(encoder, world.tree, level_vectors(world.tree, encoder))


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
    assert 0.0 == rows["as configured"].none_right
    assert {1: 13, 2: 6} == {depth: share.n for depth, share in rows["corrections: 5 a rule"].accuracy_at.items()}


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
    seen = [world.seen("nature/sea", as_forest)] * 3 + [world.seen("nature/forest", as_forest)] * 3
    found = suggestions(world.judged(*seen), judge, precision=0.95)
    by_kind = {(one.kind, one.rule) for one in found}
    assert ("mixed_up", "nature/sea") in by_kind
    assert ("examples", "nature/sea") in by_kind
    assert ("min_score", "nature/forest") in by_kind
    (mixed,) = [one for one in found if one.kind == "mixed_up"]
    assert ("nature/forest", 3, ["sea", "forest"]) == tuple(mixed.facts[key] for key in ("other", "videos", "prompts"))
    assert 0.0 == pytest.approx(mixed.facts["cosine"])
    (untested,) = [one for one in found if one.kind == "untested"]
    assert ["town"] == untested.facts["rules"]


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
        return AblationRow(name, {}, HitRate(5, 10), 0.0, 0.0, None, 8.0, won, lost, None)

    rows = [row("ensemble: best", 26, 0), row("aggregate: vote", 15, 16), row("corrections: 5 a rule", 30, 0)]
    assert ["ensemble: best"] == [one.facts["way"] for one in worth_switching(rows)]
