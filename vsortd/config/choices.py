"""The words that options of the config choose between."""

from __future__ import annotations

from enum import StrEnum


class Aggregate(StrEnum):
    """How the scores of single frames become the score of a video."""

    MEAN = "mean"
    VOTE = "vote"
    MAX = "max"
    FRACTION = "fraction"


class OnUnsure(StrEnum):
    """Where a video goes that won a rule but none of its children."""

    STOP = "stop"
    REVIEW = "review"


class Ensemble(StrEnum):
    """How several prompts of one rule become its score in a frame."""

    AVERAGE = "average"
    BEST = "best"


class Hierarchy(StrEnum):
    """How a rule that has finer rules is scored in its own level's competition."""

    TOP_DOWN = "top_down"
    LEAVES = "leaves"
    PRODUCT = "product"


class OnDuplicate(StrEnum):
    """What becomes of a video whose bytes lie in the library already."""

    KEEP_BOTH = "keep_both"
    SKIP = "skip"
    TO = "to"  # into a folder for duplicates: written as a mapping, {to: FOLDER}
