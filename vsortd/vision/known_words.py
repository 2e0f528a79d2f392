"""What a person may ask a model for instead of words that it doesn't know. Pure, and light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.vision.encoder import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.vision.encoder import TextModelInfo

_OWN_SHOWN: Final = 4  # prompts of the user's that an error proposes


def what_it_knows(info: TextModelInfo, own: Sequence[str] = ()) -> str:
    """Say what to ask for instead: what the user's rules say, and of the model in the package what it was taught."""
    more = "`vsortd model list` shows models that know more."
    if info.family is not Family.SAMPLE:
        return more
    from vsortd.vision.sample import vocabulary

    facets = vocabulary().facets
    lights = ", ".join(phrases[0] for phrases in facets["light"].values())
    of_rules = f"Of your rules it knows {', '.join(own[:_OWN_SHOWN])}. " if own else ""
    return f"{of_rules}It was taught {', '.join(facets['subject'])}; {lights}. {more}"
