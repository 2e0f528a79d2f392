"""From the embeddings of a video's frames to a decision with its reasons. Pure: no I/O, no clock, no model.

What each frame says about a level's rules, p, is `competition`'s; this module aggregates it over the frames and walks
down the tree. Over n frames a rule scores, by its own `aggregate`: `mean` of p; `vote`, the share of frames that it
wins; `max` of p; `fraction`, the share of frames with p ≥ `fraction_level`. The margin is the lead over the next
sibling, scored by the same aggregate, or over none of these. `max` and `fraction` ask whether something shows up at
all, so frames of something else don't count against it: none of these competes there within the frame only (for `max`
in the rule's best frame, for `fraction` through p itself).

A rule with `min_score: 0` is meant to win with any score: none of these then has no say against it, unless the config
itself names some (`none_of_these`), or most frames are like an example of none; built-in negatives guard thresholds,
not the wish to do without.

At each level, first the rules that don't compete, in the order of the file: one with conditions only takes a video
for which they hold, one that `contains` something takes a video that shows it for long enough. Then the others
compete, as far as their conditions hold, and with them those that were taught by examples. The rule with the highest
score wins its level if score ≥ `min_score` and margin ≥ `min_margin`; then its children compete. Ties, also between
frames of a vote: the earlier rule in the file; a rule before none of these. Scores that differ by less than 1e-9 are
equal. A rule whose words the model doesn't know takes no part and scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import OnUnsure
from vsortd.core.text import counted
from vsortd.errors import ModelError
from vsortd.judging.aggregation import DECIMALS, EPSILON, Race, Standing, is_settled, reaches, standing_of, values_of
from vsortd.judging.conditions import unmet
from vsortd.judging.frame_scores import beyond_common, competition, presence, seconds_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.rules import Rule, RuleTree, TagRule
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.judging.frame_scores import Array
    from vsortd.vision.prompts import RuleVectors

NONE: Final = "(none of these)"
_SHOWN_WORDS: Final = 3


class DecisionOutcome(StrEnum):
    """Where a decision sends a video."""

    FILED = "filed"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class LevelResult:
    """How the siblings under `parent` ("" at the top) did.

    `scores` maps each sibling's name, and `(none of these)`, to its aggregated probability. `best` is the
    rule that came first (also when it did not win; "" if the model knows none), `score`, `margin` and
    `runner_up` are its own. `excluded` says of each rule whose conditions don't hold why.
    """

    parent: str
    scores: dict[str, float]
    winner: str | None
    score: float
    margin: float
    runner_up: str
    reason: str
    best: str = ""
    excluded: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a video belongs, and why.

    `rule` is the key of the deepest rule that won, "" if none did. `score` and `margin` are those of the
    deepest level won or, for a video sent to review, of the best candidate there. `frame_scores` maps the
    key of every rule that competed to its probability in each frame. `settled` says that more frames would
    hardly change the outcome.
    """

    rule: str
    outcome: DecisionOutcome
    score: float
    margin: float
    levels: tuple[LevelResult, ...]
    reason: str
    settled: bool
    frame_scores: dict[str, tuple[float, ...]]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Film:
    """What is known of the video: unit rows [frames, dim], when each frame is shown [frames], and its facts if any."""

    frames: Array
    times_ms: npt.NDArray[np.int64]
    facts: ConditionFacts | None

    @property
    def duration_s(self) -> float:
        """How long the video is, 0.0 if unknown."""
        return self.facts.clip.duration_s if self.facts else 0.0


def decide(
    tree: RuleTree,
    vectors: RuleVectors,
    embeddings: npt.NDArray[np.float32],
    *,
    times_ms: npt.NDArray[np.int64] | None = None,
    facts: ConditionFacts | None = None,
) -> Decision:
    """Walk down the tree from winner to winner.

    `vectors` are made of this tree; `embeddings` are unit rows [frames ≥ 1, dim], shown at `times_ms` [frames] (by
    default one a second, for what is timed). Without `facts` no condition holds. Raises ModelError for embeddings that
    are no numbers, ValueError for none at all or for vectors of another tree.
    """
    frames = _checked(embeddings, vectors)
    shown_ms = np.arange(len(frames), dtype=np.int64) * 1000 + 500 if times_ms is None else np.asarray(times_ms)
    film = _Film(frames, shown_ms, facts)
    levels: list[LevelResult] = []
    frame_scores: dict[str, tuple[float, ...]] = {}
    tags, settled = _tags(tree, vectors, film)
    won: Rule | None = None
    siblings = tree.rules
    while siblings:
        parent = won.key if won else ""
        excluded = _excluded(siblings, facts)
        found = _taken(parent, siblings, vectors, film, excluded)
        settled = settled and found.sure
        frame_scores.update(found.frame_scores)
        level, winner = found.level, found.winner
        if level is None:
            race = _race(parent, siblings, tree, vectors, frames, excluded)
            prefix = f"{parent}/" if parent else ""
            frame_scores.update(
                (prefix + rule.name, tuple(race.probs[:, column].tolist()))
                for column, rule in enumerate(siblings)
                if rule.prompts
            )
            level, winner, sure = _judge(race)
            settled = settled and sure
        levels.append(level)
        if winner is None:
            break
        won, siblings = winner, winner.rules
    return _conclude(won, levels, frame_scores, tags=tags, settled=settled)


def _excluded(siblings: Sequence[Rule], facts: ConditionFacts | None) -> dict[int, str]:
    """Return why some siblings may not take part, by their column."""
    found = {}
    for column, rule in enumerate(siblings):
        if rule.when is not None:
            why = unmet(rule.when, facts) if facts else "nothing is known of the file"
            if why:
                found[column] = why
    return found


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of the siblings that don't compete: the level if one of them took the video."""

    level: LevelResult | None
    winner: Rule | None
    frame_scores: dict[str, tuple[float, ...]]
    sure: bool  # more frames would hardly change this


def _taken(
    parent: str, siblings: Sequence[Rule], vectors: RuleVectors, film: _Film, excluded: dict[int, str]
) -> _Taken:
    """Ask the rules that don't compete, in the order of the file."""
    frame_scores: dict[str, tuple[float, ...]] = {}
    why_out = {siblings[column].name: why for column, why in excluded.items()}
    sure = True
    for column, rule in enumerate(siblings):
        if rule.prompts or column in excluded:
            continue
        score, reason = 1.0, f"{rule.key}: its conditions hold"
        if rule.contains is not None:
            probs = presence(vectors, rule.key, film.frames)
            frame_scores[rule.key] = tuple(probs.tolist())
            seen_s = seconds_shown(probs >= rule.contains.level - EPSILON, film.times_ms, film.duration_s)
            if not seen_s or seen_s < rule.contains.min_seconds_s:
                sure = False  # it may be shown between the frames
                continue
            score = float(probs.max())
            reason = f"{rule.key}: contains '{rule.contains.prompts[0]}' for {seen_s:.1f} s, at best {score:.2f}"
        level = LevelResult(parent, {rule.name: score}, rule.name, score, score, NONE, reason, rule.name, why_out)
        return _Taken(level, rule, frame_scores, sure=sure)  # an earlier one may yet show between the frames
    return _Taken(None, None, frame_scores, sure=sure)


def _tags(tree: RuleTree, vectors: RuleVectors, film: _Film) -> tuple[tuple[str, ...], bool]:
    """Return the tags of a video, and whether more frames could not bring another."""
    found, sure = [], True
    for tag in tree.tags:
        if tag.when is not None and (film.facts is None or unmet(tag.when, film.facts)):
            continue
        if not tag.prompts or _is_shown(tag, vectors, film):
            found.append(tag.name)
        else:
            sure = False
    return tuple(found), sure


def _is_shown(tag: TagRule, vectors: RuleVectors, film: _Film) -> bool:
    shown = presence(vectors, f"#{tag.name}", film.frames) >= tag.level - EPSILON
    seen_s = seconds_shown(shown, film.times_ms, film.duration_s)
    return seen_s > 0 and seen_s >= tag.min_seconds


def _conclude(
    won: Rule | None,
    levels: list[LevelResult],
    frame_scores: dict[str, tuple[float, ...]],
    *,
    tags: tuple[str, ...],
    settled: bool,
) -> Decision:
    last = levels[-1]
    undecided = last.winner is None
    review = undecided and (won is None or won.on_unsure is OnUnsure.REVIEW)
    deepest = last if review or not undecided else levels[-2]
    reason = last.reason if won is None or not undecided else f"{levels[-2].reason}; below it {last.reason}"
    return Decision(
        rule=won.key if won else "",
        outcome=DecisionOutcome.REVIEW if review else DecisionOutcome.FILED,
        score=deepest.score,
        margin=deepest.margin,
        levels=tuple(levels),
        reason=reason,
        settled=settled,
        frame_scores=frame_scores,
        tags=tags,
    )


def _checked(embeddings: npt.NDArray[np.float32], vectors: RuleVectors) -> Array:
    frames = np.asarray(embeddings, dtype=np.float64)
    if not frames.size or frames.shape != (len(frames), vectors.dim):
        raise ValueError(f"wants [frames, {vectors.dim}] with at least one frame, got {list(frames.shape)}")
    if not np.isfinite(frames).all():
        raise ModelError("The embeddings of a video are no numbers; nothing can be decided on them.")
    return frames


def _race(  # noqa: PLR0917 - everything that a level's race depends on
    parent: str,
    rules: Sequence[Rule],
    tree: RuleTree,
    vectors: RuleVectors,
    frames: Array,
    excluded: dict[int, str],
) -> Race:
    level = vectors.levels.get(parent)
    if level is None or level.names != tuple(rule.name for rule in rules):
        raise ValueError(f"the vectors were made of other rules (level {parent!r})")
    probs = competition(vectors, parent, frames, hierarchy=tree.hierarchy, excluded=excluded)
    runs = tuple(competes and column not in excluded for column, competes in enumerate(level.competes))
    why_out = {rules[column].name: why for column, why in excluded.items()}
    none = level.none_examples
    like_none = none is not None and 2 * np.count_nonzero(beyond_common(level, none, frames)) > len(frames)
    return Race(parent, rules, level, probs, runs, why_out, bool(like_none))


def _judge(race: Race) -> tuple[LevelResult, Rule | None, bool]:
    """Return the level as people see it, its winner if there is one, and whether that is settled."""
    own = np.array([values_of(race, rule)[1][column] for column, rule in enumerate(race.rules)])
    scores = {rule.name: float(score) for rule, score in zip(race.rules, own, strict=True)}
    runs = np.asarray(race.runs, dtype=bool)
    if not runs.any():
        scores[NONE] = float(race.probs[:, -1].mean())
        why = _unknown(race) or "the conditions of no rule hold"
        reason = f"unsure: {why}" + "".join(f"; {name}: {said}" for name, said in list(race.excluded.items())[:1])
        return LevelResult(race.parent, scores, None, 0.0, -scores[NONE], NONE, reason, "", race.excluded), None, True
    column = int(np.argmax(np.where(runs, np.round(own, DECIMALS), -1.0)))
    standing = standing_of(race, column)
    scores[NONE] = standing.none
    best = race.rules[column]
    wins = reaches(best, standing)
    level = LevelResult(
        parent=race.parent,
        scores=scores,
        winner=best.name if wins else None,
        score=standing.score,
        margin=standing.margin,
        runner_up=NONE if standing.rival == len(race.rules) else race.rules[standing.rival].name,
        reason=_reason(race, standing, wins=wins),
        best=best.name,
        excluded=race.excluded,
    )
    return level, best if wins else None, is_settled(race, own, standing, wins=wins)


def _reason(race: Race, standing: Standing, *, wins: bool) -> str:
    """Say in one sentence why the level ended as it did."""
    rule = race.rules[standing.column]
    key = f"{race.parent}/{rule.name}" if race.parent else rule.name
    rival = _rival_name(race, standing)
    other = standing.score - standing.margin
    if wins:
        count = len(race.probs)
        frames = counted(count, "frame")
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
    taught = ""
    if race.like_none and standing.rival == len(race.rules):
        taught = f"like a video that you said belongs nowhere{f' below {race.parent}' if race.parent else ''}"
    return "; ".join(filter(None, (f"unsure: {why}", taught, _unknown(race))))


def _rival_name(race: Race, standing: Standing) -> str:
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


def _unknown(race: Race) -> str:
    """Name the words that kept rules out, or return ""."""
    words = [
        word
        for competes, own in zip(race.vectors.competes, race.vectors.unknown, strict=True)
        if not competes
        for word in own
    ]
    words = list(dict.fromkeys(words))
    if not words:
        return ""
    shown = ", ".join(f"'{word}'" for word in words[:_SHOWN_WORDS])
    more = f" and {len(words) - _SHOWN_WORDS} more words" if len(words) > _SHOWN_WORDS else ""
    return f"the model doesn't know {shown}{more}"
