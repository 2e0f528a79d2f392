"""What the commands propose to look for, in the user's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsortd.config.settings import Settings


def proposed(settings: Settings) -> str:
    """Return a prompt of the user's rules that the model knows, else one that every model knows."""
    from vsortd.config.own_words import example_prompt
    from vsortd.config.rules import build_rules
    from vsortd.vision.sample import unknown_words

    return example_prompt(build_rules(settings), unknown_words if settings.model == "sample" else lambda _: ())
