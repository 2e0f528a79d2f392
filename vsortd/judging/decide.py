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

Before all rules come the tags, for rules may ask for them (`when: {tags: mood:calm}`): those of `tags`, then one of
each facet at most. A facet's values compete as rules do, among themselves and with the facet's own none of these, by
`defaults`; the value that wins as a rule would is the tag `facet:value`.

At each level, first the rules that don't compete, in the order of the file: one with conditions only takes a video
for which they hold, one that `contains` something takes a video that shows it for long enough, in whole frames or
where a closer look goes (`vsortd.judging.closer_look`). Then the others compete, as far as their conditions hold, and
with them those that were taught by examples. The rule with the highest score wins its level if score ≥ `min_score` and
margin ≥ `min_margin`; then its children compete. Ties, also between frames of a vote: the earlier rule in the file; a
rule before none of these. Scores that differ by less than 1e-9 are equal. A rule whose words the model doesn't know
takes no part and scores 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import OnUnsure
from vsortd.errors import ModelError
from vsortd.judging.aggregation import EPSILON
from vsortd.judging.closer_look import NOTHING_SEEN, is_closer, sighting_of, sought_words
from vsortd.judging.conditions import unmet
from vsortd.judging.decision import NONE, Decision, DecisionOutcome, LevelResult
from vsortd.judging.frame_scores import presence, seconds_shown
from vsortd.judging.level_judging import JudgedLevel, LevelEntry, judge_facet, judge_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.condition_options import When
    from vsortd.config.rules import Rule, RuleTree, TagRule
    from vsortd.config.tag_options import Contains
    from vsortd.judging.closer_look import CloserLook, Sighting
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.judging.frame_scores import Array
    from vsortd.judging.sound_evidence import HeardRules
    from vsortd.vision.prompts import RuleVectors

__all__ = ["NONE", "Decision", "DecisionOutcome", "LevelResult", "SeenVideo", "decide", "decide_all"]


@dataclass(frozen=True, slots=True, eq=False)
class SeenVideo:
    """What is known of a video that is to be decided on.

    `embeddings` are unit rows [frames ≥ 1, dim], shown at `times_ms` [frames]; None stands for one a second. Without
    `facts` no condition holds; what a closer look is needed for, and isn't in `closer`, is not found; `heard` is what
    the rules that listen hear.
    """

    embeddings: npt.NDArray[np.floating]
    times_ms: npt.NDArray[np.int64] | None = None
    facts: ConditionFacts | None = None
    heard: HeardRules | None = None
    closer: CloserLook = NOTHING_SEEN


def decide(
    tree: RuleTree,
    vectors: RuleVectors,
    embeddings: npt.NDArray[np.float32],
    *,
    times_ms: npt.NDArray[np.int64] | None = None,
    facts: ConditionFacts | None = None,
    heard: HeardRules | None = None,
    closer: CloserLook = NOTHING_SEEN,
) -> Decision:
    """Walk down the tree from winner to winner; see `SeenVideo` for what is known, and `decide_all`."""
    return decide_all(tree, vectors, [SeenVideo(embeddings, times_ms, facts, heard, closer)])[0]


def decide_all(
    tree: RuleTree, vectors: RuleVectors, videos: Sequence[SeenVideo], *, by_frame: bool = True
) -> list[Decision]:
    """Walk down the tree from winner to winner, with many videos at once; each is decided as if it were alone.

    `vectors` are made of this tree. Without `by_frame` the decisions don't tell what each frame says of the rules that
    compete, which takes a tenth of the time. Raises ModelError for embeddings that are no numbers, ValueError for a
    video without any or for vectors of another tree.
    """
    by_frames: dict[int, list[int]] = {}
    for number, video in enumerate(videos):
        by_frames.setdefault(_frame_count(video.embeddings, vectors), []).append(number)
    found: dict[int, Decision] = {}
    for numbers in by_frames.values():
        shown = _Shown(vectors, _stacked([videos[number].embeddings for number in numbers]), by_frame=by_frame)
        walks = [_Walk(tree, shown, row, videos[number]) for row, number in enumerate(numbers)]
        found.update(zip(numbers, _walked(tree, shown, walks), strict=True))
    return [found[number] for number in range(len(videos))]


class _Shown:
    """The frames of v videos, unit rows [v, frames, dim], and what they say of things looked for, worked out once."""

    def __init__(self, vectors: RuleVectors, frames: Array, *, by_frame: bool) -> None:
        self.vectors = vectors
        self.frames = frames
        self.by_frame = by_frame
        self._presence: dict[str, Array] = {}

    def of(self, rows: list[int]) -> Array:
        """Return the frames of some videos, in this order."""
        return self.frames if rows == list(range(len(self.frames))) else self.frames[rows]

    def presence(self, key: str) -> Array:
        """Return for each frame how probably it shows what `vectors.detectors[key]` looks for: [v, frames]."""
        if key not in self._presence:
            videos, count, dim = self.frames.shape
            probs = presence(self.vectors, key, self.frames.reshape(videos * count, dim))
            self._presence[key] = probs.reshape(videos, count)
        return self._presence[key]


class _Walk:
    """One video, `row` of the shown ones, on its way down the tree: what was found so far."""

    def __init__(self, tree: RuleTree, shown: _Shown, row: int, video: SeenVideo) -> None:
        self.row = row
        self.shown = shown
        self.vectors = shown.vectors
        self.facts = video.facts
        self.heard = video.heard
        self.closer = video.closer
        count = shown.frames.shape[1]
        self.times_ms = (
            np.arange(count, dtype=np.int64) * 1000 + 500 if video.times_ms is None else np.asarray(video.times_ms)
        )
        self.duration_s = video.facts.clip.duration_s if video.facts else 0.0  # 0.0: unknown
        self.won: Rule | None = None
        self.levels: list[LevelResult] = []
        self.facets: list[LevelResult] = []
        self.frame_scores: dict[str, tuple[float, ...]] = {}
        self.sightings: dict[str, Sighting] = {}
        self.tags, self.settled = self._plain_tags(tree)

    def presence(self, key: str) -> Array:
        """Return for each frame how probably it shows what `vectors.detectors[key]` looks for: [frames]."""
        return np.asarray(self.shown.presence(key)[self.row])

    def excluded(self, asking: Sequence[tuple[int, When]]) -> dict[int, str]:
        """Return why some siblings may not take part, by their column; `asking` are those that have conditions."""
        found = {}
        for column, when in asking:
            why = unmet(when, self.facts) if self.facts else "nothing is known of the file"
            if why:
                found[column] = why
        return found

    def taken(
        self, parent: str, siblings: Sequence[Rule], alone: Sequence[int], excluded: dict[int, str]
    ) -> JudgedLevel | None:
        """Ask the rules that don't compete, by their columns in turn; return the level if one took the video."""
        for column in alone:
            if column in excluded:
                continue
            rule = siblings[column]
            found = self._meets(rule)
            if found is not None:
                why_out = {siblings[other].name: why for other, why in excluded.items()}
                score, reason = found
                level = LevelResult(
                    parent, {rule.name: score}, rule.name, score, score, NONE, reason, rule.name, why_out
                )
                return JudgedLevel(level, rule, settled=True, frame_scores={})
        return None

    def _meets(self, rule: Rule) -> tuple[float, str] | None:
        """Return the score and the reason if the video is what a rule that doesn't compete asks for."""
        if rule.contains is None:
            return 1.0, f"{rule.key}: its conditions hold"
        if is_closer(rule.contains):
            seen = self._sighting(rule.contains, rule.key)
            if seen is None:  # more frames would not bring it
                return None
            what = f"contains {sought_words(rule.contains)} for {seen.seconds:.1f} s, {seen}"
            return seen.score, f"{rule.key}: {what}"
        probs = self.presence(rule.key)
        self.frame_scores[rule.key] = tuple(probs.tolist())
        seen_s = seconds_shown(probs >= rule.contains.min_score - EPSILON, self.times_ms, self.duration_s)
        if not seen_s or seen_s < rule.contains.min_duration_s:
            self.settled = False  # it may be shown between the frames
            return None
        score = float(probs.max())
        return score, f"{rule.key}: contains {sought_words(rule.contains)} for {seen_s:.1f} s, at best {score:.2f}"

    def _sighting(self, contains: Contains, key: str) -> Sighting | None:
        """Return what a closer look saw of something if that is there for long enough, and note it anyway."""
        seen = sighting_of(contains, key, self.vectors, self.closer, duration_s=self.duration_s)
        if seen is None:
            return None
        self.sightings[key] = seen
        return seen if seen.seconds and seen.seconds >= contains.min_duration_s else None

    def _plain_tags(self, tree: RuleTree) -> tuple[list[str], bool]:
        """Return the tags of what a video contains, and whether more frames could not bring another."""
        found, sure = [], True
        for tag in tree.tags:
            if tag.when is not None and (self.facts is None or unmet(tag.when, self.facts)):
                continue
            if tag.contains is not None and is_closer(tag.contains):
                if self._sighting(tag.contains, f"#{tag.name}") is not None:
                    found.append(tag.name)
            elif not tag.prompts or self._is_shown(tag):
                found.append(tag.name)
            else:
                sure = False
        return found, sure

    def _is_shown(self, tag: TagRule) -> bool:
        shown = self.presence(f"#{tag.name}") >= tag.min_score - EPSILON
        seen_s = seconds_shown(shown, self.times_ms, self.duration_s)
        return seen_s > 0 and seen_s >= tag.min_duration_s

    def goes_on(self, judged: JudgedLevel) -> bool:
        """Take up how a level came out; tell whether another one lies below."""
        self.levels.append(judged.level)
        self.frame_scores.update(judged.frame_scores)
        self.settled = self.settled and judged.settled
        if judged.winner is None:
            return False
        self.won = judged.winner
        return bool(self.won.rules)

    def concluded(self) -> Decision:
        """Return the decision once the way is at its end."""
        won, last = self.won, self.levels[-1]
        undecided = last.winner is None
        review = undecided and (won is None or won.on_unsure is OnUnsure.REVIEW)
        deepest = last if review or not undecided else self.levels[-2]
        reason = last.reason if won is None or not undecided else f"{self.levels[-2].reason}; below it {last.reason}"
        return Decision(
            rule=won.key if won else "",
            outcome=DecisionOutcome.REVIEW if review else DecisionOutcome.FILED,
            score=deepest.score,
            margin=deepest.margin,
            levels=tuple(self.levels),
            reason=reason,
            settled=self.settled,
            frame_scores=self.frame_scores,
            tags=tuple(self.tags),
            facets=tuple(self.facets),
            sightings=self.sightings,
        )


def _walked(tree: RuleTree, shown: _Shown, walks: Sequence[_Walk]) -> list[Decision]:
    """Walk down the tree with videos of as many frames each."""
    _answer_facets(tree, shown, walks)
    waiting: list[tuple[Rule | None, list[_Walk]]] = [(None, list(walks))]
    while waiting:
        parent, together = waiting.pop()
        below: dict[str, list[_Walk]] = {}
        for walk in _through_level(tree, shown, parent, together):
            assert walk.won is not None
            below.setdefault(walk.won.key, []).append(walk)
        waiting.extend((found[0].won, found) for found in below.values())
    return [walk.concluded() for walk in walks]


def _answer_facets(tree: RuleTree, shown: _Shown, walks: Sequence[_Walk]) -> None:
    """Find the value of each facet, which is one tag more; the conditions of rules may ask for all tags."""
    for facet in tree.facets:
        for walk, judged in zip(walks, judge_facet(facet, shown.vectors, shown.frames), strict=True):
            walk.facets.append(judged.level)
            walk.settled = walk.settled and judged.settled
            if judged.level.winner is not None:
                walk.tags.append(facet.tag(judged.level.winner))
    for walk in walks:
        if walk.facts is not None and walk.tags:
            walk.facts = replace(walk.facts, tags=tuple(walk.tags))


def _through_level(tree: RuleTree, shown: _Shown, parent: Rule | None, walks: Sequence[_Walk]) -> list[_Walk]:
    """Judge the rules below one (None: at the top) for some videos; return those that have another level below."""
    key, siblings = ("", tree.rules) if parent is None else (parent.key, parent.rules)
    asking = [(column, rule.when) for column, rule in enumerate(siblings) if rule.when is not None]
    alone = [column for column, rule in enumerate(siblings) if not rule.prompts]
    further: list[_Walk] = []
    competing: dict[tuple[object, ...], list[tuple[_Walk, LevelEntry]]] = {}
    for walk in walks:
        excluded = walk.excluded(asking)
        taken = walk.taken(key, siblings, alone, excluded)
        if taken is None:
            sound = walk.heard.at(walk.times_ms, siblings) if walk.heard is not None else None
            alike = (*excluded, sound is not None)
            competing.setdefault(alike, []).append((walk, LevelEntry(excluded, sound)))
        elif walk.goes_on(taken):
            further.append(walk)
    for together in competing.values():
        frames = shown.of([walk.row for walk, _ in together])
        entries = [entry for _, entry in together]
        judged = judge_level(key, siblings, tree.hierarchy, shown.vectors, frames, entries, by_frame=shown.by_frame)
        further += [walk for (walk, _), one in zip(together, judged, strict=True) if walk.goes_on(one)]
    return further


def _frame_count(embeddings: npt.NDArray[np.floating], vectors: RuleVectors) -> int:
    frames = len(embeddings)
    if not frames or embeddings.shape != (frames, vectors.dim):
        raise ValueError(f"wants [frames, {vectors.dim}] with at least one frame, got {list(embeddings.shape)}")
    return frames


def _stacked(embeddings: Sequence[npt.NDArray[np.floating]]) -> Array:
    """Return videos of as many frames each as one array, [v, frames, dim]."""
    frames = np.stack(embeddings).astype(np.float64)
    if not np.isfinite(frames).all():
        raise ModelError("The embeddings of a video are no numbers; nothing can be decided on them.")
    return frames
