"""Where the videos of a rule lie, for a search among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.errors import UsageError
from vsortd.filing.name_fit import folder_below
from vsortd.filing.rule_folders import folder_of_rule
from vsortd.learning.teaching import find_rule

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import Settings


def folder_filed_under(settings: Settings, tree: RuleTree, rule: str) -> Path:
    """Return the folder of a rule that is named by its key, or by the end of it.

    Raises UsageError where there is no such rule, none of its own folder, or nothing was filed there.
    """
    key = find_rule(tree, rule)
    folder = folder_below(settings.library, folder_of_rule(tree, key, settings.place))
    if not folder.is_dir():
        raise UsageError(f"Nothing was filed under {key} yet: there is no {folder}.")
    return folder
