"""The temperature is found again where it is known, and is measured on videos that it was not learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.config.condition_options import When
from vsortd.config.rules import TagRule
from vsortd.config.tag_options import Contains
from vsortd.errors import UsageError
from vsortd.evaluation.temperature import FOLDS, GRID, LEAST, best_temperature, fit_costs, fit_temperature
from vsortd.judging.closer_look import CloserLook
from vsortd.vision.detector import FoundObject, SeenObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evaluation.conftest import World
    from vsortd.config.rules import Rule


def costs_of(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return -ln softmax(logits / T)[label] for each video and each temperature of the grid."""
    scaled = logits[:, None, :] / GRID[None, :, None]
    logs = scaled - np.logaddexp.reduce(scaled, axis=2, keepdims=True)
    return np.asarray(-logs[np.arange(len(labels)), :, labels])


@pytest.mark.parametrize("true", [0.3, 1.0, 2.3, 7.0])
def test_a_known_temperature_is_found_again(true: float) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2 * true, (6000, 5))
    # the largest of logits / T plus Gumbel noise is drawn from softmax(logits / T)
    labels = np.argmax(logits / true + rng.gumbel(size=logits.shape), axis=1)
    assert true == pytest.approx(best_temperature(costs_of(logits, labels)), rel=0.04)


def test_videos_that_all_come_out_right_do_not_sharpen_without_end() -> None:
    logits = np.tile([4.0, 0.0], (10, 1))
    found = best_temperature(costs_of(logits, np.zeros(10, np.int64)))
    assert 0.3 < found < 1.0


def test_one_video_says_little() -> None:
    surely_wrong = costs_of(np.array([[6.0, 0.0]]), np.array([1]))
    assert 1.0 < best_temperature(surely_wrong) < 4.0


def test_every_level_has_a_say_and_each_fold_is_left_out_of_its_own_temperature(world: World) -> None:
    right = [world.frame(nature=0.6, town=0.3, nature__forest=0.6, nature__sea=0.3)]
    seen = [world.seen("nature/forest", right)] * 11 + [world.seen("town", right)]
    fit = fit_temperature(seen, world.tree, lambda _: world.vectors, seed=1)
    only_top = fit_temperature(
        [replace(one, case=replace(one.case, truth=one.case.truth[:1])) for one in seen],
        replace(world.tree, rules=tuple(replace(one, rules=()) for one in world.tree.rules)),
        lambda _: world.vectors,
        seed=1,
    )
    assert 12 == fit.n == len(fit.held_out)
    assert fit.temperature != pytest.approx(only_top.temperature)
    # the fold with the video of town is judged by a temperature that doesn't know of it: sharper
    assert fit.held_out[11] == min(fit.held_out) < fit.temperature
    assert len(set(fit.held_out)) <= FOLDS


def test_a_video_of_a_rule_that_asks_for_a_tag_has_a_say_where_it_gets_that_tag(
    make_world: type[World], make_rule: Callable[..., Rule]
) -> None:
    world = make_world.of(make_rule("town", when=When.model_validate({"tags": "long"})), make_rule("nature"))
    seen = [world.seen("town", [world.frame(town=0.5)])] * 5
    for least, found in (("1s", 5), ("1m", None)):
        tag = TagRule("long", (), 0.5, 0.0, When.model_validate({"min_duration": least}))
        tree = replace(world.tree, tags=(tag,))
        if found:
            assert found == fit_temperature(seen, tree, lambda _: world.vectors, seed=0).n
            continue
        with pytest.raises(UsageError, match="No temperature can be learned"):
            fit_temperature(seen, tree, lambda _: world.vectors, seed=0)


def test_a_tag_that_takes_a_closer_look_is_found_as_well(
    make_world: type[World], make_rule: Callable[..., Rule]
) -> None:
    world = make_world.of(make_rule("town", when=When.model_validate({"tags": "crowd"})), make_rule("nature"))
    sought = Contains.model_validate({"objects": "person"})
    tree = replace(world.tree, tags=(TagRule("crowd", (), 0.5, 0.0, None, sought),))
    person = FoundObject("person", 0.9, (0.0, 0.0, 0.5, 0.5))
    one = replace(
        world.seen("town", [world.frame(town=0.5)]), closer=CloserLook(objects=SeenObjects((500,), ((person,),)))
    )
    assert 5 == fit_temperature([one] * 5, tree, lambda _: world.vectors, seed=0).n


def oversure(count: int) -> list[np.ndarray]:
    """Return the costs of videos that are said to be of the first of two rules with 0.95, and are in 7 of 10 cases."""
    return list(costs_of(np.tile([3.0, 0.0], (count, 1)), (np.arange(count) % 10 >= 7).astype(np.int64)))


def test_a_temperature_is_worth_keeping_where_it_is_better_on_others_by_more_than_chance() -> None:
    found = fit_costs(oversure(200), 1.0, seed=1)
    assert 3 / np.log(7 / 3) == pytest.approx(found.temperature, rel=0.1)  # the pull towards 1
    assert (True, "", 200) == (found.is_better, found.why_not, found.n)
    assert 0 < found.gain - found.gain_half == pytest.approx(found.to_json()["gain_interval"][0])
    # as clear, but from too few, it is not even told
    few = fit_costs([*oversure(LEAST - 1), None], 1.0, seed=1)
    assert (False, None, None) == (few.is_better, few.to_json()["temperature"], few.to_json()["gain"])
    assert "too few videos to learn a temperature from (99; it takes 100)" == few.why_not
    # learned once, it is not better than itself
    again = fit_costs(oversure(200), found.temperature, seed=1)
    assert not again.is_better
    assert f"no temperature is better than {found.temperature:.2f} by more than chance" == again.why_not


def test_a_single_video_has_no_gain() -> None:
    found = fit_costs(oversure(1), 1.0, seed=1)
    assert (1, 0.0, 0.0) == (found.n, found.gain, found.gain_half)


def test_without_a_rule_that_competes_there_is_nothing_to_learn(
    make_world: type[World], make_rule: Callable[..., Rule]
) -> None:
    world = make_world.of(make_rule("phone", prompts=()), make_rule("town"))
    seen = [world.seen("phone", [world.frame(town=0.5)])]
    with pytest.raises(UsageError, match="No temperature can be learned"):
        fit_temperature(seen, world.tree, lambda _: world.vectors, seed=0)
