"""What the numbers suggest to do about the config: thresholds, wordings, examples.

Nothing is suggested that chance alone explains, and every figure comes with how many videos it is of.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.chance import Verdict, fewer_right
from vsortd.core.text import counted
from vsortd.evaluation.ablation import tried
from vsortd.evaluation.measure import HitRate, per_rule
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from vsortd.config.rules import Rule, RuleTree
    from vsortd.evaluation.ablation import AblationRow
    from vsortd.evaluation.measure import Calibration
    from vsortd.evaluation.rejudge import Judged
    from vsortd.judging.resident_model import Classifier

_MOST_PAIRS: Final = 6  # of rules that are mixed up
_LEAST_MIXED: Final = 2  # videos: one alone may be the video's fault
# Videos that a threshold is learned from: of fewer, even all of them right leaves more than 16 % in doubt.
_LEAST_REACHING: Final = 20
_LOW_RECALL: Final = 0.8
_CHANCE: Final = 0.05
_WORTH: Final = 0.02  # of calibration error
_GAIN: Final = 0.05  # of a rule's videos: fewer are not worth a lower threshold
_STEP: Final = 0.01  # of min_score, as people write it


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something to do about a rule: `kind` for programs, `text` for people, and the numbers behind it."""

    kind: str
    rule: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """How many videos it is about, 0 where that can't be said."""
        return int(self.facts.get("videos", self.facts.get("n", 0)))

    def to_json(self) -> dict[str, Any]:
        """Return all of it, flat."""
        return {"kind": self.kind, "rule": self.rule, "text": self.text, **self.facts}


def suggestions(judged: Sequence[Judged], classifier: Classifier, *, precision: float) -> list[Suggestion]:
    """Return what may be worth doing, by kind. `precision` is wished of every rule, from 0 to 1.

    Raises ModelError when the model can't embed the prompts of rules that are mixed up.
    """
    return [
        *_unknown_words(classifier),
        *_thresholds(judged, classifier.tree, precision),
        *_mixed_up(judged, classifier),
        *_wanting_examples(judged, classifier),
        *_untested(judged, classifier.tree),
    ]


def worth_calibrating(
    before: Sequence[Calibration], after: Sequence[Calibration], temperature: float
) -> list[Suggestion]:
    """Suggest to keep a temperature that is better by more than chance, where calibration errors get less with it."""
    pairs = [
        (old.error, new.error, max(old.digits, 1))
        for old, new in zip(before, after, strict=True)
        if old.error is not None and new.error is not None
    ]
    if not pairs:
        return []
    old, new = (sum(pair[at] for pair in pairs) / len(pairs) for at in (0, 1))
    if old - new < _WORTH:
        return []
    digits = min(pair[2] for pair in pairs)
    text = f"scores can be trusted more with a temperature of {temperature:.2f}: --calibrate keeps it"
    facts = {"temperature": temperature, "n": before[0].n, "ece_before": old, "ece_after": new}
    change = f"calibration error {old:.{digits}f} → {new:.{digits}f} on {counted(before[0].n, 'video')}"
    return [Suggestion("temperature", "", f"{text} ({change})", facts)]


def worth_switching(rows: Sequence[AblationRow]) -> list[Suggestion]:
    """Suggest the other ways to judge that are better by more than chance; those with examples are no option."""
    found = []
    for row in sorted(rows, key=lambda row: row.lost - row.won):
        better = not row.same and row.verdict(tried(rows)) is Verdict.BETTER
        if better and not row.name.startswith(("corrections", "sampling")):
            text = f"{row.name}: {row.won:g} more videos right, {row.lost:g} fewer ({row.accuracy.text} in all)"
            facts = {"way": row.name, "won": row.won, "lost": row.lost, **_fact("accuracy", row.accuracy)}
            found.append(Suggestion("option", "", text, facts))
    return found


def _fact(name: str, rate: HitRate) -> dict[str, Any]:
    return {name: rate.share, f"{name}_interval": list(rate.interval), f"{name}_n": rate.n}


def _unknown_words(classifier: Classifier) -> Iterator[Suggestion]:
    for level in classifier.vectors.levels.values():
        for name, words, known in zip(level.names, level.unknown, level.known, strict=True):
            if words:
                rule = f"{level.parent}/{name}" if level.parent else name
                said = ", ".join(f"'{word}'" for word in words)
                end = "say it in other words" if known else "it can't win without other words, or examples"
                yield Suggestion("unknown_words", rule, f"the model doesn't know {said}: {end}", {"words": list(words)})


# Thresholds


@dataclass(frozen=True, slots=True)
class Threshold:
    """A least score: `filed` videos reach it, `right` of them belong there."""

    min_score: float
    filed: int
    right: int

    @property
    def precision(self) -> HitRate:
        """The share of the right ones."""
        return HitRate(self.right, self.filed)


def threshold_for(candidates: Sequence[tuple[float, bool]], precision: float) -> Threshold | None:
    """Return the lowest `min_score` at which `precision` or more of those reaching it are right, None if there is none.

    `candidates` are (score, right). It lies half way to the next lower score, on two decimals where there is room, but
    hardly below the lowest one, since nothing is known of videos down there.
    """
    order = sorted(candidates, key=lambda pair: -pair[0])
    best: Threshold | None = None
    right = 0
    for count, (score, is_right) in enumerate(order, 1):
        right += is_right
        below = order[count][0] if count < len(order) else max(0.0, score - _STEP)
        if below < score and right / count >= precision:
            best = Threshold(_between(below, score), count, right)
    return best


def at_threshold(candidates: Sequence[tuple[float, bool]], min_score: float) -> Threshold:
    """Return how many candidates reach a score, and how many of them are right."""
    reached = [is_right for score, is_right in candidates if score >= min_score]
    return Threshold(min_score, len(reached), sum(reached))


def _between(low: float, high: float) -> float:
    """Return a round number above `low` and not above `high`."""
    for decimals in range(2, 9):
        value = round((low + high) / 2, decimals)
        if low < value <= high:
            return value
    return high


def _thresholds(judged: Sequence[Judged], tree: RuleTree, precision: float) -> Iterator[Suggestion]:
    candidates = _candidates(judged, tree)
    for rule in tree.walk():
        found = candidates.get(rule.key, [])
        if len(found) < _LEAST_REACHING:
            continue
        now, wished = at_threshold(found, rule.min_score), threshold_for(found, precision)
        facts = {"min_score": rule.min_score, "n": len(found), "wished": precision, **_fact("precision", now.precision)}
        is_missed = now.filed > 0 and now.precision.interval[1] < precision
        if wished is None and is_missed:
            text = f"no min_score gives {precision * 100:g} % precision: {now.precision.text} are right now"
            yield Suggestion("min_score", rule.key, text, {**facts, "suggested": None})
        elif wished is not None and _is_worth(now, wished, found, is_missed=is_missed):
            text = f"min_score {wished.min_score:g} instead of {rule.min_score:g}: {wished.precision.text} right"
            reached = {"suggested": wished.min_score, **_fact("suggested_precision", wished.precision)}
            yield Suggestion("min_score", rule.key, f"{text} instead of {now.precision.text}", {**facts, **reached})


def _is_worth(now: Threshold, wished: Threshold, candidates: Sequence[tuple[float, bool]], *, is_missed: bool) -> bool:
    """Tell whether another threshold is better by more than chance.

    A higher one: where the precision that is wished for is missed for sure, and those that would no longer be filed are
    wrong so much oftener, even for the worst of as many places as the threshold could have (Fisher's exact test,
    Bonferroni). A lower one: where it files noticeably more, and no less is known of its precision.
    """
    if wished.min_score > now.min_score:
        kept = wished.right, wished.filed
        dropped = now.right - wished.right, now.filed - wished.filed
        return is_missed and fewer_right(dropped, kept) * (now.filed - 1) <= _CHANCE
    noticeable = wished.right - now.right >= max(2, _GAIN * len(candidates))
    return noticeable and wished.precision.interval[0] >= now.precision.interval[0]


def _candidates(judged: Sequence[Judged], tree: RuleTree) -> dict[str, list[tuple[float, bool]]]:
    """Return for each rule the videos in which it came first by enough of a margin: its score, and whether rightly."""
    margins = {rule.key: rule.min_margin for rule in tree.walk() if rule.prompts}
    found: dict[str, list[tuple[float, bool]]] = {}
    for one in judged:
        for level in one.decision.levels:
            key = f"{level.parent}/{level.best}" if level.parent else level.best
            if key in margins and level.margin >= margins[key]:
                path = tuple(key.split("/"))
                found.setdefault(key, []).append((level.score, one.truth[: len(path)] == path))
    return found


# Rules that are mixed up


def _mixed_up(judged: Sequence[Judged], classifier: Classifier) -> Iterator[Suggestion]:
    """Name siblings that take each other's videos, with the prompts that are nearest to each other."""
    pairs = Counter(pair for one in judged if (pair := _taken_for(one, classifier.tree)) is not None)
    both: Counter[frozenset[str]] = Counter()
    for (right, taken), count in pairs.items():
        both[frozenset((right, taken))] += count
    for names, count in both.most_common(_MOST_PAIRS):
        if count < _LEAST_MIXED:
            break
        first, second = sorted(names)
        if pairs[second, first] > pairs[first, second]:
            first, second = second, first
        rules = classifier.tree.find(first), classifier.tree.find(second)
        if rules[0] is None or rules[1] is None:
            continue
        cosine, said = _nearest_prompts(rules[0], rules[1], classifier)
        text = (
            f"{pairs[first, second]} taken for {second}, {pairs[second, first]} the other way; nearest prompts: "
            f"'{said[0]}' and '{said[1]}' (cosine {cosine:.2f})"
        )
        facts = {"other": second, "videos": count, "cosine": cosine, "prompts": list(said)}
        yield Suggestion("mixed_up", first, text, facts)


def _taken_for(one: Judged, tree: RuleTree) -> tuple[str, str] | None:
    """Return (the right rule, the sibling that came first instead) at the level where a video went astray, if any."""
    for depth, level in enumerate(one.decision.levels, 1):
        above = tuple(level.parent.split("/")) if level.parent else ()
        if one.truth[: len(above)] != above or len(one.truth) < depth or not level.best:
            return None
        if level.best != one.truth[depth - 1]:
            right, taken = (("/".join((*above, name))) for name in (one.truth[depth - 1], level.best))
            found = tree.find(taken)
            return (right, taken) if found is not None and found.prompts else None
    return None


def _nearest_prompts(first: Rule, second: Rule, classifier: Classifier) -> tuple[float, tuple[str, str]]:
    """Return the highest cosine between a prompt of each rule, and these two prompts."""
    rows = [_prompt_rows(rule, classifier) for rule in (first, second)]
    if not len(rows[0]) or not len(rows[1]):
        return 0.0, (first.name, second.name)
    cosines = rows[0] @ rows[1].T
    left, right = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
    return float(cosines[left, right]), (first.prompts[int(left)], second.prompts[int(right)])


def _prompt_rows(rule: Rule, classifier: Classifier) -> npt.NDArray[np.float64]:
    """Return a unit vector for each of a rule's prompts, through its templates: [prompts, dim]."""
    templates = rule.templates or TEMPLATES[classifier.encoder.info.family]
    rows = []
    for prompt in rule.prompts:
        mean = classifier.encoder.encode_texts(texts_of(prompt, templates)).mean(axis=0, dtype=np.float64)
        rows.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
    return np.stack(rows) if rows else np.zeros((0, classifier.encoder.info.dim))


# Rules that want examples or videos


def _wanting_examples(judged: Sequence[Judged], classifier: Classifier) -> Iterator[Suggestion]:
    """Name the deepest rules that miss many of their own videos though the model knows their words."""
    taught = _keys_where(classifier, lambda level, column: column in level.examples)
    for key, figures in per_rule(judged, classifier.tree).items():
        rule = classifier.tree.find(key)
        if rule is None or rule.rules or not rule.prompts or not figures.n:
            continue
        if figures.recall.interval[1] < _LOW_RECALL:
            missed = [one.case.path.name for one in judged if one.truth == rule.path and not one.is_right]
            more = "more examples" if key in taught else "examples"
            text = f"finds {figures.recall.text} of its videos: teach it {more}, such as {missed[0]}"
            facts = {"n": figures.n, **_fact("recall", figures.recall), "missed": missed}
            yield Suggestion("examples", key, text, facts)


def _keys_where(classifier: Classifier, holds: Callable[[Any, int], bool]) -> set[str]:
    return {
        f"{level.parent}/{name}" if level.parent else name
        for level in classifier.vectors.levels.values()
        for column, name in enumerate(level.names)
        if holds(level, column)
    }


def _untested(judged: Sequence[Judged], tree: RuleTree) -> Iterator[Suggestion]:
    known = {one.truth[:depth] for one in judged for depth in range(1, len(one.truth) + 1)}
    missing = [rule.key for rule in tree.walk() if rule.path not in known and rule.path[:-1] in known | {()}]
    if missing:
        text = f"no videos in the folder, so nothing is known of: {', '.join(missing)}"
        yield Suggestion("untested", "", text, {"rules": missing})
