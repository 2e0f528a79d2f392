"""Templates of folders beside the rest of the config: folders that are taken, and what can't be learned from any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.config.rule_nodes import rule_nodes
from vsortd.core.folder_templates import RULE
from vsortd.core.names import folder_key, template_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vsortd.config.settings import RuleSettings, Settings
    from vsortd.config.yaml_lines import Node


def folder_mistakes(root: Node, taken: Iterable[tuple[str, str]]) -> Iterator[Mistake]:
    """Find templates that begin with a folder which is no rule's; `taken` are those, each with what it is."""
    owners = {folder_key(name): what for name, what in taken}
    for node, location in ((root, ()), *rule_nodes(root)):
        place = node.get("place")
        folder = place.get("folder") if place is not None else None
        if folder is None or not isinstance(folder.value, str):
            continue
        first, _, _ = folder.value.partition("/")
        if what := owners.get(folder_key(first)):
            at = dotted((*location, "place", "folder"))
            message = f"{what} has this name, too"
            yield Mistake(folder.line, at, folder.value, message, "folders that begin with another name")


def folder_warnings(settings: Settings) -> Iterator[tuple[Location, str, str, str]]:
    """Yield templates by which several rules have the same folders: where they stand, the value, why, what to write."""
    work: list[tuple[Settings | RuleSettings, Location]] = [(settings, ())]
    for one, location in work:
        work += [(rule, (*location, "rules", index)) for index, rule in enumerate(one.rules)]
        template = one.place.folder if one.place is not None else None
        if template is None or RULE in template_fields(template):
            continue
        heirs = [rule for rule in one.rules if rule.place is None or rule.place.folder is None]
        if len(heirs) + bool(location) + any(rule.rules for rule in heirs) > 1:
            message = "these are the folders of several rules, so nothing is learned from moving a video into one"
            yield (*location, "place", "folder"), template, message, "a template with {rule}, such as {rule}/{year}"
