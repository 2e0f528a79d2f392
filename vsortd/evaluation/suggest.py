"""What the numbers suggest to do about the config: thresholds, wordings, examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.evaluation.measure import per_rule
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from vsortd.config.rules import Rule, RuleTree
    from vsortd.evaluation.ablation import AblationRow
    from vsortd.evaluation.rejudge import Judged
    from vsortd.judging.resident_model import Classifier

_MOST_PAIRS: Final = 6  # of rules that are mixed up
_LEAST_MIXED: Final = 2  # videos: one alone may be the video's fault
_LEAST_VIDEOS: Final = 3  # to say anything about a rule
_LOW_RECALL: Final = 0.8
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
    before: Sequence[float | None], after: Sequence[float | None], temperature: float
) -> list[Suggestion]:
    """Suggest to learn the temperature where that makes the calibration errors, on average, noticeably less."""
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old is not None and new is not None]
    if not pairs:
        return []
    old, new = (sum(errors) / len(pairs) for errors in zip(*pairs, strict=True))
    if old - new < _WORTH:
        return []
    text = f"scores can be trusted more with a temperature of {temperature:.2f}: --calibrate keeps it"
    facts = {"temperature": temperature, "ece_before": old, "ece_after": new}
    return [Suggestion("temperature", "", f"{text} (calibration error {old:.3f} → {new:.3f})", facts)]


def worth_switching(rows: Sequence[AblationRow]) -> list[Suggestion]:
    """Suggest the other ways to judge that are better by more than chance; those with examples are no option."""
    found = []
    for row in sorted(rows, key=lambda row: row.lost - row.won):
        if row.is_better and not row.name.startswith(("corrections", "sampling")):
            text = f"{row.name}: {row.won:g} more videos right, {row.lost:g} fewer ({row.accuracy.share:.1%} in all)"
            found.append(Suggestion("option", "", text, {"way": row.name, "won": row.won, "lost": row.lost}))
    return found


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
    def precision(self) -> float:
        """The share of the right ones, 1 where there are none at all."""
        return self.right / self.filed if self.filed else 1.0


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
        if len(found) < _LEAST_VIDEOS:
            continue
        now, wished = at_threshold(found, rule.min_score), threshold_for(found, precision)
        facts = {"min_score": rule.min_score, "n": len(found), "precision": now.precision, "wished": precision}
        if wished is None:
            text = f"no min_score gives {precision:.0%} precision: {now.right} of {now.filed} are right now"
            if now.filed:
                yield Suggestion("min_score", rule.key, text, {**facts, "suggested": None})
        elif wished.min_score != rule.min_score and (
            now.precision < precision or wished.right - now.right >= max(2, _GAIN * len(found))
        ):
            text = (
                f"min_score {wished.min_score:g} instead of {rule.min_score:g}: "
                f"{wished.right} of {wished.filed} right instead of {now.right} of {now.filed}"
            )
            yield Suggestion("min_score", rule.key, text, {**facts, "suggested": wished.min_score})


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
        if rule is None or rule.rules or not rule.prompts or figures.n < _LEAST_VIDEOS:
            continue
        if figures.recall is not None and figures.recall < _LOW_RECALL:
            missed = [one.case.path.name for one in judged if one.truth == rule.path and not one.is_right]
            more = "more examples" if key in taught else "examples"
            text = f"finds {figures.right} of its {figures.n} videos: teach it {more}, such as {missed[0]}"
            yield Suggestion("examples", key, text, {"n": figures.n, "recall": figures.recall, "missed": missed})


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
