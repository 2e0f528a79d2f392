"""Which options of `when` ask for which fact that has to be measured, and how they are held against it.

A new one stands in `When` of `condition_options`, in `MEASURED_OPTIONS` here, as a fact in `core/measured_facts`, with
its words in `judging/measured_conditions`, and with how it is read in `analysis/fact_readers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.condition_options import When


class Comparison(StrEnum):
    """How what was measured is held against what an option says."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    IS = "is"
    ONE_OF = "one_of"  # the fact is a word; of a list of them one must be among those of the option
    HOLDS_WORDS = "holds_words"  # the fact is lines of words; one of those of the option must be among them
    MATCHES = "matches"  # the fact is text, or a list of texts; one must match one of the option's patterns


@dataclass(frozen=True, slots=True)
class MeasuredOption:
    """An option: its `key` in the file, the `attribute` of `When`, the `fact` of `MeasuredFacts` that it is about."""

    key: str
    attribute: str
    fact: str
    comparison: Comparison

    def value(self, when: When) -> Any:  # noqa: ANN401 - as its comparison needs it
        """Return what is asked for, None where the option isn't set."""
        found = getattr(when, self.attribute)
        return None if found == () else found


def _bounds(key: str, fact: str, unit: str = "") -> tuple[MeasuredOption, MeasuredOption]:
    """Return the options `min_…` and `max_…` of a fact that is a number."""
    least, most = (f"{side}_{key}" for side in ("min", "max"))
    return (
        MeasuredOption(least, least + unit, fact, Comparison.AT_LEAST),
        MeasuredOption(most, most + unit, fact, Comparison.AT_MOST),
    )


MEASURED_OPTIONS: Final = (
    *_bounds("shots_per_minute", "shots_per_minute"),
    MeasuredOption("pacing", "pacing", "pacing", Comparison.ONE_OF),
    *_bounds("loudness", "loudness_lufs", "_lufs"),
    *_bounds("true_peak", "true_peak_dbtp", "_dbtp"),
    *_bounds("speech_share", "speech_share"),
    *_bounds("music_share", "music_share"),
    MeasuredOption("silent", "silent", "silent", Comparison.IS),
    MeasuredOption("quality", "quality", "quality", Comparison.ONE_OF),
    *_bounds("blur", "blur_px", "_px"),
    MeasuredOption("hdr", "hdr", "hdr", Comparison.IS),
    MeasuredOption("interlaced", "interlaced", "interlaced", Comparison.IS),
    MeasuredOption("device", "device", "device", Comparison.MATCHES),
    MeasuredOption("said", "said", "said", Comparison.HOLDS_WORDS),
    MeasuredOption("text", "text", "text", Comparison.HOLDS_WORDS),
    MeasuredOption("has_objects", "has_objects", "objects", Comparison.MATCHES),
)


def measured_options(when: When) -> Iterator[MeasuredOption]:
    """Yield the options that are set and ask for something to be measured."""
    return (option for option in MEASURED_OPTIONS if option.value(when) is not None)


def facts_of(when: When) -> frozenset[str]:
    """Return the names of the facts that conditions ask to have measured."""
    return frozenset(option.fact for option in measured_options(when))
