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


def test_an_error_that_chance_gives_is_not_told() -> None:
    """Ten videos at 0.8 of which 7 are right: of ten that are right 8 times of 10, 95 in 100 are off by 0.2 or less."""
    few = calibration([TopPrediction(0.8, number < 7) for number in range(10)])
    assert (pytest.approx(0.1), pytest.approx(0.2, abs=0.01)) == (few.error, few.chance)
    assert "no more than chance gives with 10 videos (up to 0.2)" == few.text
    assert "≤0.2" == few.brief
    # a hundred times as many: off by 0.1 for sure, for 95 in 100 of exact ones are off by 0.025 (2 of 0.0126) or less
    many = calibration([TopPrediction(0.8, number % 10 < 7) for number in range(1000)])
    assert many.is_told
    assert ("0.10 (chance alone: up to 0.02)", "0.10") == (many.text, many.brief)


def test_coverage_takes_the_surest_first() -> None:
    claims = [TopPrediction(0.9, True), TopPrediction(0.5, False), TopPrediction(0.8, True), TopPrediction(0.6, True)]
    curve = {one.coverage: (one.least_share, one.right.share) for one in coverage_curve(claims)}
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
    assert (HitRate(1, 2), HitRate(1, 1), pytest.approx(2 / 3)) == (forest.precision, forest.recall, forest.f1)
    assert (HitRate(0, 0), HitRate(0, 2), 0.0) == (sea.precision, sea.recall, sea.f1)
    assert 0.5 == found["town"].recall.share
    # of the 2 videos that are of the forest or were put there, 1 is right: Wilson's (0.095, 0.905), and F1 of both ends
    assert (pytest.approx(0.173, abs=1e-3), pytest.approx(0.950, abs=1e-3)) == forest.f1_interval
    assert ("0.7", "0.0") == (forest.f1_text, sea.f1_text)
    told = sea.to_json()
    assert [None, None, None] == [told[name] for name in ("precision", "precision_low", "precision_high")]
    assert (0.0, 0.0, pytest.approx(0.658, abs=1e-3)) == (told["recall"], told["recall_low"], told["recall_high"])


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
