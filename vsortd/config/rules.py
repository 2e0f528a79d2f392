"""The rule tree: what the config's rules mean once defaults are inherited. Light: no pydantic."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from vsortd.config.choices import Aggregate, Ensemble, Hierarchy, OnUnsure, PlaceMethod
from vsortd.config.measured_options import facts_of
from vsortd.core.names import facet_tag, nfc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.after_options import After
    from vsortd.config.condition_options import When
    from vsortd.config.place_options import Place
    from vsortd.config.settings import RuleSettings, Settings, Tag
    from vsortd.config.tag_options import Contains, Facet


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule with everything inherited; a node equals only itself (trees may be deeper than the stack).

    `path` holds the names from the top, the rule's own last. A rule without `prompts` has conditions (`when`) or
    something to look for (`contains`) and doesn't compete: it takes what meets them. `none_of_these` competes with
    the rule's children, not with the rule. `templates` None means the model's own. Scores, margins and levels are
    probabilities from 0 to 1. `sound` is what is heard; it counts `sound_weight` times against what is seen.
    `after` is what happens once a video's way has ended here.
    `place` is how its videos are placed, None for a value of a facet, which places nothing.
    """

    name: str
    path: tuple[str, ...]
    prompts: tuple[str, ...]
    templates: tuple[str, ...] | None
    min_score: float
    min_margin: float
    aggregate: Aggregate
    fraction_level: float
    on_unsure: OnUnsure
    none_of_these: tuple[str, ...]
    rules: tuple[Rule, ...] = field(default=(), repr=False)
    ensemble: Ensemble = Ensemble.BEST
    when: When | None = None
    contains: Contains | None = None
    sound: tuple[str, ...] = ()
    sound_weight: float = 0.5
    after: After | None = None
    place: Place | None = None

    @property
    def key(self) -> str:
        """The names from the top joined by slashes: "forest/night"."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class TagRule:
    """A mark for videos that meet `when` and contain what `prompts` say for long enough."""

    name: str
    prompts: tuple[str, ...]
    min_score: float
    min_duration_s: float
    when: When | None = None
    contains: Contains | None = None


@dataclass(frozen=True, eq=False)
class FacetRule:
    """A question of its own about every video: its values compete like rules, and with `none_of_these`."""

    name: str
    values: tuple[Rule, ...]
    none_of_these: tuple[str, ...]

    def tag(self, value: str) -> str:
        """Return the tag of a value: "mood:calm"."""
        return facet_tag(self.name, value)


@dataclass(frozen=True, eq=False)
class RuleTree:
    """The rules of the top level and the negatives that compete with them, and what marks videos wherever they go.

    `aggregate` and `fraction_level` are the config's defaults, which the top level is scored by; `templates`
    serve its negatives. `after` is what happens after a video that no rule took.
    """

    rules: tuple[Rule, ...]
    none_of_these: tuple[str, ...] = ()
    templates: tuple[str, ...] | None = None
    aggregate: Aggregate = Aggregate.MEAN
    fraction_level: float = 0.5
    hierarchy: Hierarchy = Hierarchy.TOP_DOWN
    tags: tuple[TagRule, ...] = ()
    facets: tuple[FacetRule, ...] = ()
    after: After | None = None

    def walk(self) -> Iterator[Rule]:
        """Yield every rule, parents before children, in the order of the file; any depth."""
        waiting = list(reversed(self.rules))
        while waiting:
            rule = waiting.pop()
            yield rule
            waiting.extend(reversed(rule.rules))

    @cached_property
    def measured(self) -> frozenset[str]:
        """The names of the facts that some rule or tag asks to have measured, gathered once."""
        asking = (*(rule.when for rule in self.walk()), *(tag.when for tag in self.tags))
        return frozenset().union(*(facts_of(when) for when in asking if when is not None))

    @cached_property
    def asks_name(self) -> bool:
        """Whether some rule or tag asks how a file is called."""
        asking: list[Rule | TagRule] = [*self.walk(), *self.tags]
        return any(one.when is not None and bool(one.when.file_name) for one in asking)

    @cached_property
    def seeks(self) -> bool:
        """Whether some rule or tag looks for something anywhere in a video."""
        asking: list[Rule | TagRule] = [*self.walk(), *self.tags]
        return any(one.contains is not None for one in asking)

    def methods(self, place: Place) -> frozenset[PlaceMethod]:
        """Return how videos get into the library: as `place` of all says, and as rules say."""
        return frozenset({place.how, *(rule.place.how for rule in self.walk() if rule.place is not None)})

    @cached_property
    def does_something_after(self) -> bool:
        """Whether anything happens after some video."""
        return self.after is not None or any(rule.after is not None for rule in self.walk())

    def after_of(self, key: str) -> After | None:
        """Return what happens after a video of a rule ("forest/night"); of one that is not there, as of none ("")."""
        rule = self.find(key) if key else None
        return self.after if rule is None else rule.after

    def find(self, key: str) -> Rule | None:
        """Return the rule whose `key` this is ("forest/night") by NFC, or None."""
        return self._by_key.get(nfc(key))

    @cached_property
    def _by_key(self) -> dict[str, Rule]:
        found: dict[str, Rule] = {}
        for rule in self.walk():
            found.setdefault(nfc(rule.key), rule)
        return found


def build_rules(settings: Settings) -> RuleTree:
    """Make the tree from settings: what a rule leaves out comes from its parent, at the top from `defaults`.

    `none_of_these` is never inherited: what fits no child of one rule may well fit a child of another.
    """
    order = _flatten(settings)
    built: dict[int, Rule] = {}
    # Children stand behind their parents in `order`, so building from the end finds every child built.
    for index in range(len(order) - 1, -1, -1):
        entry = order[index]
        children = tuple(built.pop(child) for child in entry.children)
        built[index] = entry.rule(children)
    defaults = settings.defaults
    return RuleTree(
        rules=tuple(built[index] for index in range(len(settings.rules))),
        none_of_these=settings.none_of_these,
        templates=defaults.templates,
        aggregate=defaults.aggregate,
        fraction_level=defaults.fraction_level,
        hierarchy=settings.hierarchy,
        tags=tuple(_tag(tag) for tag in settings.tags),
        facets=tuple(_facet(name, facet, settings) for name, facet in settings.facets.items()),
        after=_after(settings.after, None),
    )


def _after(choice: After | Literal["none"] | None, above: After | None) -> After | None:
    """Return what happens: what is said here, else what is said above; `none` is nothing."""
    if choice is None:
        return above
    return None if isinstance(choice, str) else choice


def _tag(tag: Tag) -> TagRule:
    looked_for = tag.contains
    if looked_for is None:  # a tag that only has conditions has nothing to look for
        return TagRule(tag.name, () if tag.when else (tag.name,), 0.5, 1.0, tag.when)
    return TagRule(tag.name, looked_for.prompts, looked_for.min_score, looked_for.min_duration_s, tag.when, looked_for)


def _facet(name: str, facet: Facet, settings: Settings) -> FacetRule:
    """Return a facet with its values as rules; what it leaves out comes from `defaults`."""
    defaults = settings.defaults
    values = (
        Rule(
            name=value,
            path=(value,),
            prompts=prompts,
            templates=defaults.templates,
            min_score=defaults.min_score if facet.min_score is None else facet.min_score,
            min_margin=defaults.min_margin if facet.min_margin is None else facet.min_margin,
            aggregate=defaults.aggregate,
            fraction_level=defaults.fraction_level,
            on_unsure=defaults.on_unsure,
            none_of_these=(),
            ensemble=defaults.ensemble,
        )
        for value, prompts in facet.prompts.items()
    )
    return FacetRule(name, tuple(values), facet.none_of_these)


@dataclass
class _Entry:
    """One rule on its way from settings to the tree, with what it hands on to its children."""

    source: RuleSettings
    path: tuple[str, ...]
    templates: tuple[str, ...] | None
    min_score: float
    min_margin: float
    aggregate: Aggregate
    fraction_level: float
    on_unsure: OnUnsure
    ensemble: Ensemble
    sound_weight: float
    after: After | None
    place: Place
    children: range = range(0)

    def rule(self, children: tuple[Rule, ...]) -> Rule:
        """Return the finished rule."""
        return Rule(
            name=self.source.name,
            path=self.path,
            prompts=self.source.prompts or (() if self.source.when or self.source.contains else (self.source.name,)),
            templates=self.templates,
            min_score=self.min_score,
            min_margin=self.min_margin,
            aggregate=self.aggregate,
            fraction_level=self.fraction_level,
            on_unsure=self.on_unsure,
            none_of_these=self.source.none_of_these,
            rules=children,
            ensemble=self.ensemble,
            when=self.source.when,
            contains=self.source.contains,
            sound=self.source.sound,
            sound_weight=self.sound_weight,
            after=self.after,
            place=self.place,
        )


def _flatten(settings: Settings) -> list[_Entry]:
    """List every rule, level by level, children of one rule side by side behind it."""
    defaults = settings.defaults
    top = _Entry(
        source=settings.rules[0],
        path=(),
        templates=defaults.templates,
        min_score=defaults.min_score,
        min_margin=defaults.min_margin,
        aggregate=defaults.aggregate,
        fraction_level=defaults.fraction_level,
        on_unsure=defaults.on_unsure,
        ensemble=defaults.ensemble,
        sound_weight=defaults.sound_weight,
        after=_after(settings.after, None),
        place=settings.place,
    )
    order = [_inherit(rule, top) for rule in settings.rules]
    for entry in order:  # grows while it is walked
        start = len(order)
        order.extend(_inherit(rule, entry) for rule in entry.source.rules)
        entry.children = range(start, len(order))
    return order


def _inherit(source: RuleSettings, parent: _Entry) -> _Entry:
    """Fill what `source` leaves out from `parent`."""
    return _Entry(
        source=source,
        path=(*parent.path, source.name),
        templates=parent.templates if source.templates is None else source.templates,
        min_score=parent.min_score if source.min_score is None else source.min_score,
        min_margin=parent.min_margin if source.min_margin is None else source.min_margin,
        aggregate=source.aggregate or parent.aggregate,
        fraction_level=parent.fraction_level if source.fraction_level is None else source.fraction_level,
        on_unsure=source.on_unsure or parent.on_unsure,
        ensemble=source.ensemble or parent.ensemble,
        sound_weight=parent.sound_weight if source.sound_weight is None else source.sound_weight,
        after=_after(source.after, parent.after),
        place=parent.place.with_rule(source.place),
    )
