"""The parts of an analysis, by the names that people type; imports nothing, so that the command line may."""

from __future__ import annotations

from enum import StrEnum


class AnalysisPart(StrEnum):
    """What can be measured of a file."""

    FACTS = "facts"
    SHOTS = "shots"
    SOUND = "sound"
    SUMMARY = "summary"
