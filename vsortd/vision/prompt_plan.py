"""What a rule tree asks of a text encoder: level by level, the prompts that the model knows and what they compete with.

All is planned before anything is embedded, so that every text is embedded once, in few batches. No torch in here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vsortd.config.choices import Ensemble
from vsortd.config.rules import Rule
from vsortd.vision.negatives import Negative, built_in_negatives, facet_negatives, words_of
from vsortd.vision.templates import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.rules import RuleTree
    from vsortd.vision.encoder import TextEncoder
    from vsortd.vision.negatives import Facets

# Words that say nothing about what is seen. A prompt of these alone is as good as unknown.
_STOP_WORDS: Final = frozenset(
    """
    a an the of in on at by with and or to from for as is are was be being its it this that these those
    some many very into over under near through during photo photos photograph picture pictures image
    images video videos clip clips film movie footage frame frames shot shots scene scenes view showing
    shows show
    """.split()  # noqa: SIM905 - a list of quoted words reads worse
)
# The competitor of last resort: a lone rule without any negative would win everything with probability 1.
_NEUTRAL: Final = Negative("a video", ("a video", "a picture"))


@dataclass(frozen=True, slots=True)
class Query:
    """Something that is looked for, in the place of a level's only rule; any of the prompts is enough."""

    name: str
    prompts: tuple[str, ...]
    templates: tuple[str, ...] | None = None
    ensemble: Ensemble = Ensemble.BEST


@dataclass(frozen=True, slots=True)
class Competition:
    """One level as the config has it: the rules (or the query) that compete, and the negatives that the user names.

    `related_texts` are the names and prompts of all ancestors and descendants of the level's rules. In an
    `open_world` a video may show anything, and all built-in negatives compete.
    """

    parent: str
    rules: Sequence[Rule | Query]
    configured_negatives: tuple[str, ...]
    templates: tuple[str, ...]
    related_texts: frozenset[str] = frozenset()
    open_world: bool = False


@dataclass(frozen=True, slots=True)
class KnownPrompts:
    """A rule's prompts as far as the model knows them, and the words that it doesn't."""

    prompts: tuple[str, ...]
    unknown_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """A level in the model's terms: the known prompts of each of its rules, and all negatives.

    The last `built_in_count` of `negatives` are built in; they may still be screened out, by their vectors.
    """

    level: Competition
    known_prompts: tuple[KnownPrompts, ...]
    negatives: tuple[Negative, ...]
    built_in_count: int

    def templates_of(self, rule: Rule | Query) -> tuple[str, ...]:
        """Return the templates of one of the level's rules."""
        return rule.templates or self.level.templates

    def texts(self) -> Iterator[str]:
        """Yield every text whose vector the level needs."""
        for rule, known in zip(self.level.rules, self.known_prompts, strict=True):
            for prompt in known.prompts:
                yield from texts_of(prompt, self.templates_of(rule))
        for negative in self.negatives:
            for prompt in negative.prompts:
                yield from texts_of(prompt, self.level.templates)


def tree_levels(tree: RuleTree, default_templates: tuple[str, ...]) -> list[Competition]:
    """List the levels of a tree, parents before children; any depth."""
    templates = tree.templates or default_templates
    levels = [Competition("", tree.rules, tree.none_of_these, templates, open_world=True)]
    parents = [-1]  # of each level, the number of the level above
    above: list[frozenset[str]] = [frozenset()]
    for number, level in enumerate(levels):  # grows while it is walked
        for rule in level.rules:
            if isinstance(rule, Rule) and rule.rules:
                templates = rule.templates or default_templates
                levels.append(Competition(rule.key, rule.rules, rule.none_of_these, templates))
                parents.append(number)
                above.append(above[number] | {rule.name, *rule.prompts})
    below: list[set[str]] = [set() for _ in levels]
    for number in range(len(levels) - 1, 0, -1):  # children before parents
        below[parents[number]] |= below[number]
        for rule in levels[number].rules:
            below[parents[number]] |= {rule.name, *rule.prompts}
    return [
        replace(level, related_texts=ancestors | descendants)
        for level, ancestors, descendants in zip(levels, above, below, strict=True)
    ]


def detector_levels(tree: RuleTree, default_templates: tuple[str, ...]) -> list[Competition]:
    """List what is looked for anywhere in a video: by the key of a rule that `contains` it, or by `#` and a tag."""
    detectors = [
        query_level(rule.key, Query(rule.key, rule.contains.prompts), rule.templates or default_templates)
        for rule in tree.walk()
        if rule.contains is not None and rule.contains.prompts
    ]
    templates = tree.templates or default_templates
    tags = [Query(f"#{tag.name}", tag.prompts) for tag in tree.tags if tag.prompts]
    return detectors + [query_level(query.name, query, templates) for query in tags]


def facet_levels(tree: RuleTree, default_templates: tuple[str, ...]) -> list[Competition]:
    """List the questions that are asked of every video, by their names.

    They are no open world: whether a video is calm is asked of all that videos may show, so that a negative about
    content (a furnished room) would answer another question.
    """
    templates = tree.templates or default_templates
    return [Competition(facet.name, facet.values, facet.none_of_these, templates) for facet in tree.facets]


def query_level(parent: str, query: Query, templates: tuple[str, ...], negatives: tuple[str, ...] = ()) -> Competition:
    """Return a level of one: a query alone against everything else that a picture may show."""
    return Competition(parent, (query,), negatives, templates, open_world=True)


def plan_level(level: Competition, encoder: TextEncoder, facets: Facets | None) -> LevelPlan:
    """Find out what the model knows of a level's prompts, and what they compete with.

    `facets` is the vocabulary of a model that knows little, None for one that knows all words.
    """
    limited = facets is not None
    known = tuple(_known_prompts(rule.prompts, encoder, limited=limited) for rule in level.rules)
    configured = tuple(
        Negative(text, (text,))
        for text in level.configured_negatives
        if _known_prompts([text], encoder, limited=limited).prompts
    )
    siblings = [one.prompts for one in known if one.prompts]
    if facets is not None:
        built_in = facet_negatives(facets, siblings, level.related_texts)
    else:
        names = (rule.name for rule in level.rules)
        texts = {*level.related_texts, *names, *(prompt for prompts in siblings for prompt in prompts)}
        built_in = built_in_negatives(texts, open_world=level.open_world, family=encoder.info.family)
    negatives = (*configured, *built_in)
    if not negatives and len(siblings) == 1:
        negatives = (_NEUTRAL,)
    return LevelPlan(level, known, negatives, len(built_in))


def _known_prompts(prompts: Sequence[str], encoder: TextEncoder, *, limited: bool) -> KnownPrompts:
    """Keep the prompts that the model knows best: those it knows whole, else in part, else none.

    To a model of `limited` vocabulary a prompt without any content ("a video") says nothing either.
    """
    known_whole, known_in_part, all_unknown = [], [], []
    for prompt in prompts:
        unknown = encoder.unknown_words(prompt)
        all_unknown += [word for word in unknown if word not in all_unknown]
        known = set(words_of(prompt)) - {word.casefold() for word in unknown}
        if limited and not known - _STOP_WORDS:
            all_unknown += [] if unknown else [prompt]
        elif unknown:
            known_in_part.append(prompt)
        else:
            known_whole.append(prompt)
    return KnownPrompts(tuple(known_whole or known_in_part), tuple(all_unknown))
