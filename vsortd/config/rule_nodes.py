"""The rules and tags of a config file as it was read, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.config.yaml_lines import Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.diagnostics import Location


def rule_nodes(root: Node, *, tags: bool = False) -> Iterator[tuple[Node, Location]]:
    """Yield every rule of the config whose top mapping is `root`, with `tags` every tag, too; any depth."""
    places: list[tuple[Node, Location]] = [(root, ())]
    for node, location in places:  # grows while it is walked
        for key in ("rules", "tags") if tags and node is root else ("rules",):
            below = node.get(key)
            if below is not None and below.kind is NodeKind.LIST:
                places += [(one, (*location, key, index)) for index, one in enumerate(below.items)]
        if node is not root:
            yield node, location
