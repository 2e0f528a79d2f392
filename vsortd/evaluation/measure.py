"""Numbers about judged videos. Pure arithmetic.

A video is *right* where it would be filed exactly where it belongs, *undecided* where it stays above that (in review,
or in a rule that the right one is below), else *wrong*. A video that fits no rule is right in review. One whose truth
is a rule with finer rules means that rule and none of the finer ones.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.evaluation.rejudge import Judged
    from vsortd.judging.decide import Decision

REVIEW: Final = "(review)"
BINS: Final = 15  # of equal width, for the calibration error
_Z_95: Final = 1.959964  # of the normal distribution
_COVERAGES: Final = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True, slots=True)
class HitRate:
    """`hits` of `n`, with the ends of Wilson's 95 % interval."""

    hits: float
    n: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 of 0 is 0."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval (1927); (0, 1) where nothing was counted."""
        if not self.n:
            return 0.0, 1.0
        square = _Z_95**2
        centre = (self.share + square / (2 * self.n)) / (1 + square / self.n)
        spread = self.share * (1 - self.share) / self.n + square / (4 * self.n**2)
        half = _Z_95 * math.sqrt(spread) / (1 + square / self.n)
        return max(0.0, centre - half), min(1.0, centre + half)

    @property
    def half(self) -> float:
        """Half the width of the interval, for a plain ±."""
        low, high = self.interval
        return (high - low) / 2

    def to_json(self) -> dict[str, float]:
        """Return it with its interval."""
        low, high = self.interval
        return {"share": self.share, "n": self.n, "low": low, "high": high, "half": self.half}


def accuracy_at(judged: Sequence[Judged], tree: RuleTree) -> dict[int, HitRate]:
    """Return for each depth the share of videos that are right so far down, of those for which rules compete there.

    Depth 1 asks every video, none of these included; depth 2 those whose top rule has finer rules; and so on.
    """
    inner = {rule.path for rule in tree.walk() if rule.rules} | {()}
    found: dict[int, HitRate] = {}
    for depth in range(1, max((len(path) for path in inner), default=0) + 2):
        asked = [one for one in judged if one.truth[: depth - 1] in inner and len(one.truth) >= depth - 1]
        if asked:
            hits = sum(one.placed[:depth] == one.truth[:depth] for one in asked)
            found[depth] = HitRate(hits, len(asked))
    return found


def name_of(path: tuple[str, ...], empty: str) -> str:
    """Return a rule's key, or what stands for the empty one: `NONE` among truths, `REVIEW` among outcomes."""
    return "/".join(path) or empty


def confusion(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Count where videos of each truth would go: truth → outcome → videos."""
    table: dict[str, Counter[str]] = {}
    for one in sorted(judged, key=lambda one: (not one.truth, one.truth)):
        table.setdefault(name_of(one.truth, NONE), Counter())[name_of(one.placed, REVIEW)] += 1
    return {truth: dict(row.most_common()) for truth, row in table.items()}


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """How a rule does: `n` videos belong to it or below it, `filed` were put there, `right` of them rightly."""

    n: int
    filed: int
    right: int

    @property
    def precision(self) -> float | None:
        """Of what was filed there, the share that belongs there; None where nothing was."""
        return self.right / self.filed if self.filed else None

    @property
    def recall(self) -> float | None:
        """Of what belongs there, the share that was filed there; None where nothing does."""
        return self.right / self.n if self.n else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both: 2·right / (n + filed)."""
        return 2 * self.right / (self.n + self.filed) if self.n + self.filed else None

    def to_json(self) -> dict[str, float | None]:
        """Return all of it."""
        return {
            "n": self.n,
            "filed": self.filed,
            "right": self.right,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


def per_rule(judged: Sequence[Judged], tree: RuleTree) -> dict[str, RuleFigures]:
    """Return the figures of every rule with videos, in the order of the file; those below a rule count for it."""
    belongs, filed, right = Counter[str](), Counter[str](), Counter[str]()
    for one in judged:
        true_keys = {"/".join(one.truth[:depth]) for depth in range(1, len(one.truth) + 1)}
        keys = {"/".join(one.placed[:depth]) for depth in range(1, len(one.placed) + 1)}
        belongs.update(true_keys)
        filed.update(keys)
        right.update(true_keys & keys)
    order = [rule.key for rule in tree.walk() if belongs[rule.key] or filed[rule.key]]
    return {key: RuleFigures(belongs[key], filed[key], right[key]) for key in order}


@dataclass(frozen=True, slots=True)
class TopPrediction:
    """What a level says comes first, with which share of probability, and whether that is so."""

    share: float
    right: bool


def claim_of(judged: Judged, tree: RuleTree, *, top: bool) -> TopPrediction | None:
    """Return who comes first at the top, or at the deepest level that the decision came to; none of these may, too.

    The share is the mean over the frames that were looked at, whatever the rules' `aggregate`. None where nothing
    competed because a condition decided.
    """
    decision = judged.decision
    parent = "" if top else decision.levels[-1].parent
    found = shares_at(decision, tree, parent)
    if found is None:
        return None
    keys, shares = found
    column = int(np.argmax(shares))
    above = tuple(parent.split("/")) if parent else ()
    first = (*above, keys[column]) if column < len(keys) else above
    if column == len(keys):  # none of these: right where the truth goes no further
        return TopPrediction(float(shares[column]), judged.truth == above)
    return TopPrediction(float(shares[column]), judged.truth[: len(first)] == first)


def shares_at(decision: Decision, tree: RuleTree, parent: str) -> tuple[list[str], np.ndarray] | None:
    """Return the names of the rules that competed under `parent`, and the mean share of each and of none of these.

    The shares are [names + 1] and add up to 1. None where nothing competed.
    """
    above = tree.find(parent) if parent else None
    siblings = [rule for rule in (above.rules if above else tree.rules) if rule.prompts]
    scores = decision.frame_scores
    if not siblings or not all(rule.key in scores for rule in siblings):
        return None
    means = [float(np.mean(scores[rule.key])) for rule in siblings]
    return [rule.name for rule in siblings], np.array([*means, max(0.0, 1.0 - sum(means))])


@dataclass(frozen=True, slots=True)
class Bin:
    """The claims with a share from `low` up to `high`: how many, their mean share, and how many of them are right."""

    low: float
    high: float
    n: int
    share: float
    accuracy: float

    def to_json(self) -> dict[str, float]:
        """Return it under its own names."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far shares can be trusted: the expected calibration error, and the bins that it is made of."""

    n: int
    error: float | None
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, object]:
        """Return it with what the error means."""
        bins = [one.to_json() for one in self.bins]
        return {"ece": self.error, "n": self.n, "binning": f"{BINS} bins of equal width", "bins": bins}


def calibration(claims: Sequence[TopPrediction | None]) -> Calibration:
    """Return the expected calibration error over 15 bins of equal width (Guo et al. 2017); empty bins are left out."""
    known = [claim for claim in claims if claim is not None]
    if not known:
        return Calibration(0, None, ())
    shares = np.array([claim.share for claim in known])
    right = np.array([claim.right for claim in known], dtype=np.float64)
    places = np.minimum((shares * BINS).astype(np.int64), BINS - 1)
    bins = []
    for place in range(BINS):
        chosen = places == place
        if chosen.any():
            mean, hits = float(shares[chosen].mean()), float(right[chosen].mean())
            bins.append(Bin(place / BINS, (place + 1) / BINS, int(chosen.sum()), mean, hits))
    error = sum(one.n * abs(one.share - one.accuracy) for one in bins) / len(known)
    return Calibration(len(known), error, tuple(bins))


@dataclass(frozen=True, slots=True)
class Coverage:
    """If only the surest `coverage` of the videos were filed: the least share among them, and how many are right."""

    coverage: float
    least_share: float
    accuracy: float

    def to_json(self) -> dict[str, float]:
        """Return it under its own names."""
        return {name: getattr(self, name) for name in self.__slots__}


def coverage_curve(claims: Sequence[TopPrediction | None]) -> list[Coverage]:
    """Return how right the surest part of the claims is, for parts from all of them down to half."""
    known = sorted((claim for claim in claims if claim is not None), key=lambda claim: -claim.share)
    curve = []
    for part in _COVERAGES:
        count = math.ceil(part * len(known))
        if count:
            hits = sum(claim.right for claim in known[:count])
            curve.append(Coverage(count / len(known), known[count - 1].share, hits / count))
    return curve
