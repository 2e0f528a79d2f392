"""Names for groups, by zero-shot against a word list and the user's rules.

With t a word's direction, averaged over a few templates, and c a group's centre, the logits z = scale · c·t become
shares p(word | group) by a softmax over all words. A word that is near to everything names nothing, so what counts is
how much more it fits here than in the other groups:

    score = p · log2(p / q)

where q is the mean share in the other groups, with one even share beside them, which stands for all that is in none. It
is the word's part of the Kullback-Leibler divergence of the group from the others, in bits: 0 for a word that fits as
well elsewhere, high for one that fits well, and here only. The best word has no negative score. Rules are scored
against the same words, by the best of their prompts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.names import folder_key, folder_name_problem
from vsortd.library.clusters.grouping import NameCandidate
from vsortd.library.clusters.vocabulary import WORDS, name_of
from vsortd.vision.encoder import Family
from vsortd.vision.templates import TEMPLATES, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.library.clusters.grouping import Cluster, Grouping
    from vsortd.vision.encoder import Encoder

Floats = npt.NDArray[np.float64]

# Most of what an ensemble gains comes from the first templates; each is 500 more texts to embed.
_TEMPLATES: Final = 3
_KEPT: Final = 12  # candidates of a group
# A rule stands for a group when it scores this part of the best word, even if many score more: its name is the user's
# own choice of words. Below a quarter of a bit it is no more than the least bad.
_RULE_PART: Final = 0.35
_LEAST_RULE_SCORE: Final = 0.25
# Another word takes the place of a taken one when it scores this part of the best; otherwise both are combined.
_SECOND_PART: Final = 0.6
# Words that score this part of the best go into a rule as prompts, up to so many.
_PROMPT_PART: Final = 0.35
_MOST_PROMPTS: Final = 4
_LEAST_SCORE: Final = 0.1  # bits; below, nothing tells the group from the others: it keeps its number
_LEAST_SHARE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class _Choice:
    """Something that a group may be called: its name, its prompts, and the key of the rule that it stands for."""

    name: str
    prompts: tuple[str, ...]
    rule: str = ""


def name_groups(
    grouping: Grouping, encoder: Encoder, tree: RuleTree | None = None, *, vocabulary: Sequence[str] = WORDS
) -> Grouping:
    """Return the grouping with names, rules, prompts, scores and candidates; the groups stay the same.

    `vocabulary` holds prompts; those with words that the model doesn't know are left out, and so are rules that have no
    prompts or whose prompts it doesn't know. Two groups may fit the same rule, but never have the same name: the one
    that scores less gets its next best word, or two words. Raises ModelError.
    """
    begin = time.perf_counter()
    choices = [*_known_prompts(vocabulary, encoder), *_known_rules(tree, encoder)]
    if not choices or not grouping.groups:
        return grouping
    centres = np.stack([group.centre for group in grouping.groups]).astype(np.float64)
    scores = _scores(centres, choices, encoder)
    named: dict[int, Cluster] = {}
    taken: set[str] = set()
    # the surest first: who fits a word best gets it
    for row in sorted(range(len(scores)), key=lambda row: (-float(scores[row].max()), row)):
        group = _named(grouping.groups[row], choices, scores[row], taken)
        taken.add(folder_key(group.name))
        named[row] = group
    seconds = {**grouping.seconds, "naming": time.perf_counter() - begin}
    return replace(grouping, groups=tuple(named[row] for row in range(len(scores))), seconds=seconds)


def _known_prompts(vocabulary: Sequence[str], encoder: Encoder) -> Iterator[_Choice]:
    phrases = _sample_phrases() if encoder.info.family is Family.SAMPLE else None
    for word in vocabulary:
        name = name_of(word)
        if not encoder.unknown_words(word) and (phrases is None or name.casefold() in phrases):
            yield _Choice(name, (word,))


def _sample_phrases() -> frozenset[str]:
    """Return what the sample model was taught as a subject: it has seen "new" and "year", but not what they mean."""
    from vsortd.vision import sample

    facets = sample.vocabulary().facets
    return frozenset(
        phrase for values in facets.values() for value, said in values.items() for phrase in (value, *said)
    )


def _known_rules(tree: RuleTree | None, encoder: Encoder) -> Iterator[_Choice]:
    rules = list(tree.walk()) if tree is not None else []
    keys = [folder_key(rule.name) for rule in rules]
    for rule, key in zip(rules, keys, strict=True):
        prompts = tuple(prompt for prompt in rule.prompts if not encoder.unknown_words(prompt))
        if prompts:
            # "night" may stand below several rules
            yield _Choice(rule.name if keys.count(key) == 1 else " ".join(rule.path), prompts, rule.key)


def _scores(centres: Floats, choices: Sequence[_Choice], encoder: Encoder) -> Floats:
    """Return the score of each choice in each group, [groups, choices]."""
    templates = TEMPLATES[encoder.info.family][:_TEMPLATES]
    rows = _directions([prompt for choice in choices for prompt in choice.prompts], templates, encoder)
    logits = encoder.info.logit_scale * (centres @ rows.T)
    ends = np.cumsum([len(choice.prompts) for choice in choices])
    best = np.stack([part.max(axis=1) for part in np.split(logits, ends[:-1], axis=1)], axis=1)
    plain = np.array([not choice.rule for choice in choices])
    # rules are no rivals of the words that mean the same: the softmax is over the words, and each rule beside them
    among = best[:, plain] if plain.any() else best
    top = among.max(axis=1, keepdims=True)
    total = np.exp(among - top).sum(axis=1, keepdims=True)
    own = np.exp(np.minimum(best - top, 0))
    shares = np.maximum(np.where(plain, own / total, own / np.maximum(total, own)), _LEAST_SHARE)
    even = 1 / among.shape[1]
    others = (shares.sum(axis=0, keepdims=True) - shares + even) / len(shares)
    return np.asarray(shares * np.log2(shares / others))


def _directions(prompts: Sequence[str], templates: tuple[str, ...], encoder: Encoder) -> Floats:
    """Return the direction of each prompt, averaged over the templates: unit rows [n, dim]."""
    texts = [texts_of(prompt, templates) for prompt in prompts]
    unique = list(dict.fromkeys(text for said in texts for text in said))
    place = {text: row for row, text in enumerate(unique)}
    vectors = encoder.encode_texts(unique).astype(np.float64)
    means = np.stack([vectors[[place[text] for text in said]].mean(axis=0) for said in texts])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12))


def _named(group: Cluster, choices: Sequence[_Choice], scores: Floats, taken: set[str]) -> Cluster:
    order = [int(column) for column in np.argsort(-scores, kind="stable")]
    candidates = tuple(
        NameCandidate(choices[column].name, float(scores[column]), choices[column].rule) for column in order[:_KEPT]
    )
    plain = [column for column in order if not choices[column].rule]
    best = float(scores[plain[0]]) if plain else float(scores[order[0]])
    fitting = next((column for column in order if choices[column].rule), None)
    if fitting is not None and scores[fitting] < max(_RULE_PART * best, _LEAST_RULE_SCORE):
        fitting = None
    prompts = [column for column in plain if scores[column] >= max(_PROMPT_PART * best, _LEAST_SCORE)]
    wished = ([fitting] if fitting is not None else []) + plain
    name, score = _free_name(group, [(choices[column].name, float(scores[column])) for column in wished], taken)
    return replace(
        group,
        name=name,
        rule=choices[fitting].rule if fitting is not None else "",
        prompts=tuple(choices[column].prompts[0] for column in prompts[:_MOST_PROMPTS]),
        score=score,
        candidates=candidates,
    )


def _free_name(group: Cluster, wished: Sequence[tuple[str, float]], taken: set[str]) -> tuple[str, float]:
    """Return the first name that is free, and its score; the wished for ones come best first."""
    wished = [(name, score) for name, score in wished if folder_name_problem(name) is None]
    if not wished or wished[0][1] < _LEAST_SCORE:
        return _numbered(group.name, taken), 0.0
    first, best = wished[0]
    alone = [(name, score) for name, score in wished if score >= max(_SECOND_PART * best, _LEAST_SCORE)]
    pairs = [
        (f"{first} {name}", best)
        for name, score in wished[1:]
        if score >= _LEAST_SCORE and not _says_same(first, name) and folder_name_problem(f"{first} {name}") is None
    ]
    free = next(((name, score) for name, score in (*alone, *pairs[:_KEPT]) if folder_key(name) not in taken), None)
    return free or (_numbered(first, taken), best)


def _says_same(one: str, other: str) -> bool:
    """Tell whether one name holds the other's words, so that both together would say nothing more."""
    first, second = set(one.casefold().split()), set(other.casefold().split())
    return first <= second or second <= first


def _numbered(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while folder_key(free) in taken:
        number += 1
        free = f"{name} {number}"
    return free
