"""How the rules of one level stand against each other, from what each frame says: of many videos at once. Pure.

The aggregates and what they mean are described in `vsortd.judging.decide`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import Aggregate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.rules import Rule
    from vsortd.judging.frame_scores import Array
    from vsortd.vision.prompts import LevelVectors

# Scores nearer than this are equal: sums in another order differ by about 1e-16, embeddings are float32.
DECIMALS: Final = 9
EPSILON: Final = 1e-9
# A decision is settled when it would survive scores that are off by this many standard errors over the
# frames.
SETTLED_ERRORS: Final = 2.0

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Race:
    """One level's competition of v videos: `probs` are p [v, frames, siblings + 1], none of these last."""

    parent: str
    rules: Sequence[Rule]
    vectors: LevelVectors
    probs: Array
    runs: tuple[bool, ...]  # which siblings take part
    like_none: Flags  # [v], whether most frames are like an example of none
    memo: dict[tuple[Aggregate, float], tuple[Array, Array]] = field(default_factory=dict)  # what `values_of` answered

    @property
    def frames(self) -> int:
        """How many frames of each video there are."""
        return int(self.probs.shape[1])

    def of(self, videos: npt.NDArray[np.intp]) -> Race:
        """Return the race of some of the videos, by their numbers in this one."""
        if len(videos) == len(self.probs):
            return self
        return replace(self, probs=self.probs[videos], like_none=self.like_none[videos], memo={})


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule against the others, all scored by its aggregate; `rival` is a column of the race."""

    column: int
    score: float
    margin: float
    rival: int
    none: float


@dataclass(frozen=True, slots=True)
class Standings:
    """The standing of one rule, `column`, in each of v videos: all arrays are [v]."""

    column: int
    score: Array
    margin: Array
    rival: npt.NDArray[np.intp]
    none: Array
    score_error: Array
    margin_error: Array

    def each(self) -> list[Standing]:
        """Return them one by one."""
        values = (self.score.tolist(), self.margin.tolist(), self.rival.tolist(), self.none.tolist())
        return [Standing(self.column, *own) for own in zip(*values, strict=True)]


def reaches(rule: Rule, standings: Standings, *, errors: float = 0.0) -> Flags:
    """Tell of each video whether a rule reaches its thresholds, score and margin raised by `errors` of their errors."""
    score, margin = standings.score, standings.margin
    if errors:  # the error of a single frame is infinite
        score, margin = score + errors * standings.score_error, margin + errors * standings.margin_error
    return np.asarray((score >= rule.min_score - EPSILON) & (margin >= rule.min_margin - EPSILON))


def stays_won(race: Race, standings: Standings) -> Flags:
    """Tell of each video whether its winner still reaches its thresholds with scores two standard errors lower."""
    return reaches(race.rules[standings.column], standings, errors=-SETTLED_ERRORS)


def stays_undecided(race: Race, own: Array) -> Flags:
    """Tell of each video whether nobody may win even with scores two standard errors higher; one frame settles nothing.

    `own` [v, siblings] are the scores by each rule's own aggregate.
    """
    settled = np.full(len(race.probs), race.frames > 1)
    for column, rule in enumerate(race.rules):
        if not race.runs[column]:
            continue
        values, _ = values_of(race, rule)
        best = own[:, column] + SETTLED_ERRORS * _error(values[:, :, column], rule)
        within = np.flatnonzero(settled & ~(best < rule.min_score - EPSILON))
        if len(within):  # else out of reach by its score alone, so its rivals need not be looked at
            settled[within] &= ~reaches(rule, standings_of(race.of(within), column), errors=SETTLED_ERRORS)
    return settled


def values_of(race: Race, rule: Rule) -> tuple[Array, Array]:
    """Return what each frame says about each column under a rule's aggregate, and the aggregated scores.

    They are [v, frames, siblings + 1] and [v, siblings + 1].
    """
    asked = (rule.aggregate, rule.fraction_level)
    if asked not in race.memo:
        race.memo[asked] = _aggregated(race.probs, rule)
    return race.memo[asked]


def _aggregated(probs: Array, rule: Rule) -> tuple[Array, Array]:
    if rule.aggregate is Aggregate.MAX:
        return probs, probs.max(axis=1)
    if rule.aggregate is Aggregate.VOTE:
        winners = np.argmax(np.round(probs, DECIMALS), axis=2)  # the first of equals
        values = (winners[:, :, None] == np.arange(probs.shape[2])).astype(np.float64)
    elif rule.aggregate is Aggregate.FRACTION:
        values = (probs >= rule.fraction_level - EPSILON).astype(np.float64)
        values[:, :, -1] = 0.0  # none of these has already had its part in p
    else:
        values = probs
    return values, values.mean(axis=1)


def standings_of(race: Race, column: int) -> Standings:
    """Set a rule against the others under its own aggregate."""
    rule = race.rules[column]
    videos = np.arange(len(race.probs))
    values, scores = values_of(race, rule)
    against = scores.copy()
    if rule.aggregate is Aggregate.MAX:
        against[:, -1] = race.probs[videos, np.argmax(race.probs[:, :, column], axis=1), -1]
    if rule.min_score <= 0 and not race.vectors.configured:
        against[~race.like_none, -1] = 0.0
    against[:, column] = -1.0
    rival = np.argmax(np.round(against, DECIMALS), axis=1)
    lead = values[:, :, column] - values[videos, :, rival]
    return Standings(
        column=column,
        score=scores[:, column],
        margin=scores[:, column] - against[videos, rival],
        rival=rival,
        none=scores[:, -1] if rule.aggregate is not Aggregate.MAX else against[:, -1],
        score_error=_error(values[:, :, column], rule),
        margin_error=_error(lead, rule),
    )


def _error(values: Array, rule: Rule) -> Array:
    """Estimate how far an aggregate of these frames [v, n] may be from that of all frames of the video: [v].

    The standard error of the mean over frames. For shares of frames not less than that of (n+1)/(n+2), since
    eight of eight is no proof; for `max` the spread itself, since one other frame can change it. Infinite
    for a single frame.
    """
    videos, count = values.shape
    if count == 1:
        return np.full(videos, np.inf)
    spread = values.std(axis=1, ddof=1)
    if rule.aggregate is Aggregate.MAX:
        return np.asarray(spread)
    error = spread / float(np.sqrt(count))
    if rule.aggregate in {Aggregate.VOTE, Aggregate.FRACTION}:
        share = (count + 1) / (count + 2)
        error = np.maximum(error, float(np.sqrt(share * (1 - share) / count)))
    return np.asarray(error)
