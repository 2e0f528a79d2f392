"""Where a person says that videos belong: the rule that a form means, and what is said of filing them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.learning.teaching import find_rule

if TYPE_CHECKING:
    from collections.abc import Sized

    from vsortd.config.rules import RuleTree
    from vsortd.web.page import Posted


def chosen_rule(posted: Posted, tree: RuleTree) -> str | None:
    """Return the rule that a form means, as the tree has it; None for nowhere. Raises UsageError."""
    if posted.one("nowhere"):
        return None
    wanted = posted.one("rule").strip()
    if not wanted:
        raise UsageError("No rule is chosen.", remedy="Choose one, or say that it belongs nowhere.")
    return find_rule(tree, wanted)


def insist_on_some(chosen: Sized, boxes: str = "before their names") -> None:
    """See that videos are chosen, by their boxes. Raises UsageError."""
    if not chosen:
        raise UsageError("No video is chosen.", remedy=f"Choose some by the boxes {boxes}.")


def title_of(count: int, rule: str | None) -> str:
    """Return what a job is called that files videos under a rule, None for nowhere."""
    return f"{counted(count, 'video')} to {rule or 'nowhere'}"


def said_of_filing(count: int, rule: str | None) -> str:
    """Say that so many videos were filed under a rule, None for nowhere."""
    return f"{counted(count, 'video')} {f'filed as {rule}' if rule else 'to belong nowhere'}."
