"""The temperature with which scores can be trusted, learned from labelled videos (Guo et al. 2017). Pure arithmetic.

For each video the model's say is p, the mean over its frames of the probability of the rule that is right, once a level
on the right way down, or of none of these where the way ends. The best temperature makes the sum of -ln p least. All
levels have a say because one temperature serves them all: at the top alone it would make up for how one wide rule
("nature") happens to be worded. A weak pull towards 1, worth about one video, keeps a few videos that all come out
right from sharpening the scores without end.

A temperature is worth keeping where two things hold: it was learned from `LEAST` videos or more, and on videos that it
was not learned from (5 folds) it makes -ln p less than the temperature in use does, by more than the 95 % interval of
that difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.chance import Z_95
from vsortd.errors import UsageError
from vsortd.judging.calibration import HIGHEST, LOWEST
from vsortd.judging.conditions import unmet
from vsortd.judging.decide import decide
from vsortd.judging.frame_scores import competition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.config.choices import Hierarchy
    from vsortd.config.rules import Rule, RuleTree
    from vsortd.evaluation.rejudge import SampledCase
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.vision.prompts import RuleVectors

Array = npt.NDArray[np.float64]

FOLDS: Final = 5
# Videos. Few seldom have one of those that a model is surely wrong about, and without any of them the temperature comes
# out too low, and better than it is. Of draws from 199 rendered videos for which the temperature in use was the best,
# the test alone would have kept another in 32 % with 20 videos, 17 % with 30, 10 % with 50, 3 % with 75, 1 % with 100.
LEAST: Final = 100
# Steps of 13 %; between them a parabola through the lowest three points is exact to a part of a percent.
GRID: Final = np.geomspace(LOWEST, HIGHEST, 49)
_PULL: Final = np.log(2)  # the standard deviation of ln T, before anything was seen
_LEAST_PROB: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """The temperature learned from all `n` videos, and for each video [videos] the one learned without its fold.

    `gain` is how much less -ln p of a video is with the latter than with `present`, the temperature in use, on average;
    `gain_half` is half of its 95 % interval. Both are 0 for a single video.
    """

    temperature: float
    n: int
    held_out: tuple[float, ...]
    present: float = 1.0
    gain: float = 0.0
    gain_half: float = 0.0

    @property
    def has_enough(self) -> bool:
        """Whether it was learned from enough videos to say anything."""
        return self.n >= LEAST

    @property
    def is_better(self) -> bool:
        """Whether it is worth keeping."""
        return self.has_enough and self.gain > self.gain_half

    @property
    def why_not(self) -> str:
        """Why it is not worth keeping, "" if it is."""
        if not self.has_enough:
            return f"too few videos to learn a temperature from ({self.n}; it takes {LEAST})"
        return "" if self.is_better else f"no temperature is better than {self.present:.2f} by more than chance"

    def to_json(self) -> dict[str, Any]:
        """Return what it is worth; no temperature where there are too few videos."""
        ends = [self.gain - self.gain_half, self.gain + self.gain_half]
        return {
            "temperature": self.temperature if self.has_enough else None,
            "n": self.n,
            "gain": self.gain if self.has_enough else None,
            "gain_interval": ends if self.has_enough else None,
            "better": self.is_better,
            "why_not": self.why_not,
        }


# The same where no video says anything.
NOTHING_TOLD: Final = Fit(1.0, 0, ()).to_json()


def fit_temperature(
    seen: Sequence[SampledCase], tree: RuleTree, vectors_of: Callable[[int], RuleVectors], *, seed: int
) -> Fit:
    """Learn the temperature of vectors from videos; `vectors_of` returns those for a video's number, as in use.

    Videos of rules with conditions alone, or that the model doesn't know, say nothing. Raises UsageError where no video
    says anything.
    """
    used = [vectors_of(number) for number in range(len(seen))]
    costs = [_costs(one, tree, vectors) for one, vectors in zip(seen, used, strict=True)]
    return fit_costs(costs, used[0].temperature if used else 1.0, seed=seed)


def fit_costs(costs: Sequence[Array | None], present: float, *, seed: int) -> Fit:
    """Learn the temperature from each video's costs [GRID], None where it says nothing; `present` is the one in use.

    Raises UsageError where no video says anything.
    """
    telling = [number for number, cost in enumerate(costs) if cost is not None]
    if not telling:
        raise UsageError(
            "No temperature can be learned: no video belongs to a rule that competes by its prompts.",
            remedy="Add videos of rules with prompts.",
        )
    table = np.stack([cost for cost in costs if cost is not None])
    overall = best_temperature(table)
    held_out, gains = [overall] * len(costs), np.zeros(len(telling))
    for fold in _folds(len(telling), seed):
        rest = np.setdiff1d(np.arange(len(telling)), fold)
        value = best_temperature(table[rest]) if len(rest) else overall
        for place in fold:
            held_out[telling[place]] = value
            if len(rest):
                gains[place] = _cost_at(table[place], present) - _cost_at(table[place], value)
    half = Z_95 * float(gains.std(ddof=1)) / np.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return Fit(overall, len(telling), tuple(held_out), present, float(gains.mean()), float(half))


def _cost_at(costs: Array, temperature: float) -> float:
    """Return a video's cost [GRID] at a temperature between those of the grid."""
    return float(np.interp(np.log(temperature), np.log(GRID), costs))


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
    one = replace(one, facts=_with_tags(one, tree, vectors))
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


def _with_tags(one: SampledCase, tree: RuleTree, vectors: RuleVectors) -> ConditionFacts:
    """Return the facts with the tags that the video gets at the temperature in use, where rules ask for any."""
    if not any(rule.when is not None and rule.when.tags for rule in tree.walk()):
        return one.facts
    (look,) = one.together
    found = decide(tree, vectors, look.vectors, times_ms=look.times_ms, facts=one.facts, closer=one.closer)
    return replace(one.facts, tags=found.tags)


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
