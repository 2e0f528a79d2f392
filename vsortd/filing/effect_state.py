"""How far an operation got, as the disk tells it."""

from __future__ import annotations

from enum import Enum, auto

from vsortd.filing.records import IdentityMatch


class EffectState(Enum):
    """What the disk says of an operation whose intent was written."""

    UNTOUCHED = auto()  # the source is where it was
    PERFORMED = auto()  # the destination is what was to be put there
    UNCLEAR = auto()  # neither, or more than can be told apart


def effect_of_rename(source: IdentityMatch, destination: IdentityMatch) -> EffectState:
    """Tell how far a rename got, from what lies at its source and at its destination."""
    if destination is IdentityMatch.SAME:
        return EffectState.PERFORMED
    if source in {IdentityMatch.SAME, IdentityMatch.EDITED}:
        return EffectState.UNTOUCHED
    # where inodes don't last, size and time have to do, if only one of the two has them
    if (source is IdentityMatch.ALIKE) == (destination is IdentityMatch.ALIKE):
        return EffectState.UNCLEAR
    return EffectState.UNTOUCHED if source is IdentityMatch.ALIKE else EffectState.PERFORMED
