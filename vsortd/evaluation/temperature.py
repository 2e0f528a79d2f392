"""The temperature with which scores can be trusted, learned from labelled videos (Guo et al. 2017). Pure arithmetic.

For each video the model's say is p, the mean over its frames of the probability of the rule that is right, once a level
on the right way down, or of none of these where the way ends. The best temperature makes the sum of -ln p least. All
levels have a say because one temperature serves them all: at the top alone it would make up for how one wide rule
("nature") happens to be worded. A weak pull towards 1, worth about one video, keeps a few videos that all come out
right from sharpening the scores without end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.errors import UsageError
from vsortd.judging.calibration import HIGHEST, LOWEST
from vsortd.judging.conditions import unmet
from vsortd.judging.frame_scores import competition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.config.choices import Hierarchy
    from vsortd.config.rules import Rule, RuleTree
    from vsortd.evaluation.rejudge import SampledCase
    from vsortd.vision.prompts import RuleVectors

Array = npt.NDArray[np.float64]

FOLDS: Final = 5
# Steps of 13 %; between them a parabola through the lowest three points is exact to a part of a percent.
GRID: Final = np.geomspace(LOWEST, HIGHEST, 49)
_PULL: Final = np.log(2)  # the standard deviation of ln T, before anything was seen
_LEAST_PROB: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """The temperature learned from all `n` videos, and for each video [videos] the one learned without its fold."""

    temperature: float
    n: int
    held_out: tuple[float, ...]


def fit_temperature(
    seen: Sequence[SampledCase], tree: RuleTree, vectors_of: Callable[[int], RuleVectors], *, seed: int
) -> Fit:
    """Learn the temperature of vectors from videos; `vectors_of` returns those for a video's number.

    Videos of rules with conditions alone, or that the model doesn't know, say nothing. Raises UsageError where no video
    says anything.
    """
    costs: list[Array | None] = [_costs(one, tree, vectors_of(number)) for number, one in enumerate(seen)]
    telling = [number for number, cost in enumerate(costs) if cost is not None]
    if not telling:
        raise UsageError(
            "No temperature can be learned: no video belongs to a rule that competes by its prompts.",
            remedy="Add videos of rules with prompts.",
        )
    table = np.stack([cost for cost in costs if cost is not None])
    overall = best_temperature(table)
    held_out = [overall] * len(seen)
    for fold in _folds(len(telling), seed):
        rest = np.setdiff1d(np.arange(len(telling)), fold)
        value = best_temperature(table[rest]) if len(rest) else overall
        for place in fold:
            held_out[telling[place]] = value
    return Fit(overall, len(telling), tuple(held_out))


def best_temperature(costs: Array) -> float:
    """Return the temperature with the least sum of costs [videos, GRID], the pull towards 1 included."""
    logs = np.log(GRID)
    total = costs.sum(axis=0) + (logs / _PULL) ** 2 / 2
    place = int(np.argmin(total))
    if not 0 < place < len(GRID) - 1:
        return float(GRID[place])
    left, middle, right = total[place - 1 : place + 2]
    bend = left - 2 * middle + right
    offset = 0.0 if bend <= 0 else (left - right) / (2 * bend)
    return float(np.exp(logs[place] + offset * (logs[1] - logs[0])))


def _costs(one: SampledCase, tree: RuleTree, vectors: RuleVectors) -> Array | None:
    """Return the sum of -ln p over a video's levels at every temperature of the grid, or None if it says nothing."""
    total: Array | None = None
    siblings, truth = tree.rules, one.case.truth
    for depth in range(len(truth) + 1):
        if not siblings:
            break
        names = [rule.name for rule in siblings]
        column = names.index(truth[depth]) if depth < len(truth) else len(names)
        cost = _cost(one, vectors, "/".join(truth[:depth]), siblings, column, tree.hierarchy)
        if cost is None:  # a condition decides, so nothing below is the model's say either
            break
        total = cost if total is None else total + cost
        siblings = siblings[column].rules if column < len(names) else ()
    return total


def _cost(  # noqa: PLR0917 - all that a level's probabilities depend on
    one: SampledCase, vectors: RuleVectors, parent: str, siblings: Sequence[Rule], column: int, hierarchy: Hierarchy
) -> Array | None:
    """Return -ln p of a level's right column at every temperature, or None where it can't be the model's say."""
    excluded = [place for place, rule in enumerate(siblings) if rule.when is not None and unmet(rule.when, one.facts)]
    if column < len(siblings):
        competes = bool(siblings[column].prompts) and vectors.levels[parent].competes[column]
        if column in excluded or not competes:
            return None
    frames = one.frames.astype(np.float64)
    probs = [
        competition(replace(vectors, temperature=float(value)), parent, frames, hierarchy=hierarchy, excluded=excluded)[
            :, column
        ].mean()
        for value in GRID
    ]
    return np.asarray(-np.log(np.maximum(probs, _LEAST_PROB)))


def _folds(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(count)
    return np.array_split(order, min(FOLDS, count))
