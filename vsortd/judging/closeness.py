"""How near a video came to rules that it was not filed under, from the scores that the journal keeps. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def closeness(detail: Mapping[str, Any]) -> dict[str, float]:
    """Return for the key of each rule that competed the product of the scores on the way down to it.

    `detail` is an item's in the journal, with the scores of each level.
    """
    reached = {"": 1.0}
    for level in detail.get("levels", ()):
        parent = str(level.get("parent", ""))
        for name, score in level.get("scores", {}).items():
            key = f"{parent}/{name}" if parent else name
            reached[key] = reached.get(parent, 1.0) * float(score)
    del reached[""]
    return reached
