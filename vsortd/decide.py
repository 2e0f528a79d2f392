"""From the embeddings of a video's frames to a decision with its reasons. Pure: no I/O, no clock, no model.

Per frame and level, with unit vectors v (frame) and t_j (siblings and negatives), scale s and bias b:

- softmax models: p_j = exp(s·v·t_j) / Σ_k exp(s·v·t_k) over the siblings and the level's negatives.
- sigmoid models (b is a number): z_j = s·v·t_j + b and p_j = exp(z_j) / (exp(z_0) + Σ_k exp(z_k)) with z_0 =
  -10. Taken alone, sigmoid(z_j) answers 'is this one of 32,768 texts the right one' (the batch SigLIP is
  taught with), so the right label of a plain picture gets 0.22 (open_clip #716). A softmax over the labels
  alone would forget that none may fit. z_0 is the log-odds of a match in that batch (SigLIP's own initial
  bias), so p_j is the probability of label j when each label and 'none' are equally likely beforehand; for
  one label it is sigmoid(z + 10).

The negatives (and exp(z_0)) are folded into one competitor, none of these. Over n frames a rule scores, by
its own `aggregate`: `mean` of p; `vote`, the share of frames that it wins; `max` of p; `fraction`, the share
of frames with p ≥ `fraction_level`. The margin is the lead over the next sibling, scored by the same
aggregate, or over none of these. `max` and `fraction` ask whether something shows up at all, so frames of
something else don't count against it: none of these competes there within the frame only (for `max` in the
rule's best frame, for `fraction` through p itself).

A rule with `min_score: 0` is meant to win with any score: none of these then has no say against it, unless the config
itself names some (`none_of_these`); built-in negatives guard thresholds, not the wish to do without.

The rule with the highest score wins its level if score ≥ `min_score` and margin ≥ `min_margin`; then its
children compete. Ties, also between frames of a vote: the earlier rule in the file; a rule before none of
these. Scores that differ by less than 1e-9 are equal. A rule whose words the model doesn't know takes no
part and scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.errors import ModelError
from vsortd.rules import Aggregate, OnUnsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.rules import Rule, RuleTree
    from vsortd.vision.prompts import LevelVectors, RuleVectors

NONE: Final = "(none of these)"
# The log-odds that a random pair of SigLIP's training batch belongs together, ln(1/32767) ≈ -10: its initial
# bias.
SIGMOID_NONE_LOGIT: Final = -10.0
# Scores nearer than this are equal: sums in another order differ by about 1e-16, embeddings are float32.
DECIMALS: Final = 9
EPSILON: Final = 1e-9
# A decision is settled when it would survive scores that are off by this many standard errors over the
# frames.
SETTLED_ERRORS: Final = 2.0
_SHOWN_WORDS: Final = 3

_Array = npt.NDArray[np.float64]


class Outcome(StrEnum):
    """Where a decision sends a video."""

    FILED = "filed"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Level:
    """How the siblings under `parent` ("" at the top) did.

    `scores` maps each sibling's name, and `(none of these)`, to its aggregated probability. `best` is the
    rule that came first (also when it did not win; "" if the model knows none), `score`, `margin` and
    `runner_up` are its own.
    """

    parent: str
    scores: dict[str, float]
    winner: str | None
    score: float
    margin: float
    runner_up: str
    reason: str
    best: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a video belongs, and why.

    `rule` is the key of the deepest rule that won, "" if none did. `score` and `margin` are those of the
    deepest level won or, for a video sent to review, of the best candidate there. `frame_scores` maps the
    key of every rule that competed to its probability in each frame. `settled` says that more frames would
    hardly change the outcome.
    """

    rule: str
    outcome: Outcome
    score: float
    margin: float
    levels: tuple[Level, ...]
    reason: str
    settled: bool
    frame_scores: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class _Race:
    """One level's competition: p [frames, siblings + 1], none of these last."""

    parent: str
    rules: Sequence[Rule]
    vectors: LevelVectors
    probs: _Array
    memo: dict[tuple[Aggregate, float], tuple[_Array, _Array]] = field(default_factory=dict)  # what `_values` answered


@dataclass(frozen=True, slots=True)
class _Standing:
    """A rule against the others, all scored by its aggregate; `rival` is a column of the race."""

    column: int
    score: float
    margin: float
    rival: int
    none: float
    score_error: float
    margin_error: float


def decide(tree: RuleTree, vectors: RuleVectors, embeddings: npt.NDArray[np.float32]) -> Decision:
    """Walk down the tree from winner to winner.

    `vectors` are made of this tree; `embeddings` are unit rows [frames ≥ 1, dim]. Raises ModelError for
    embeddings that are no numbers, ValueError for none at all or for vectors of another tree.
    """
    frames = _checked(embeddings, vectors)
    levels: list[Level] = []
    frame_scores: dict[str, tuple[float, ...]] = {}
    settled = True
    won: Rule | None = None
    siblings = tree.rules
    while siblings:
        race = _race(won.key if won else "", siblings, vectors, frames)
        prefix = f"{race.parent}/" if race.parent else ""
        frame_scores.update(
            (prefix + rule.name, tuple(race.probs[:, column].tolist())) for column, rule in enumerate(siblings)
        )
        level, winner, sure = _judge(race)
        levels.append(level)
        settled = settled and sure
        if winner is None:
            break
        won, siblings = winner, winner.rules
    return _conclude(won, levels, frame_scores, settled=settled)


def _conclude(
    won: Rule | None, levels: list[Level], frame_scores: dict[str, tuple[float, ...]], *, settled: bool
) -> Decision:
    last = levels[-1]
    undecided = last.winner is None
    review = undecided and (won is None or won.on_unsure is OnUnsure.REVIEW)
    deepest = last if review or not undecided else levels[-2]
    reason = last.reason if won is None or not undecided else f"{levels[-2].reason}; below it {last.reason}"
    return Decision(
        rule=won.key if won else "",
        outcome=Outcome.REVIEW if review else Outcome.FILED,
        score=deepest.score,
        margin=deepest.margin,
        levels=tuple(levels),
        reason=reason,
        settled=settled,
        frame_scores=frame_scores,
    )


def _checked(embeddings: npt.NDArray[np.float32], vectors: RuleVectors) -> _Array:
    frames = np.asarray(embeddings, dtype=np.float64)
    if not frames.size or frames.shape != (len(frames), vectors.dim):
        raise ValueError(f"wants [frames, {vectors.dim}] with at least one frame, got {list(frames.shape)}")
    if not np.isfinite(frames).all():
        raise ModelError("The embeddings of a video are no numbers; nothing can be decided on them.")
    return frames


def _race(parent: str, rules: Sequence[Rule], vectors: RuleVectors, frames: _Array) -> _Race:
    level = vectors.levels.get(parent)
    if level is None or level.names != tuple(rule.name for rule in rules):
        raise ValueError(f"the vectors were made of other rules (level {parent!r})")
    return _Race(parent, rules, level, competition(level, frames, vectors.logit_scale, vectors.logit_bias))


def competition(level: LevelVectors, frames: _Array, scale: float, bias: float | None) -> _Array:
    """Return p of every sibling and, last, of none of these: [frames, siblings + 1]; rows add up to 1.

    See the module's formulas. Unknown rules get 0.
    """
    logits = scale * (frames @ level.vectors.astype(np.float64).T)
    logits[:, ~np.asarray(level.known, dtype=bool)] = -np.inf
    against = scale * (frames @ level.negative_vectors.astype(np.float64).T)
    if bias is not None:
        logits, against = logits + bias, against + bias
        against = np.hstack([against, np.full((len(frames), 1), SIGMOID_NONE_LOGIT)])
    elif not against.shape[1] and not any(level.known):
        against = np.zeros((len(frames), 1))  # nobody runs: none of these has it
    together = np.hstack([logits, against])
    weights = np.exp(together - together.max(axis=1, keepdims=True))
    probs = weights / weights.sum(axis=1, keepdims=True)
    count = logits.shape[1]
    return np.hstack([probs[:, :count], probs[:, count:].sum(axis=1, keepdims=True)])


def _judge(race: _Race) -> tuple[Level, Rule | None, bool]:
    """Return the level as people see it, its winner if there is one, and whether that is settled."""
    own = np.array([_values(race, rule)[1][column] for column, rule in enumerate(race.rules)])
    scores = {rule.name: float(score) for rule, score in zip(race.rules, own, strict=True)}
    known = np.asarray(race.vectors.known, dtype=bool)
    if not known.any():
        scores[NONE] = float(race.probs[:, -1].mean())
        level = Level(race.parent, scores, None, 0.0, -scores[NONE], NONE, f"unsure: {_unknown(race)}")
        return level, None, True
    column = int(np.argmax(np.where(known, np.round(own, DECIMALS), -1.0)))
    standing = _standing(race, column)
    scores[NONE] = standing.none
    best = race.rules[column]
    wins = _wins(best, standing)
    level = Level(
        parent=race.parent,
        scores=scores,
        winner=best.name if wins else None,
        score=standing.score,
        margin=standing.margin,
        runner_up=NONE if standing.rival == len(race.rules) else race.rules[standing.rival].name,
        reason=_reason(race, standing, wins=wins),
        best=best.name,
    )
    return level, best if wins else None, _settled(race, own, standing, wins=wins)


def _wins(rule: Rule, standing: _Standing, *, errors: float = 0.0) -> bool:
    """Tell whether a rule reaches its thresholds, score and margin raised by `errors` of their errors."""
    score, margin = standing.score, standing.margin
    if errors:  # the error of a single frame is infinite
        score, margin = score + errors * standing.score_error, margin + errors * standing.margin_error
    return score >= rule.min_score - EPSILON and margin >= rule.min_margin - EPSILON


def _settled(race: _Race, own: _Array, standing: _Standing, *, wins: bool) -> bool:
    """Tell whether the level's outcome survives scores that are two standard errors off.

    A winner must still reach its thresholds with score and margin lowered by that much; where nobody wins,
    nobody may reach them with both raised. One frame settles nothing.
    """
    if wins:
        return _wins(race.rules[standing.column], standing, errors=-SETTLED_ERRORS)
    for column, rule in enumerate(race.rules):
        if not race.vectors.known[column]:
            continue
        values, _ = _values(race, rule)
        if own[column] + SETTLED_ERRORS * _error(values[:, column], rule) < rule.min_score - EPSILON:
            continue  # out of reach by its score alone, so its rivals need not be looked at
        if _wins(rule, _standing(race, column), errors=SETTLED_ERRORS):
            return False
    return len(race.probs) > 1


def _values(race: _Race, rule: Rule) -> tuple[_Array, _Array]:
    """Return what each frame says about each column under a rule's aggregate, and the aggregated scores."""
    asked = (rule.aggregate, rule.fraction_level)
    if asked not in race.memo:
        race.memo[asked] = _aggregated(race.probs, rule)
    return race.memo[asked]


def _aggregated(probs: _Array, rule: Rule) -> tuple[_Array, _Array]:
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


def _standing(race: _Race, column: int) -> _Standing:
    """Set a rule against the others under its own aggregate."""
    rule = race.rules[column]
    values, scores = _values(race, rule)
    against = scores.copy()
    if rule.aggregate is Aggregate.MAX:
        against[-1] = race.probs[int(np.argmax(race.probs[:, column])), -1]
    if rule.min_score <= 0 and not race.vectors.configured:
        against[-1] = 0.0
    against[column] = -1.0
    rival = int(np.argmax(np.round(against, DECIMALS)))
    lead = values[:, column] - values[:, rival]
    return _Standing(
        column=column,
        score=float(scores[column]),
        margin=float(scores[column] - against[rival]),
        rival=rival,
        none=float(scores[-1] if rule.aggregate is not Aggregate.MAX else against[-1]),
        score_error=_error(values[:, column], rule),
        margin_error=_error(lead, rule),
    )


def _error(values: _Array, rule: Rule) -> float:
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


def _reason(race: _Race, standing: _Standing, *, wins: bool) -> str:
    """Say in one sentence why the level ended as it did."""
    rule = race.rules[standing.column]
    key = f"{race.parent}/{rule.name}" if race.parent else rule.name
    rival = _rival_name(race, standing)
    other = standing.score - standing.margin
    if wins:
        count = len(race.probs)
        frames = f"{count} frame{'s' * (count != 1)}"
        return f"{key}: {standing.score:.2f}, {standing.margin:.2f} ahead of {rival} ({frames})"
    if standing.margin < -EPSILON:
        low, high = _apart(standing.score, other)
        why = f"{rival} {high} is ahead of {key} {low}"
    elif standing.score < rule.min_score - EPSILON:
        score, limit = _apart(standing.score, rule.min_score)
        why = f"{key} {score} is under min_score {limit}; next is {rival} {other:.2f}"
    else:
        margin, limit = _apart(standing.margin, rule.min_margin)
        lead = f"{key} {standing.score:.2f} is only {margin} ahead of {rival} {other:.2f}"
        why = f"{lead}, under min_margin {limit}"
    unknown = _unknown(race)
    return f"unsure: {why}{'; ' if unknown else ''}{unknown}"


def _rival_name(race: _Race, standing: _Standing) -> str:
    if standing.rival == len(race.rules):
        return "none of these"
    name = race.rules[standing.rival].name
    return f"{race.parent}/{name}" if race.parent else name


def _apart(small: float, large: float) -> tuple[str, str]:
    """Format two numbers with as many decimals as it takes to tell them apart, two at least."""
    for decimals in range(2, DECIMALS):
        texts = f"{small:.{decimals}f}", f"{large:.{decimals}f}"
        if texts[0] != texts[1]:
            break
    return texts


def _unknown(race: _Race) -> str:
    """Name the words that kept rules out, or return ""."""
    words = [
        word for known, own in zip(race.vectors.known, race.vectors.unknown, strict=True) if not known for word in own
    ]
    words = list(dict.fromkeys(words))
    if not words:
        return ""
    shown = ", ".join(f"'{word}'" for word in words[:_SHOWN_WORDS])
    more = f" and {len(words) - _SHOWN_WORDS} more words" if len(words) > _SHOWN_WORDS else ""
    return f"the model doesn't know {shown}{more}"
