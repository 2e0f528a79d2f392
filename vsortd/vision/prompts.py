"""Rules as vectors: prompt ensembles per rule, negatives per level. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.config.choices import Ensemble
from vsortd.config.rules import Rule
from vsortd.errors import ModelError
from vsortd.vision.encoder import Encoder, Family
from vsortd.vision.negatives import (
    Facets,
    Negative,
    built_in_negatives,
    built_in_texts,
    facet_negatives,
    screen,
    words_of,
)
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vsortd.config.rules import RuleTree

# Words that say nothing about what is seen. A prompt of these alone is as good as unknown.
_EMPTY_WORDS: Final = frozenset(
    """
    a an the of in on at by with and or to from for as is are was be being its it this that these those
    some many very into over under near through during photo photos photograph picture pictures image
    images video videos clip clips film movie footage frame frames shot shots scene scenes view showing
    shows show
    """.split()  # noqa: SIM905 - a list of quoted words reads worse
)
# The competitor of last resort: a lone rule without any negative would win everything with probability 1.
_NEUTRAL: Final = Negative("a video", ("a video", "a picture"))
# An average this short means that the texts contradict each other; nothing real comes near.
_SHORTEST_MEAN: Final = 1e-4

# Examples of different rules: how many rows of each are asked for the nearest of how many, and which share is usual.
_ASKED: Final = 32
_COMPARED: Final = 128
_COMMON_QUANTILE: Final = 0.98
_LONE_LIKENESS: Final = 0.7  # where one rule alone has examples

_Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LevelVectors:
    """The competitors of one level: siblings [n, dim] in the file's order, negatives [m, dim]; unit rows.

    `known` says per sibling whether the model knows anything of its prompts; `unknown` holds the words it
    doesn't know.
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
    common_likeness: float = 0.0  # how near examples of one sibling come to those of another, as a cosine

    @property
    def competes(self) -> tuple[bool, ...]:
        """Tell per sibling whether it takes part: its words are known, or it was taught by examples."""
        return tuple(known or column in self.examples for column, known in enumerate(self.known))


@dataclass(frozen=True, slots=True)
class Example:
    """A video that somebody put into a rule's folder: the rule's key, and unit rows [frames, dim]."""

    rule: str
    vectors: _Rows


@dataclass(frozen=True, slots=True)
class RuleVectors:
    """All levels of a tree by their parent's key ("" at the top), and how cosines become logits.

    `detectors` holds what is looked for anywhere in a video, each as a level of one: by the key of a rule that
    `contains` something, or by `#` and a tag's name. `memo` is for what `vsortd.judging.frame_scores` works out once.
    """

    levels: Mapping[str, LevelVectors]
    dim: int
    logit_scale: float
    logit_bias: float | None
    detectors: Mapping[str, LevelVectors] = field(default_factory=dict)
    temperature: float = 1.0
    memo: dict[str, dict[int, npt.NDArray[np.float64]]] = field(default_factory=dict, repr=False, compare=False)

    def with_examples(self, examples: Iterable[Example]) -> RuleVectors:
        """Return these vectors with other examples; those of rules that are not in the tree count as far as they go."""
        found: dict[str, dict[int, list[_Rows]]] = {}
        for example in examples:
            parent = ""
            for name in example.rule.split("/"):
                level = self.levels.get(parent)
                if level is None or name not in level.names:
                    break
                found.setdefault(parent, {}).setdefault(level.names.index(name), []).append(example.vectors)
                parent = f"{parent}/{name}" if parent else name
        levels = dict(self.levels)
        for key, level in self.levels.items():
            if level.examples or key in found:
                rows = {column: np.concatenate(parts) for column, parts in found.get(key, {}).items()}
                levels[key] = replace(level, examples=rows, common_likeness=_common_likeness(rows))
        return replace(self, levels=levels)


def _common_likeness(examples: Mapping[int, _Rows]) -> float:
    """Return how near, as a cosine, the nearest example of another sibling is to nearly all of the examples."""
    few = [_spread(rows, _COMPARED) for rows in examples.values()]
    nearest = [
        (_spread(one, _ASKED) @ other.T).max(axis=1)
        for number, one in enumerate(few)
        for place, other in enumerate(few)
        if place != number
    ]
    return float(np.quantile(np.concatenate(nearest), _COMMON_QUANTILE)) if nearest else _LONE_LIKENESS


def _spread(rows: _Rows, most: int) -> _Rows:
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)])


@dataclass(frozen=True, slots=True)
class _Query:
    """What is looked for, in the place of a level's only rule; any of the prompts is enough."""

    name: str
    prompts: tuple[str, ...]
    templates: tuple[str, ...] | None = None
    ensemble: Ensemble = Ensemble.BEST


@dataclass(slots=True)
class _LevelPlan:
    """A level on its way: what is spoken above and below it, and what it will need texts for."""

    parent: str
    rules: Sequence[Rule | _Query]
    explicit: tuple[str, ...]
    templates: tuple[str, ...]
    above: frozenset[str]
    below: set[str] = field(default_factory=set)
    known_prompts: list[_KnownPrompts] = field(default_factory=list)
    negatives: tuple[Negative, ...] = ()
    anything: bool = False  # a video may show anything here: all built-in negatives compete
    built_in: int = 0  # how many of `negatives`, at the end, are built in and may be screened out


@dataclass(frozen=True, slots=True)
class _KnownPrompts:
    """A rule's prompts as far as the model knows them, and the words that it doesn't."""

    prompts: tuple[str, ...]
    unknown: tuple[str, ...]


def level_vectors(tree: RuleTree, encoder: Encoder, *, facets: Facets | None = None) -> RuleVectors:
    """Embed a tree's prompts and negatives; every text once, in batches.

    `facets` is the vocabulary of a model that knows little (by default the sample model's own); the others
    of its values are the negatives then. Raises ModelError when the model fails.
    """
    templates = TEMPLATES[encoder.info.family]
    return _vectors(_plan_levels(tree, templates), _plan_detectors(tree, templates), encoder, facets)


def query_vectors(
    prompts: Sequence[str], against: Sequence[str], encoder: Encoder, *, facets: Facets | None = None
) -> tuple[LevelVectors, ...]:
    """Embed each prompt as a level of one: alone against what else a picture may show, and against `against`.

    A prompt that the model doesn't know has `known` False. Raises ModelError when the model fails.
    """
    templates = TEMPLATES[encoder.info.family]
    plans = [
        _LevelPlan(str(number), (_Query(prompt, (prompt,)),), tuple(against), templates, frozenset(), anything=True)
        for number, prompt in enumerate(prompts)
    ]
    return tuple(_vectors([], plans, encoder, facets).detectors.values())


def _vectors(
    plans: Sequence[_LevelPlan], detectors: Sequence[_LevelPlan], encoder: Encoder, facets: Facets | None
) -> RuleVectors:
    family = encoder.info.family
    if facets is None and family is Family.SAMPLE:
        facets = _sample_facets()
    for plan in (*plans, *detectors):
        plan.known_prompts = [_known_prompts(rule.prompts, encoder, limited=facets is not None) for rule in plan.rules]
        _add_negatives(plan, encoder, facets)
    texts = _TextVectors(encoder, _all_texts((*plans, *detectors), TEMPLATES[family], screened=facets is None))
    shared: dict[tuple[tuple[Negative, ...], tuple[str, ...]], _Rows] = {}
    common = _common(texts, TEMPLATES[family]) if facets is None else None
    return RuleVectors(
        levels={plan.parent: _embed(plan, texts, common, shared) for plan in plans},
        dim=encoder.info.dim,
        logit_scale=encoder.info.logit_scale,
        logit_bias=encoder.info.logit_bias,
        detectors={plan.parent: _embed(plan, texts, common, shared) for plan in detectors},
    )


def _plan_levels(tree: RuleTree, default: tuple[str, ...]) -> list[_LevelPlan]:
    """List the levels, parents before children, with what is said above and below each; any depth."""
    top = _LevelPlan("", tree.rules, tree.none_of_these, tree.templates or default, frozenset(), anything=True)
    plans, parents = [top], [-1]
    for number, plan in enumerate(plans):  # grows while it is walked
        for rule in plan.rules:
            if isinstance(rule, Rule) and rule.rules:
                above = plan.above | {rule.name, *rule.prompts}
                plans.append(_LevelPlan(rule.key, rule.rules, rule.none_of_these, rule.templates or default, above))
                parents.append(number)
    for plan, parent in zip(reversed(plans), reversed(parents), strict=True):
        if parent >= 0:
            plans[parent].below |= plan.below
            for rule in plan.rules:
                plans[parent].below |= {rule.name, *rule.prompts}
    return plans


def _plan_detectors(tree: RuleTree, default: tuple[str, ...]) -> list[_LevelPlan]:
    """List what is looked for anywhere in a video, each alone against everything else."""
    found = [
        (rule.key, rule.contains.prompts, rule.templates or default)
        for rule in tree.walk()
        if rule.contains is not None
    ]
    found += [(f"#{tag.name}", tag.prompts, tree.templates or default) for tag in tree.tags if tag.prompts]
    return [
        _LevelPlan(key, (_Query(key, prompts),), (), templates, frozenset(), anything=True)
        for key, prompts, templates in found
    ]


def _known_prompts(prompts: Sequence[str], encoder: Encoder, *, limited: bool) -> _KnownPrompts:
    """Keep the prompts that the model knows best: those it knows whole, else in part, else none.

    To a model of `limited` vocabulary a prompt without any content ("a video") says nothing either.
    """
    whole, part, unknown = [], [], []
    for prompt in prompts:
        strange = encoder.unknown_words(prompt)
        unknown += [word for word in strange if word not in unknown]
        said = set(words_of(prompt)) - {word.casefold() for word in strange}
        if limited and not said - _EMPTY_WORDS:
            unknown += [] if strange else [prompt]
        elif strange:
            part.append(prompt)
        else:
            whole.append(prompt)
    return _KnownPrompts(tuple(whole or part), tuple(unknown))


def _add_negatives(plan: _LevelPlan, encoder: Encoder, facets: Facets | None) -> None:
    explicit = tuple(
        Negative(text, (text,))
        for text in plan.explicit
        if _known_prompts([text], encoder, limited=facets is not None).prompts
    )
    related_words = {*plan.above, *plan.below}
    own = [said.prompts for said in plan.known_prompts if said.prompts]
    if facets is not None:
        found = facet_negatives(facets, own, related_words)
    else:
        names = (rule.name for rule in plan.rules)
        found = built_in_negatives(
            {*related_words, *names, *(text for prompts in own for text in prompts)}, top=plan.anything
        )
    plan.built_in = len(found)
    plan.negatives = (*explicit, *found)
    if not plan.negatives and len(own) == 1:
        plan.negatives = (_NEUTRAL,)


class _TextVectors:
    """The vectors of all texts, looked up by text."""

    def __init__(self, encoder: Encoder, texts: Iterable[str]) -> None:
        unique = list(dict.fromkeys(texts))
        self._row = {text: number for number, text in enumerate(unique)}
        self._rows = encoder.encode_texts(unique)
        self.dim = encoder.info.dim

    def ensemble(self, prompts: Iterable[str], templates: tuple[str, ...]) -> _Rows:
        """Return the average direction of all texts of all prompts: [dim], length 1. Raises ModelError."""
        texts = [text for prompt in prompts for text in texts_of(prompt, templates)]
        mean = self._rows[[self._row[text] for text in texts]].mean(axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        if not length > _SHORTEST_MEAN:  # also when it is no number
            raise ModelError(f"The model gives no usable vector for {texts[0]!r}.")
        return np.asarray(mean / length, dtype=np.float32)


def _all_texts(plans: Sequence[_LevelPlan], default: tuple[str, ...], *, screened: bool) -> Iterable[str]:
    for plan in plans:
        for rule, said in zip(plan.rules, plan.known_prompts, strict=True):
            for prompt in said.prompts:
                yield from texts_of(prompt, rule.templates or plan.templates)
        for negative in plan.negatives:
            for prompt in negative.prompts:
                yield from texts_of(prompt, plan.templates)
    if screened:
        for text in built_in_texts():
            yield from texts_of(text, default)


def _common(texts: _TextVectors, default: tuple[str, ...]) -> _Rows:
    rows = [texts.ensemble([text], default) for text in built_in_texts()]
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)


def _embed(
    plan: _LevelPlan,
    texts: _TextVectors,
    common: _Rows | None,
    shared: dict[tuple[tuple[Negative, ...], tuple[str, ...]], _Rows],
) -> LevelVectors:
    vectors = np.zeros((len(plan.rules), texts.dim), np.float32)
    alternatives: dict[int, _Rows] = {}
    for row, (rule, said) in enumerate(zip(plan.rules, plan.known_prompts, strict=True)):
        if said.prompts:
            vectors[row] = texts.ensemble(said.prompts, rule.templates or plan.templates)
            if rule.ensemble is Ensemble.BEST and len(said.prompts) > 1:
                each = [texts.ensemble([prompt], rule.templates or plan.templates) for prompt in said.prompts]
                alternatives[row] = np.stack(each)
    negatives = plan.negatives
    if common is not None and plan.built_in:
        explicit = len(negatives) - plan.built_in
        rows = _negative_rows(negatives, plan, texts, shared)
        stays = screen(rows[explicit:], vectors[[bool(said.prompts) for said in plan.known_prompts]], common)
        negatives = (
            *negatives[:explicit],
            *(kept for kept, stay in zip(negatives[explicit:], stays, strict=True) if stay),
        )
    return LevelVectors(
        parent=plan.parent,
        names=tuple(rule.name for rule in plan.rules),
        vectors=vectors,
        known=tuple(bool(said.prompts) for said in plan.known_prompts),
        unknown=tuple(said.unknown for said in plan.known_prompts),
        negatives=tuple(negative.label for negative in negatives),
        negative_vectors=_negative_rows(negatives, plan, texts, shared),
        configured=len(plan.negatives) > plan.built_in and bool(plan.explicit),
        alternatives=alternatives,
    )


def _negative_rows(
    negatives: tuple[Negative, ...],
    plan: _LevelPlan,
    texts: _TextVectors,
    shared: dict[tuple[tuple[Negative, ...], tuple[str, ...]], _Rows],
) -> _Rows:
    """Return the vectors of negatives; levels with the same ones share the same rows."""
    asked = (negatives, plan.templates)
    if asked not in shared:
        rows = [texts.ensemble(negative.prompts, plan.templates) for negative in negatives]
        shared[asked] = np.stack(rows) if rows else np.zeros((0, texts.dim), np.float32)
    return shared[asked]


def _sample_facets() -> Facets:
    from vsortd.vision import sample

    facets: Facets = sample.vocabulary().facets
    return facets
