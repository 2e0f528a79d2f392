"""Who decided where a filed video lies: the rules, a person, or a second opinion; told by its item's reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from vsortd.filing.second_opinion import BY_OPINION

SAID_SO: Final = "you said so"
BY_PLAN: Final = f"{SAID_SO} in"
NOWHERE: Final = "you said that it belongs nowhere"
MOVED_TO: Final = "you moved it to"
FOLDER_IS: Final = "its folder is"  # ... now: you moved or renamed all of it
BY_CLUSTER: Final = "of videos that look alike, by `vsortd cluster`"

_YOURS: Final = (f"{BY_PLAN} ", NOWHERE, f"{MOVED_TO} ", f"{FOLDER_IS} ")


class DecidedBy(StrEnum):
    """Whose word it was."""

    RULES = "rules"
    YOU = "you"
    OPINION = "second_opinion"


def decided_by(reason: str) -> DecidedBy:
    """Return who decided where a video lies, by its item's reason."""
    if any(map(_is_a_persons, reason.split("; "))):
        return DecidedBy.YOU
    return DecidedBy.OPINION if reason.startswith(f"{BY_OPINION} ") else DecidedBy.RULES


def _is_a_persons(part: str) -> bool:
    return part == SAID_SO or part.startswith(_YOURS) or BY_CLUSTER in part
