"""Rules and trees of rules as the config would make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vsortd.config.choices import Aggregate, OnUnsure
from vsortd.config.rules import Rule, RuleTree


def rule(name: str, *children: Rule, above: tuple[str, ...] = (), **changes: Any) -> Rule:
    """Return a rule with the defaults of the config, below the rules named in `above`; `tree` sets paths, too."""
    made = Rule(
        name=name,
        path=(*above, name),
        prompts=(name,),
        templates=None,
        min_score=0.35,
        min_margin=0.1,
        aggregate=Aggregate.MEAN,
        fraction_level=0.5,
        on_unsure=OnUnsure.STOP,
        none_of_these=(),
        rules=children,
    )
    return replace(made, **changes)


def tree(*rules: Rule, **options: Any) -> RuleTree:
    """Return a tree with every path set (recursive: for shallow trees); `options` are the tree's own."""

    def placed(one: Rule, above: tuple[str, ...]) -> Rule:
        path = (*above, one.name)
        return replace(one, path=path, rules=tuple(placed(child, path) for child in one.rules))

    return RuleTree(rules=tuple(placed(one, ()) for one in rules), **options)
