"""How the rules of one level stand against each other, from what each frame says. Pure.

The aggregates and what they mean are described in `vsortd.judging.decide`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Race:
    """One level's competition: `probs` are p [frames, siblings + 1], none of these last."""

    parent: str
    rules: Sequence[Rule]
    vectors: LevelVectors
    probs: Array
    runs: tuple[bool, ...]  # which siblings take part
    excluded: dict[str, str]  # why some don't
    like_none: bool = False  # whether most frames are like an example of none
    memo: dict[tuple[Aggregate, float], tuple[Array, Array]] = field(default_factory=dict)  # what `_values` answered


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule against the others, all scored by its aggregate; `rival` is a column of the race."""

    column: int
    score: float
    margin: float
    rival: int
    none: float
    score_error: float
    margin_error: float


def reaches(rule: Rule, standing: Standing, *, errors: float = 0.0) -> bool:
    """Tell whether a rule reaches its thresholds, score and margin raised by `errors` of their errors."""
    score, margin = standing.score, standing.margin
    if errors:  # the error of a single frame is infinite
        score, margin = score + errors * standing.score_error, margin + errors * standing.margin_error
    return score >= rule.min_score - EPSILON and margin >= rule.min_margin - EPSILON


def is_settled(race: Race, own: Array, standing: Standing, *, wins: bool) -> bool:
    """Tell whether the level's outcome survives scores that are two standard errors off.

    A winner must still reach its thresholds with score and margin lowered by that much; where nobody wins,
    nobody may reach them with both raised. One frame settles nothing.
    """
    if wins:
        return reaches(race.rules[standing.column], standing, errors=-SETTLED_ERRORS)
    for column, rule in enumerate(race.rules):
        if not race.runs[column]:
            continue
        values, _ = values_of(race, rule)
        if own[column] + SETTLED_ERRORS * _error(values[:, column], rule) < rule.min_score - EPSILON:
            continue  # out of reach by its score alone, so its rivals need not be looked at
        if reaches(rule, standing_of(race, column), errors=SETTLED_ERRORS):
            return False
    return len(race.probs) > 1


def values_of(race: Race, rule: Rule) -> tuple[Array, Array]:
    """Return what each frame says about each column under a rule's aggregate, and the aggregated scores."""
    asked = (rule.aggregate, rule.fraction_level)
    if asked not in race.memo:
        race.memo[asked] = _aggregated(race.probs, rule)
    return race.memo[asked]


def _aggregated(probs: Array, rule: Rule) -> tuple[Array, Array]:
    if rule.aggregate is Aggregate.MAX:
        return probs, probs.max(axis=0)
    if rule.aggregate is Aggregate.VOTE:
        winners = np.argmax(np.round(probs, DECIMALS), axis=1)  # the first of equals
        values = (winners[:, None] == np.arange(probs.shape[1])).astype(np.float64)
    elif rule.aggregate is Aggregate.FRACTION:
        values = (probs >= rule.fraction_level - EPSILON).astype(np.float64)
        values[:, -1] = 0.0  # none of these has already had its part in p
    else:
        values = probs
    return values, values.mean(axis=0)


def standing_of(race: Race, column: int) -> Standing:
    """Set a rule against the others under its own aggregate."""
    rule = race.rules[column]
    values, scores = values_of(race, rule)
    against = scores.copy()
    if rule.aggregate is Aggregate.MAX:
        against[-1] = race.probs[int(np.argmax(race.probs[:, column])), -1]
    if rule.min_score <= 0 and not race.vectors.configured and not race.like_none:
        against[-1] = 0.0
    against[column] = -1.0
    rival = int(np.argmax(np.round(against, DECIMALS)))
    lead = values[:, column] - values[:, rival]
    return Standing(
        column=column,
        score=float(scores[column]),
        margin=float(scores[column] - against[rival]),
        rival=rival,
        none=float(scores[-1] if rule.aggregate is not Aggregate.MAX else against[-1]),
        score_error=_error(values[:, column], rule),
        margin_error=_error(lead, rule),
    )


def _error(values: Array, rule: Rule) -> float:
    """Estimate how far an aggregate of these frames may be from that of all frames of the video.

    The standard error of the mean over frames. For shares of frames not less than that of (n+1)/(n+2), since
    eight of eight is no proof; for `max` the spread itself, since one other frame can change it. Infinite
    for a single frame.
    """
    count = len(values)
    if count == 1:
        return float("inf")
    spread = float(values.std(ddof=1))
    if rule.aggregate is Aggregate.MAX:
        return spread
    error = spread / float(np.sqrt(count))
    if rule.aggregate in {Aggregate.VOTE, Aggregate.FRACTION}:
        share = (count + 1) / (count + 2)
        error = max(error, float(np.sqrt(share * (1 - share) / count)))
    return error
