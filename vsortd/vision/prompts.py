"""Rules as vectors: the averaged prompts of each rule and the negatives of each level. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import Ensemble
from vsortd.errors import ModelError
from vsortd.vision.encoder import Family
from vsortd.vision.negatives import built_in_texts, screen
from vsortd.vision.prompt_plan import (
    Competition,
    LevelPlan,
    Query,
    detector_levels,
    facet_levels,
    plan_level,
    query_level,
    tree_levels,
)
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.vision.encoder import TextEncoder
    from vsortd.vision.negatives import Facets, Negative
    from vsortd.vision.out_of_distribution import TaughtRegion

# An average this short means that the texts contradict each other; nothing real comes near.
_SHORTEST_MEAN: Final = 1e-4

# How near examples of different rules come: so many rows of each rule are compared with so many of every other, and
# this share of them is no nearer than what is called usual.
_COMPARED_ROWS: Final = 32
_REFERENCE_ROWS: Final = 128
_USUAL_QUANTILE: Final = 0.98
_LONE_LIKENESS: Final = 0.7  # where one rule alone has examples
_NONE_COLUMN: Final = -1  # under which a level's examples of none are gathered

_Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LevelVectors:
    """The competitors of one level: siblings [n, dim] in the file's order, negatives [m, dim]; unit rows.

    `known` says per sibling whether the model knows anything of its prompts; `unknown` holds the words it doesn't know.
    """

    parent: str
    names: tuple[str, ...]
    vectors: _Rows
    known: tuple[bool, ...]
    unknown: tuple[tuple[str, ...], ...]
    negatives: tuple[str, ...]
    negative_vectors: _Rows
    configured: bool = True  # whether the config names some of the negatives (False: all are built in)
    # by the sibling's column: its prompts one by one [k, dim], where the best one counts; its examples [k, dim]
    alternatives: Mapping[int, _Rows] = field(default_factory=dict)
    examples: Mapping[int, _Rows] = field(default_factory=dict)
    none_examples: _Rows | None = None  # of what is none of the siblings [k ≥ 1, dim]
    common_likeness: float = 0.0  # how near examples of one sibling, or of none, come to others', as a cosine
    region: TaughtRegion | None = None  # where the model's training lies, for what is unlike all of it to lose

    @property
    def competes(self) -> tuple[bool, ...]:
        """Tell per sibling whether it takes part: its words are known, or it was taught by examples."""
        return tuple(known or column in self.examples for column, known in enumerate(self.known))

    @property
    def is_taught(self) -> bool:
        """Whether there are examples, of siblings or of none of them."""
        return bool(self.examples) or self.none_examples is not None

    def taught_like(self, other: LevelVectors) -> LevelVectors:
        """Return this level with the examples of another of the same siblings."""
        return replace(
            self,
            examples=other.examples,
            none_examples=other.none_examples,
            common_likeness=other.common_likeness,
        )

    def with_examples_where(self, keeps: Callable[[_Rows], npt.NDArray[np.bool_]]) -> LevelVectors:
        """Return the level with those rows of its examples [k, dim] for which `keeps` holds [k]; itself if all do."""
        before = dict(self.examples)
        if self.none_examples is not None:
            before[_NONE_COLUMN] = self.none_examples
        kept = {column: rows[keeps(rows)] for column, rows in before.items()}
        if all(len(kept[column]) == len(rows) for column, rows in before.items()):
            return self
        left = {column: rows for column, rows in kept.items() if len(rows)}
        none = left.pop(_NONE_COLUMN, None)
        return replace(self, examples=left, none_examples=none)


@dataclass(frozen=True, slots=True)
class Example:
    """A video that somebody put into a rule's folder: the rule's key, and unit rows [frames, dim].

    With `none` it is none of the rules below that one: it belongs in the rule itself, and with "" nowhere.
    """

    rule: str
    vectors: _Rows
    none: bool = False


@dataclass(frozen=True, slots=True)
class RuleVectors:
    """All levels of a tree by their parent's key ("" at the top), and how cosines become logits.

    `detectors` holds what is looked for anywhere in a video, each as a level of one: by the key of a rule that
    `contains` something, or by `#` and a tag's name; `facets` the values of each facet, by its name. `memo` is for what
    `vsortd.judging.frame_scores` works out once.
    """

    levels: Mapping[str, LevelVectors]
    dim: int
    logit_scale: float
    logit_bias: float | None
    detectors: Mapping[str, LevelVectors] = field(default_factory=dict)
    facets: Mapping[str, LevelVectors] = field(default_factory=dict)
    temperature: float = 1.0
    memo: dict[str, dict[int, npt.NDArray[np.float64]]] = field(default_factory=dict, repr=False, compare=False)

    def with_examples(self, examples: Iterable[Example]) -> RuleVectors:
        """Return these vectors with other examples; those of rules that are not in the tree count as far as they go."""
        found: dict[str, dict[int, list[_Rows]]] = {}
        for example in examples:
            parent = ""
            for name in example.rule.split("/") if example.rule else ():
                level = self.levels.get(parent)
                if level is None or name not in level.names:
                    break
                found.setdefault(parent, {}).setdefault(level.names.index(name), []).append(example.vectors)
                parent = f"{parent}/{name}" if parent else name
            else:
                if example.none:
                    found.setdefault(parent, {}).setdefault(_NONE_COLUMN, []).append(example.vectors)
        levels = dict(self.levels)
        for key, level in self.levels.items():
            if level.is_taught or key in found:
                rows = {column: np.concatenate(parts) for column, parts in found.get(key, {}).items()}
                likeness = _common_likeness(rows.values())
                none = rows.pop(_NONE_COLUMN, None)
                levels[key] = replace(level, examples=rows, none_examples=none, common_likeness=likeness)
        return replace(self, levels=levels)


def _common_likeness(examples: Iterable[_Rows]) -> float:
    """Return how near, as a cosine, the nearest example of another sibling is to nearly all of the examples."""
    references = [_evenly_spaced(rows, _REFERENCE_ROWS) for rows in examples]
    nearest = [
        (_evenly_spaced(own, _COMPARED_ROWS) @ other.T).max(axis=1)
        for number, own in enumerate(references)
        for other_number, other in enumerate(references)
        if other_number != number
    ]
    return float(np.quantile(np.concatenate(nearest), _USUAL_QUANTILE)) if nearest else _LONE_LIKENESS


def _evenly_spaced(rows: _Rows, at_most: int) -> _Rows:
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(len(rows), at_most)).round().astype(int)])


def level_vectors(tree: RuleTree, encoder: TextEncoder, *, facets: Facets | None = None) -> RuleVectors:
    """Embed a tree's prompts and negatives; every text once, in batches.

    `facets` is the vocabulary of a model that knows little (by default the sample model's own); the others
    of its values are the negatives then. Raises ModelError when the model fails.
    """
    templates = TEMPLATES[encoder.info.family]
    questions = facet_levels(tree, templates)
    return _embed(tree_levels(tree, templates), detector_levels(tree, templates), encoder, facets, questions)


def query_vectors(
    prompts: Sequence[str], against: Sequence[str], encoder: TextEncoder, *, facets: Facets | None = None
) -> tuple[LevelVectors, ...]:
    """Embed each prompt as a level of one: alone against what else a picture may show, and against `against`.

    A prompt that the model doesn't know has `known` False. Raises ModelError when the model fails.
    """
    templates = TEMPLATES[encoder.info.family]
    queries = [
        query_level(str(number), Query(prompt, (prompt,)), templates, tuple(against))
        for number, prompt in enumerate(prompts)
    ]
    return tuple(_embed([], queries, encoder, facets).detectors.values())


def competition_vectors(
    competitions: Sequence[Competition], encoder: TextEncoder, *, facets: Facets | None = None
) -> tuple[LevelVectors, ...]:
    """Embed competitions that stand for themselves, in their order. Raises ModelError when the model fails.

    Each has a `parent` of its own. Of a query with `ensemble: best` and several prompts the `alternatives` hold each.
    """
    return tuple(_embed(competitions, [], encoder, facets).levels.values())


def _embed(
    levels: Sequence[Competition],
    detectors: Sequence[Competition],
    encoder: TextEncoder,
    facets: Facets | None,
    questions: Sequence[Competition] = (),
) -> RuleVectors:
    info = encoder.info
    region = None
    if facets is None and info.family is Family.SAMPLE:
        facets, region = _sample_facets(), _sample_region()
    level_plans = [plan_level(level, encoder, facets) for level in levels]
    detector_plans = [plan_level(level, encoder, facets) for level in detectors]
    question_plans = [plan_level(level, encoder, facets) for level in questions]
    # a vocabulary leaves out by itself what a rule means; built-in negatives are screened by their vectors
    screening = TEMPLATES[info.family] if facets is None else None
    texts = _TextVectors(encoder, (*level_plans, *detector_plans, *question_plans), screening)
    return RuleVectors(
        levels={plan.level.parent: _level_vectors(plan, texts, region) for plan in level_plans},
        dim=info.dim,
        logit_scale=info.logit_scale,
        logit_bias=info.logit_bias,
        detectors={plan.level.parent: _level_vectors(plan, texts, region) for plan in detector_plans},
        facets={plan.level.parent: _level_vectors(plan, texts, region) for plan in question_plans},
    )


class _TextVectors:
    """The vectors of all texts that some plans need, embedded at once.

    With the templates for `screening`, those of all built-in negatives as well: `mean` is what all texts of the model
    have in common, None without.
    """

    def __init__(self, encoder: TextEncoder, plans: Iterable[LevelPlan], screening: tuple[str, ...] | None) -> None:
        family = encoder.info.family
        needed = [text for plan in plans for text in plan.texts()]
        if screening is not None:
            needed += [text for built_in in built_in_texts(family) for text in texts_of(built_in, screening)]
        unique = list(dict.fromkeys(needed))
        self.dim = encoder.info.dim
        self._row = {text: number for number, text in enumerate(unique)}
        self._rows = encoder.encode_texts(unique)
        self._negatives: dict[tuple[tuple[Negative, ...], tuple[str, ...]], _Rows] = {}
        self.mean: _Rows | None = None
        if screening is not None:
            built_in_rows = [self.ensemble([text], screening) for text in built_in_texts(family)]
            self.mean = np.asarray(np.mean(built_in_rows, axis=0), dtype=np.float32)

    def ensemble(self, prompts: Iterable[str], templates: tuple[str, ...]) -> _Rows:
        """Return the average direction of all texts of all prompts: [dim], length 1. Raises ModelError."""
        texts = [text for prompt in prompts for text in texts_of(prompt, templates)]
        mean = self._rows[[self._row[text] for text in texts]].mean(axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        if not length > _SHORTEST_MEAN:  # also when it is no number
            raise ModelError(f"The model gives no usable vector for {texts[0]!r}.")
        return np.asarray(mean / length, dtype=np.float32)

    def negatives(self, negatives: tuple[Negative, ...], templates: tuple[str, ...]) -> _Rows:
        """Return the vectors of negatives [m, dim]; levels with the same ones share the same rows."""
        key = (negatives, templates)
        if key not in self._negatives:
            rows = [self.ensemble(negative.prompts, templates) for negative in negatives]
            self._negatives[key] = np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)
        return self._negatives[key]


def _level_vectors(plan: LevelPlan, texts: _TextVectors, region: TaughtRegion | None) -> LevelVectors:
    level = plan.level
    vectors = np.zeros((len(level.rules), texts.dim), np.float32)
    alternatives: dict[int, _Rows] = {}
    for row, (rule, known) in enumerate(zip(level.rules, plan.known_prompts, strict=True)):
        if known.prompts:
            templates = plan.templates_of(rule)
            vectors[row] = texts.ensemble(known.prompts, templates)
            if rule.ensemble is Ensemble.BEST and len(known.prompts) > 1:
                alternatives[row] = np.stack([texts.ensemble([prompt], templates) for prompt in known.prompts])
    is_known = tuple(bool(known.prompts) for known in plan.known_prompts)
    negatives = _screened(plan, texts, vectors[list(is_known)])
    return LevelVectors(
        parent=level.parent,
        names=tuple(rule.name for rule in level.rules),
        vectors=vectors,
        known=is_known,
        unknown=tuple(known.unknown_words for known in plan.known_prompts),
        negatives=tuple(negative.label for negative in negatives),
        negative_vectors=texts.negatives(negatives, level.templates),
        configured=len(plan.negatives) > plan.built_in_count and bool(level.configured_negatives),
        alternatives=alternatives,
        # below the top a video has won the parent, so that it is like something that was taught
        region=region if level.open_world else None,
    )


def _screened(plan: LevelPlan, texts: _TextVectors, rules: _Rows) -> tuple[Negative, ...]:
    """Return a level's negatives without those built-in ones that mean the same as one of its `rules` [n, dim]."""
    if texts.mean is None or not plan.built_in_count:
        return plan.negatives
    first = len(plan.negatives) - plan.built_in_count
    rows = texts.negatives(plan.negatives, plan.level.templates)
    stays = screen(rows[first:], rules, texts.mean)
    kept = [negative for negative, stay in zip(plan.negatives[first:], stays, strict=True) if stay]
    return (*plan.negatives[:first], *kept)


def _sample_facets() -> Facets:
    from vsortd.vision import sample

    vocabulary = sample.vocabulary()
    return {**vocabulary.facets, "subject": {**vocabulary.facets["subject"], **vocabulary.others}}


def _sample_region() -> TaughtRegion:
    from vsortd.vision import sample
    from vsortd.vision.out_of_distribution import read_region

    return read_region(sample.taught_region_path())
