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

from vsortd.core.chance import brief_share, digits_worth, share_text, wilson
from vsortd.core.text import counted
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.evaluation.rejudge import Judged
    from vsortd.judging.decide import Decision

REVIEW: Final = "(review)"
BINS: Final = 15  # of equal width, for the calibration error
_ROUNDING: Final = 1e-6  # of shares, which come as float32
_LEAST_TOLD: Final = 2  # decimals of a calibration error, where it takes them to tell it from chance
_DRAWS: Final = 1000  # of how many videos would be right by chance; their 95th percentile is right to a few percent
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
        return wilson(self.hits, self.n)

    @property
    def half(self) -> float:
        """Half the width of the interval, for a plain ±."""
        low, high = self.interval
        return (high - low) / 2

    @property
    def text(self) -> str:
        """`7 of 10 (40 to 89 %)`, or from 100 on `174 of 199, 87 % (82 to 91 %)`."""
        return share_text(self.hits, self.n)

    @property
    def brief(self) -> str:
        """`7 of 10`, or from 100 on `87 %`: where the interval stands elsewhere."""
        return brief_share(self.hits, self.n)

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
    def precision(self) -> HitRate:
        """Of what was filed there, the share that belongs there."""
        return HitRate(self.right, self.filed)

    @property
    def recall(self) -> HitRate:
        """Of what belongs there, the share that was filed there."""
        return HitRate(self.right, self.n)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both: 2·right / (n + filed); None where both are of nothing."""
        return 2 * self.right / (self.n + self.filed) if self.n + self.filed else None

    @property
    def f1_interval(self) -> tuple[float, float]:
        """The ends of its 95 % interval.

        F1 is 2j / (1 + j) of j, the share of right ones among all videos that belong there or were filed there; a share
        has Wilson's interval, and F1 grows with it.
        """
        low, high = wilson(self.right, self.n + self.filed - self.right)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    @property
    def f1_text(self) -> str:
        """F1 with as many digits as its interval allows, `-` where there is none."""
        low, high = self.f1_interval
        return f"{self.f1:.{digits_worth((high - low) / 2)}f}" if self.f1 is not None else "-"

    def to_json(self) -> dict[str, float | None]:
        """Return all of it; a figure of nothing is None, and so are the ends of its interval."""
        f1 = self.f1_interval if self.f1 is not None else (None, None)
        parts = {"precision": self.precision, "recall": self.recall}
        shares = {name: one.share if one.n else None for name, one in parts.items()}
        ends = {name: one.interval if one.n else (None, None) for name, one in parts.items()} | {"f1": f1}
        found = {"n": self.n, "filed": self.filed, "right": self.right, **shares, "f1": self.f1}
        return found | {f"{name}_{end}": ends[name][at] for name in ends for at, end in enumerate(("low", "high"))}


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

    @property
    def right(self) -> HitRate:
        """How many of them are right, with the interval."""
        return HitRate(round(self.accuracy * self.n), self.n)

    def to_json(self) -> dict[str, object]:
        """Return it under its own names, with the interval of its accuracy."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return own | {"accuracy_interval": list(self.right.interval)}


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far shares can be trusted: the expected calibration error, and the bins that it is made of.

    The error of a few videos is large by chance alone. `chance` is what shares that are exactly right would stay below
    in 95 of 100 such sets of videos (Bröcker and Smith 2007): an error up to there tells nothing.
    """

    n: int
    error: float | None
    bins: tuple[Bin, ...]
    chance: float | None = None

    @property
    def is_told(self) -> bool:
        """Whether the error is more than chance gives."""
        return self.error is not None and self.chance is not None and self.error > self.chance + _ROUNDING

    @property
    def digits(self) -> int:
        """How many decimals the error is worth: it is as uncertain as how many are right.

        One more, up to two, where what chance gives would be 0 otherwise, or equal to an error that is more.
        """
        digits = digits_worth(HitRate(sum(one.right.hits for one in self.bins), self.n).half)
        error, chance = self.error or 0.0, self.chance or 0.0
        while digits < _LEAST_TOLD and (
            round(chance, digits) == 0 or (self.is_told and round(error, digits) == round(chance, digits))
        ):
            digits += 1
        return digits

    @property
    def text(self) -> str:
        """The error with as many digits as the videos allow; where chance gives as much, only that."""
        if self.error is None or self.chance is None:
            return "unknown"
        if self.is_told:
            return f"{self.error:.{self.digits}f} (chance alone: up to {self._most_by_chance})"
        return f"no more than chance gives with {counted(self.n, 'video')} (up to {self._most_by_chance})"

    @property
    def brief(self) -> str:
        """The error alone, for tables; `≤` and what chance gives where it is no more than that, "" where unknown."""
        if self.error is None:
            return ""
        return f"{self.error:.{self.digits}f}" if self.is_told else f"≤{self._most_by_chance}"

    @property
    def _most_by_chance(self) -> str:
        return f"{max(self.chance or 0.0, 10.0**-self.digits):.{self.digits}f}"

    def to_json(self) -> dict[str, object]:
        """Return it with what the error means."""
        bins = [one.to_json() for one in self.bins]
        return {
            "ece": self.error,
            "n": self.n,
            "chance": self.chance,
            "binning": f"{BINS} bins of equal width",
            "bins": bins,
        }


def calibration(claims: Sequence[TopPrediction | None]) -> Calibration:
    """Return the expected calibration error over 15 bins of equal width (Guo et al. 2017); empty bins are left out.

    What chance gives is drawn, always the same way.
    """
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
    return Calibration(len(known), error, tuple(bins), _chance(shares, places))


def _chance(shares: np.ndarray, places: np.ndarray) -> float:
    """Return the 95th percentile of the error of shares [n] in these bins, if each was right as often as it says."""
    rng = np.random.default_rng(0)
    errors = np.zeros(_DRAWS)
    for place in np.unique(places):
        some = shares[places == place]
        right = (rng.random((_DRAWS, len(some)), np.float32) < some).sum(axis=1)
        errors += np.abs(some.sum() - right)
    return float(np.quantile(errors / len(shares), 0.95))


@dataclass(frozen=True, slots=True)
class Coverage:
    """If only the surest `coverage` of the videos were filed: the least share among them, and how many are right."""

    coverage: float
    least_share: float
    right: HitRate

    def to_json(self) -> dict[str, object]:
        """Return it with the interval of its accuracy."""
        return {
            "coverage": self.coverage,
            "least_share": self.least_share,
            "accuracy": self.right.share,
            "accuracy_interval": list(self.right.interval),
            "n": self.right.n,
        }


def coverage_curve(claims: Sequence[TopPrediction | None]) -> list[Coverage]:
    """Return how right the surest part of the claims is, for parts from all of them down to half."""
    known = sorted((claim for claim in claims if claim is not None), key=lambda claim: -claim.share)
    curve = []
    for part in _COVERAGES:
        count = math.ceil(part * len(known))
        if count:
            hits = HitRate(sum(claim.right for claim in known[:count]), count)
            curve.append(Coverage(count / len(known), known[count - 1].share, hits))
    return curve
