"""Other ways to judge the same videos, by arithmetic on what was seen of them: what each option is worth here.

Every row judges as the daemon would (more frames only while undecided) and differs from the config in one thing. The
rows with corrections draw some videos of each rule as examples and judge the others: five folds, twice, so that every
video is judged without being its own example, and all these rows are about the same videos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.config.choices import Aggregate, Ensemble, Hierarchy
from vsortd.core.chance import sign_test, verdict
from vsortd.evaluation.measure import HitRate, accuracy_at, calibration, claim_of
from vsortd.evaluation.rejudge import judge_all, without_own_examples
from vsortd.judging.example_store import spread_over
from vsortd.vision.prompts import Example, level_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.core.chance import Verdict
    from vsortd.evaluation.measure import Calibration
    from vsortd.evaluation.rejudge import Judged, SampledCase
    from vsortd.evaluation.temperature import Fit
    from vsortd.judging.resident_model import Classifier
    from vsortd.vision.prompts import RuleVectors

CORRECTIONS: Final = (0, 1, 2, 5, 10)  # examples a rule, and as many of none
_FOLDS: Final = 5
_REPEATS: Final = 2
_PLAIN: Final = ("{}",)


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One way to judge. `won` and `lost` count videos that it alone, or only the config as it is, judges right.

    `none_right` is the share of those that fit no rule and are left in review, None where there are none. `same` says
    that this is what the config does anyway. Of repeated rows all counts are averages.
    """

    name: str
    accuracy_at: dict[int, HitRate]
    accuracy: HitRate
    wrong: HitRate
    undecided: HitRate
    ece: Calibration
    frames: float
    won: float
    lost: float
    none_right: HitRate | None
    same: bool = False

    @property
    def p_value(self) -> float:
        """How likely chance alone parts `won` and `lost` as far as this."""
        return sign_test(self.won, self.lost)

    def verdict(self, tried: int) -> Verdict:
        """Tell whether it is better or worse than the config by more than chance, as one of so many ways."""
        return verdict(self.won, self.lost, tried=tried)

    def to_json(self, tried: int) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "as_configured": self.same,
            "n": self.accuracy.n,
            "accuracy": self.accuracy.share,
            "accuracy_interval": list(self.accuracy.interval),
            "accuracy_at": {str(depth): share.to_json() for depth, share in self.accuracy_at.items()},
            "wrong": self.wrong.share,
            "wrong_interval": list(self.wrong.interval),
            "undecided": self.undecided.share,
            "undecided_interval": list(self.undecided.interval),
            "ece": self.ece.error,
            "ece_chance": self.ece.chance,
            "frames": self.frames,
            "won": self.won,
            "lost": self.lost,
            "p_value": self.p_value,
            "verdict": self.verdict(tried).value,
            "none_right": self.none_right.share if self.none_right else None,
            "none_right_interval": list(self.none_right.interval) if self.none_right else None,
            "none_n": self.none_right.n if self.none_right else 0,
        }


def tried(rows: Sequence[AblationRow]) -> int:
    """Return how many ways besides the config's own were compared."""
    return sum(not row.same for row in rows)


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to judge: the rules, the vectors by a video's number, and whether frames are spared."""

    name: str
    tree: RuleTree
    vectors_of: Callable[[int], RuleVectors]
    adaptive: bool = True
    same: bool = False  # this is what the config does anyway


def compare(
    seen: Sequence[SampledCase],
    classifier: Classifier,
    fit: Fit | None,
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[AblationRow]:
    """Return a row for each way to judge the videos. `fit` is the temperature that enough of them taught, if any.

    Raises ModelError when the model can't embed other wordings.
    """
    configured = judge_all(seen, classifier.tree, own_vectors(seen, classifier.vectors))
    rows = [_row("as configured", [configured], [configured], classifier.tree, same=True)]
    ways = [*_texts(seen, classifier), *_options(seen, classifier), *_temperatures(fit, seen, classifier)]
    for way in ways:
        if on_progress is not None:
            on_progress(len(rows), len(ways) + len(CORRECTIONS))
        judged = configured
        if not way.same:
            judged = judge_all(seen, way.tree, way.vectors_of, adaptive=way.adaptive)
        rows.append(_row(way.name, [judged], [configured], way.tree, same=way.same))
    for count in CORRECTIONS:
        if on_progress is not None:
            on_progress(len(rows), len(ways) + len(CORRECTIONS))
        repeats = list(_with_examples(seen, classifier, count, seed))
        rows.append(_row(f"corrections: {count} a rule", repeats, [configured] * _REPEATS, classifier.tree))
    return rows


def _row(
    name: str, repeats: list[list[Judged]], configured: list[list[Judged]], tree: RuleTree, *, same: bool = False
) -> AblationRow:
    every = [one for judged in repeats for one in judged]
    pairs = [pair for new, old in zip(repeats, configured, strict=True) for pair in zip(new, old, strict=True)]

    def average(which: Iterable[bool]) -> HitRate:
        """Return how many of a repeat's videos it is true of, on average."""
        flags = list(which)
        return HitRate(sum(flags) / len(repeats), len(flags) // len(repeats))

    depths = accuracy_at(every, tree).items()
    nothing = [one.is_right for one in every if not one.truth]
    return AblationRow(
        name=name,
        accuracy_at={depth: HitRate(one.hits / len(repeats), one.n // len(repeats)) for depth, one in depths},
        accuracy=average(one.is_right for one in every),
        wrong=average(one.is_wrong for one in every),
        undecided=average(one.is_undecided for one in every),
        ece=_average([calibration([claim_of(one, tree, top=True) for one in judged]) for judged in repeats]),
        frames=sum(len(one.times_ms) for one in every) / len(every),
        won=average(new.is_right and not old.is_right for new, old in pairs).hits,
        lost=average(old.is_right and not new.is_right for new, old in pairs).hits,
        none_right=average(nothing) if nothing else None,
        same=same,
    )


def _average(repeats: Sequence[Calibration]) -> Calibration:
    """Return the first repeat's calibration with the mean errors of all."""
    errors = [one.error for one in repeats if one.error is not None]
    chances = [one.chance for one in repeats if one.chance is not None]
    if not errors or not chances:
        return repeats[0]
    return replace(repeats[0], error=sum(errors) / len(errors), chance=sum(chances) / len(chances))


def _texts(seen: Sequence[SampledCase], classifier: Classifier) -> Iterator[_Way]:
    """Yield other wordings, negatives and ensembles: what needs the model once more, for texts alone."""
    tree, base = classifier.tree, classifier.vectors
    rules = list(tree.walk())

    def embedded(name: str, changed: RuleTree, *, same: bool = False) -> _Way:
        vectors = base if same else _like(level_vectors(changed, classifier.encoder), base)
        return _Way(name, changed, own_vectors(seen, vectors), same=same)

    for name, templates in (("one, {}", _PLAIN), ("the model's library", None)):
        changed = replace(changed_tree(tree, templates=templates), templates=templates)
        same = {tree.templates, *(rule.templates for rule in rules)} == {templates}
        yield embedded(f"templates: {name}", changed, same=same)
    yield _Way("negatives: none", tree, own_vectors(seen, _without_negatives(base)))
    configured = bool(tree.none_of_these) or any(rule.none_of_these for rule in rules)
    bare = replace(changed_tree(tree, none_of_these=()), none_of_these=())
    yield embedded("negatives: built-in", bare, same=not configured)
    if configured:
        yield embedded("negatives: built-in and configured", tree, same=True)
    for ensemble in Ensemble:
        same = all(rule.ensemble is ensemble for rule in rules)
        yield embedded(f"ensemble: {ensemble}", changed_tree(tree, ensemble=ensemble), same=same)


def _options(seen: Sequence[SampledCase], classifier: Classifier) -> Iterator[_Way]:
    """Yield what is arithmetic alone: aggregates, hierarchies, sampling."""
    tree, vectors_of = classifier.tree, own_vectors(seen, classifier.vectors)
    for aggregate in Aggregate:
        same = all(rule.aggregate is aggregate for rule in tree.walk())
        yield _Way(f"aggregate: {aggregate}", changed_tree(tree, aggregate=aggregate), vectors_of, same=same)
    for hierarchy in Hierarchy:
        same = tree.hierarchy is hierarchy
        yield _Way(f"hierarchy: {hierarchy}", replace(tree, hierarchy=hierarchy), vectors_of, same=same)
    yield _Way("sampling: adaptive", tree, vectors_of, same=True)
    yield _Way("sampling: every frame", tree, vectors_of, adaptive=False)


def _temperatures(fit: Fit | None, seen: Sequence[SampledCase], classifier: Classifier) -> Iterator[_Way]:
    own = own_vectors(seen, classifier.vectors)
    same = classifier.vectors.temperature == 1.0
    yield _Way("temperature: 1", classifier.tree, lambda number: replace(own(number), temperature=1.0), same=same)
    if fit is not None:
        name = f"temperature: learned, {fit.temperature:.2f}"
        yield _Way(name, classifier.tree, lambda number: replace(own(number), temperature=fit.held_out[number]))


def _with_examples(
    seen: Sequence[SampledCase], classifier: Classifier, count: int, seed: int
) -> Iterator[list[Judged]]:
    """Yield, once a repeat, every video judged with the help of `count` others of each rule and of none."""
    for repeat in range(_REPEATS):
        rng = np.random.default_rng((seed, repeat))
        order = [int(number) for number in rng.permutation(len(seen))]
        fold_of = _folds(seen, order)
        judged: dict[int, Judged] = {}
        for fold in range(_FOLDS):
            tested = [number for number in range(len(seen)) if fold_of[number] == fold]
            examples = _draw(seen, [number for number in order if fold_of[number] != fold], count)
            taught = classifier.vectors.with_examples(examples)
            found = judge_all([seen[number] for number in tested], classifier.tree, taught)
            judged.update(zip(tested, found, strict=True))
        yield [judged[number] for number in range(len(seen))]


def _folds(seen: Sequence[SampledCase], order: Sequence[int]) -> dict[int, int]:
    """Return each video's fold, so that the videos of a rule are spread over all of them."""
    fold_of: dict[int, int] = {}
    for place, number in enumerate(sorted(order, key=lambda number: seen[number].case.truth)):  # stable: order within
        fold_of[number] = place % _FOLDS
    return fold_of


def _draw(seen: Sequence[SampledCase], order: Sequence[int], count: int) -> list[Example]:
    """Return the first `count` videos of each rule, and of none, as examples, kept like those that a person teaches."""
    left: dict[tuple[str, ...], int] = {}
    examples = []
    for number in order:
        truth = seen[number].case.truth
        if left.setdefault(truth, count):
            left[truth] -= 1
            examples.append(Example("/".join(truth), spread_over(seen[number].in_time), none=not truth))
    return examples


def changed_tree(tree: RuleTree, **changes: Any) -> RuleTree:  # noqa: ANN401 - whatever a rule has
    """Return the tree with every rule's options changed; any depth."""
    built: dict[tuple[str, ...], Any] = {}
    for rule in reversed(list(tree.walk())):
        below = tuple(built.pop(child.path) for child in rule.rules)
        built[rule.path] = replace(rule, rules=below, **changes)
    return replace(tree, rules=tuple(built[rule.path] for rule in tree.rules))


def own_vectors(seen: Sequence[SampledCase], vectors: RuleVectors) -> Callable[[int], RuleVectors]:
    """Return what gives a video's vectors: without what was taught by itself."""
    if not any(level.is_taught for level in vectors.levels.values()):
        return lambda _: vectors
    return lambda number: without_own_examples(vectors, seen[number].frames)


def _like(vectors: RuleVectors, base: RuleVectors) -> RuleVectors:
    """Return newly embedded vectors with the temperature and the examples of others of the same tree."""
    levels = {key: level.taught_like(base.levels[key]) for key, level in vectors.levels.items()}
    return replace(vectors, levels=levels, temperature=base.temperature)


def _without_negatives(vectors: RuleVectors) -> RuleVectors:
    levels = {
        key: replace(level, negatives=(), negative_vectors=level.negative_vectors[:0], configured=False)
        for key, level in vectors.levels.items()
    }
    return replace(vectors, levels=levels, memo={})
