"""The parts of an analysis, by the names that people type; imports nothing, so that the command line may."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AnalysisPart(StrEnum):
    """What can be measured of a file."""

    FACTS = "facts"
    SHOTS = "shots"
    SOUND = "sound"
    LABELS = "labels"
    SUMMARY = "summary"
    WORDS = "words"
    TEXT = "text"
    OBJECTS = "objects"


ON_WISH: Final = frozenset({AnalysisPart.TEXT, AnalysisPart.OBJECTS})
"""What takes so long, or a model of its own, that it is measured only where it is asked for by name."""
USUAL_PARTS: Final = tuple(part for part in AnalysisPart if part not in ON_WISH)
