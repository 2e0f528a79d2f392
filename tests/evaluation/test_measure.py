"""Numbers about judged videos, each worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vsortd.evaluation.measure import (
    REVIEW,
    HitRate,
    TopPrediction,
    accuracy_at,
    calibration,
    claim_of,
    confusion,
    coverage_curve,
    per_rule,
)
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from tests.evaluation.conftest import World
    from vsortd.evaluation.rejudge import Judged


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals_are_those_of_the_literature(hits: int, n: int, low: float, high: float) -> None:
    assert (low, high) == pytest.approx(HitRate(hits, n).interval, abs=5e-5)


def test_the_calibration_error_is_the_mean_distance_of_fifteen_bins() -> None:
    # bin 13 of 15 (0.8667 to 0.9333): four claims of 0.9, three right → |0.9 - 0.75| = 0.15
    # bin 7 (0.4667 to 0.5333): one claim of 0.5, wrong → 0.5; together (4 x 0.15 + 0.5) / 5
    claims = [*[TopPrediction(0.9, right) for right in (True, True, True, False)], TopPrediction(0.5, False), None]
    found = calibration(claims)
    assert (4 * 0.15 + 0.5) / 5 == pytest.approx(found.error)
    assert [(7 / 15, 1), (13 / 15, 4)] == [(pytest.approx(one.low), one.n) for one in found.bins]


def test_a_claim_of_one_falls_into_the_last_bin_and_none_at_all_has_no_error() -> None:
    assert 0.0 == pytest.approx(calibration([TopPrediction(1.0, True)]).error)
    assert calibration([None]).error is None


def test_coverage_takes_the_surest_first() -> None:
    claims = [TopPrediction(0.9, True), TopPrediction(0.5, False), TopPrediction(0.8, True), TopPrediction(0.6, True)]
    curve = {one.coverage: (one.least_share, one.accuracy) for one in coverage_curve(claims)}
    assert (0.5, 0.75) == curve[1.0]
    assert (0.8, 1.0) == curve[0.5]


@pytest.fixture
def judged(world: World) -> list[Judged]:
    """Return six videos: right, right, wrong below, stopped above, in review, and rightly in review."""
    sure = [world.frame(nature=0.9, nature__forest=0.9)] * 2
    stopped = [world.frame(nature=0.9, nature__forest=0.48, nature__sea=0.48)] * 2
    lost = [world.frame(nature=0.2, town=0.2)] * 2
    town = [world.frame(town=0.8, nature=0.1)] * 2
    return world.judged(
        world.seen("nature/forest", sure),
        world.seen("town", town),
        world.seen("nature/sea", sure),
        world.seen("nature/sea", stopped),
        world.seen("town", lost),
        world.seen("", lost),
    )


def test_right_undecided_and_wrong_exclude_one_another(judged: list[Judged]) -> None:
    kinds = [(one.is_right, one.is_undecided, one.is_wrong) for one in judged]
    right, undecided, wrong = (True, False, False), (False, True, False), (False, False, True)
    assert [right, right, wrong, undecided, undecided, right] == kinds


def test_a_depth_asks_the_videos_for_which_rules_compete_there(judged: list[Judged], world: World) -> None:
    found = {depth: (share.hits, share.n) for depth, share in accuracy_at(judged, world.tree).items()}
    # at the top all six, one of town is in review; below nature three, of which one is right
    assert {1: (5, 6), 2: (1, 3)} == found


def test_a_truth_with_finer_rules_means_none_of_these(world: World) -> None:
    stopped = world.seen("nature", [world.frame(nature=0.9, nature__forest=0.48, nature__sea=0.48)] * 2)
    too_deep = world.seen("nature", [world.frame(nature=0.9, nature__forest=0.9)] * 2)
    one, other = world.judged(stopped, too_deep)
    assert one.is_right
    assert other.is_wrong
    assert {1: (2, 2), 2: (1, 2)} == {
        depth: (share.hits, share.n) for depth, share in accuracy_at([one, other], world.tree).items()
    }


def test_confusion_counts_truths_against_outcomes(judged: list[Judged]) -> None:
    assert {
        "nature/forest": {"nature/forest": 1},
        "nature/sea": {"nature/forest": 1, "nature": 1},
        "town": {"town": 1, REVIEW: 1},
        NONE: {REVIEW: 1},
    } == confusion(judged)


def test_a_rule_counts_what_is_below_it(judged: list[Judged], world: World) -> None:
    found = per_rule(judged, world.tree)
    nature, forest, sea = found["nature"], found["nature/forest"], found["nature/sea"]
    assert (3, 3, 3) == (nature.n, nature.filed, nature.right)
    assert (0.5, 1.0, pytest.approx(2 / 3)) == (forest.precision, forest.recall, forest.f1)
    assert (None, 0.0, 0.0) == (sea.precision, sea.recall, sea.f1)
    assert 0.5 == found["town"].recall


def test_a_claim_is_who_comes_first_none_of_these_included(world: World) -> None:
    nobody = [world.frame(nature=0.2, town=0.2)] * 2
    one, other = world.judged(world.seen("", nobody), world.seen("town", nobody))
    assert TopPrediction(pytest.approx(0.6, abs=1e-6), True) == claim_of(one, world.tree, top=True)
    assert TopPrediction(pytest.approx(0.6, abs=1e-6), False) == claim_of(other, world.tree, top=True)


def test_the_deepest_claim_is_right_only_on_the_right_way(world: World) -> None:
    frames = [world.frame(nature=0.9, nature__sea=0.7, nature__forest=0.1)] * 2
    truths = ("nature/sea", "nature/forest", "town")
    claims = [claim_of(one, world.tree, top=False) for one in world.judged(*(world.seen(t, frames) for t in truths))]
    assert [True, False, False] == [claim.right for claim in claims if claim]
    assert [pytest.approx(0.7, abs=1e-6)] * 3 == [claim.share for claim in claims if claim]
