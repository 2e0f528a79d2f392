"""The rule tree: what the config's rules mean once defaults are inherited. Light: no pydantic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.config.choices import Aggregate, Ensemble, Hierarchy, OnUnsure
from vsortd.core.names import nfc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Contains, RuleSettings, Settings, Tag, When


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule with everything inherited; a node equals only itself (trees may be deeper than the stack).

    `path` holds the names from the top, the rule's own last. A rule without `prompts` has conditions (`when`) or
    something to look for (`contains`) and doesn't compete: it takes what meets them. `none_of_these` competes with
    the rule's children, not with the rule. `templates` None means the model's own. Scores, margins and levels are
    probabilities from 0 to 1.
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

    @property
    def key(self) -> str:
        """The names from the top joined by slashes: "forest/night"."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class TagRule:
    """A mark for videos that meet `when` and contain what `prompts` say for long enough."""

    name: str
    prompts: tuple[str, ...]
    level: float
    min_seconds: float
    when: When | None = None


@dataclass(frozen=True, eq=False)
class RuleTree:
    """The rules of the top level and the negatives that compete with them.

    `aggregate` and `fraction_level` are the config's defaults, which the top level is scored by; `templates`
    serve its negatives.
    """

    rules: tuple[Rule, ...]
    none_of_these: tuple[str, ...] = ()
    templates: tuple[str, ...] | None = None
    aggregate: Aggregate = Aggregate.MEAN
    fraction_level: float = 0.5
    hierarchy: Hierarchy = Hierarchy.TOP_DOWN
    tags: tuple[TagRule, ...] = ()

    def walk(self) -> Iterator[Rule]:
        """Yield every rule, parents before children, in the order of the file; any depth."""
        waiting = list(reversed(self.rules))
        while waiting:
            rule = waiting.pop()
            yield rule
            waiting.extend(reversed(rule.rules))

    def find(self, key: str) -> Rule | None:
        """Return the rule whose `key` this is ("forest/night") by NFC, or None."""
        siblings, found = self.rules, None
        for name in nfc(key).split("/"):
            found = next((rule for rule in siblings if nfc(rule.name) == name), None)
            if found is None:
                return None
            siblings = found.rules
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
    )


def _tag(tag: Tag) -> TagRule:
    looked_for = tag.contains
    if looked_for is None:  # a tag that only has conditions has nothing to look for
        return TagRule(tag.name, () if tag.when else (tag.name,), 0.5, 1.0, tag.when)
    return TagRule(tag.name, looked_for.prompts, looked_for.level, looked_for.min_seconds_s, tag.when)


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
    )
