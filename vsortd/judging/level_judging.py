"""The competition of one level's rules, or of a facet's values, over the frames of many videos. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vsortd.judging.aggregation import DECIMALS, Race, reaches, standings_of, stays_undecided, stays_won, values_of
from vsortd.judging.decision import NONE, LevelResult
from vsortd.judging.decision_reasons import reason_of, unknown_words
from vsortd.judging.frame_scores import beyond_common, competition, facet_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.choices import Hierarchy
    from vsortd.config.rules import FacetRule, Rule
    from vsortd.judging.aggregation import Standing
    from vsortd.judging.frame_scores import Array
    from vsortd.judging.sound_evidence import LevelSound
    from vsortd.vision.prompts import RuleVectors


@dataclass(frozen=True, slots=True)
class JudgedLevel:
    """How a level came out for one video: as people see it, its winner if there is one, whether that is settled.

    `frame_scores` has for each rule that competed, by its key, its probability in each frame.
    """

    level: LevelResult
    winner: Rule | None
    settled: bool
    frame_scores: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class LevelEntry:
    """One video in a level's competition: why some siblings may not take part, by their column, and what it hears."""

    excluded: dict[int, str]
    sound: LevelSound | None = None


def judge_level(  # noqa: PLR0917 - everything that a level's race depends on
    parent: str,
    rules: Sequence[Rule],
    hierarchy: Hierarchy,
    vectors: RuleVectors,
    frames: Array,
    entries: Sequence[LevelEntry],
    *,
    by_frame: bool = True,
) -> list[JudgedLevel]:
    """Let the siblings under `parent` compete over the frames [v, n, dim] of v videos.

    All of these exclude the same siblings, and hear something or not. Without `by_frame` no `frame_scores` are told.
    Raises ValueError for vectors of other rules.
    """
    sounds = [entry.sound for entry in entries if entry.sound is not None]
    added = np.concatenate([sound.added for sound in sounds]) if sounds else None
    shut = tuple(entries[0].excluded)
    race = _race(parent, rules, hierarchy, vectors, frames, shut, added)
    excluded = [{rules[column].name: why for column, why in one.excluded.items()} for one in entries]
    prefix = f"{parent}/" if parent else ""
    told = [(column, prefix + one.name) for column, one in enumerate(rules) if one.prompts] if by_frame else []
    keys = [(key, race.probs[:, :, column].tolist()) for column, key in told]
    found = _judge(
        race, excluded, [{key: tuple(shares[number]) for key, shares in keys} for number in range(len(entries))]
    )
    if not sounds:
        return found
    alone = _named(race, _own_scores(_race(parent, rules, hierarchy, vectors, frames, shut)))
    return [
        replace(one, level=replace(one.level, heard=_heard(rules, sound), seen=seen))
        for one, sound, seen in zip(found, sounds, alone, strict=True)
    ]


def judge_facet(facet: FacetRule, vectors: RuleVectors, frames: Array) -> list[JudgedLevel]:
    """Let the values of a facet compete over the frames [v, n, dim] of v videos; see `judge_level`."""
    level = vectors.facets.get(facet.name)
    if level is None or level.names != tuple(value.name for value in facet.values):
        raise ValueError(f"the vectors were made of other facets ({facet.name!r})")
    videos, count, dim = frames.shape
    shares = facet_shares(vectors, facet.name, frames.reshape(videos * count, dim)).reshape(videos, count, -1)
    race = Race("", facet.values, level, shares, level.competes, np.zeros(videos, np.bool_))
    return [
        replace(one, level=replace(one.level, parent=facet.name)) for one in _judge(race, [{}] * videos, [{}] * videos)
    ]


def _race(  # noqa: PLR0917 - everything that it depends on
    parent: str,
    rules: Sequence[Rule],
    hierarchy: Hierarchy,
    vectors: RuleVectors,
    frames: Array,
    shut: tuple[int, ...],
    heard: Array | None = None,
) -> Race:
    level = vectors.levels.get(parent)
    if level is None or level.names != tuple(rule.name for rule in rules):
        raise ValueError(f"the vectors were made of other rules (level {parent!r})")
    videos, count, dim = frames.shape
    rows = frames.reshape(videos * count, dim)
    probs = competition(vectors, parent, rows, hierarchy=hierarchy, excluded=shut, heard=heard)
    runs = tuple(competes and column not in shut for column, competes in enumerate(level.competes))
    like_none = np.zeros(videos, np.bool_)
    if level.none_examples is not None:
        beyond = beyond_common(level, level.none_examples, rows).reshape(videos, count)
        like_none = 2 * np.count_nonzero(beyond, axis=1) > count
    return Race(parent, rules, level, probs.reshape(videos, count, -1), runs, like_none)


def _judge(
    race: Race, excluded: Sequence[dict[str, str]], frame_scores: Sequence[dict[str, tuple[float, ...]]]
) -> list[JudgedLevel]:
    """Judge each video; `excluded` says of each why some siblings may not take part."""
    own = _own_scores(race)
    named = _named(race, own)
    if not any(race.runs):
        return [
            _nobody_runs(race, scores, why_out, frames, none)
            for scores, why_out, frames, none in zip(
                named, excluded, frame_scores, race.probs[:, :, -1].mean(axis=1).tolist(), strict=True
            )
        ]
    columns = np.argmax(np.where(race.runs, np.round(own, DECIMALS), -1.0), axis=1)
    found: dict[int, JudgedLevel] = {}
    for column in np.unique(columns).tolist():
        videos = np.flatnonzero(columns == column)
        part = race.of(videos)
        standings = standings_of(part, column)
        wins = reaches(race.rules[column], standings)
        settled = stays_won(part, standings)
        if not wins.all():
            lost = np.flatnonzero(~wins)
            settled[lost] = stays_undecided(part.of(lost), own[videos[lost]])
        each = zip(videos.tolist(), standings.each(), wins.tolist(), settled.tolist(), strict=True)
        for video, standing, won, is_settled in each:
            scores = {**named[video], NONE: standing.none}
            level = _level(race, standing, scores, excluded[video], wins=won, like_none=bool(race.like_none[video]))
            found[video] = JudgedLevel(level, race.rules[column] if won else None, is_settled, frame_scores[video])
    return [found[video] for video in range(len(columns))]


def _level(
    race: Race,
    standing: Standing,
    scores: dict[str, float],
    excluded: dict[str, str],
    *,
    wins: bool,
    like_none: bool,
) -> LevelResult:
    best = race.rules[standing.column]
    return LevelResult(
        parent=race.parent,
        scores=scores,
        winner=best.name if wins else None,
        score=standing.score,
        margin=standing.margin,
        runner_up=NONE if standing.rival == len(race.rules) else race.rules[standing.rival].name,
        reason=reason_of(race, standing, wins=wins, like_none=like_none),
        best=best.name,
        excluded=excluded,
    )


def _nobody_runs(
    race: Race,
    scores: dict[str, float],
    excluded: dict[str, str],
    frame_scores: dict[str, tuple[float, ...]],
    none: float,
) -> JudgedLevel:
    why = unknown_words(race) or "the conditions of no rule hold"
    reason = f"unsure: {why}" + "".join(f"; {name}: {said}" for name, said in list(excluded.items())[:1])
    level = LevelResult(race.parent, {**scores, NONE: none}, None, 0.0, -none, NONE, reason, "", excluded)
    return JudgedLevel(level, None, settled=True, frame_scores=frame_scores)


def _own_scores(race: Race) -> Array:
    """Return the score of each sibling by its own aggregate: [v, siblings]."""
    return np.stack([values_of(race, rule)[1][:, column] for column, rule in enumerate(race.rules)], axis=1)


def _named(race: Race, own: Array) -> list[dict[str, float]]:
    """Return the scores [v, siblings] of each video by the siblings' names."""
    names = [rule.name for rule in race.rules]
    return [dict(zip(names, scores, strict=True)) for scores in own.tolist()]


def _heard(siblings: Sequence[Rule], sound: LevelSound) -> dict[str, float]:
    """Return how probably the sound of each rule that listens is heard."""
    found = ((rule.name, sound.probability(column)) for column, rule in enumerate(siblings))
    return {name: share for name, share in found if share is not None}
