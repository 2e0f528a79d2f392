"""What a command may propose to look for: the user's own words, and none that the model doesn't know. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from vsortd.config.rules import RuleTree

# Every model knows that, the one in the package too.
EXAMPLE: Final = "a forest at night"


def own_prompts(tree: RuleTree, unknown_words: Callable[[str], Collection[str]]) -> Iterator[str]:
    """Yield of each rule, as they stand in the config, the first prompt of which the model knows every word."""
    seen: set[str] = set()
    for rule in tree.walk():
        prompts = rule.prompts or (rule.contains.prompts if rule.contains is not None else ())
        known = next((prompt for prompt in prompts if not unknown_words(prompt)), None)
        if known is not None and known not in seen:
            seen.add(known)
            yield known


def example_prompt(tree: RuleTree, unknown_words: Callable[[str], Collection[str]]) -> str:
    """Return a prompt to propose: one of the user's own where the model knows one."""
    return next(own_prompts(tree, unknown_words), EXAMPLE)
