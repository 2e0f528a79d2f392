"""Conditions on what was measured of a video, and how they are told of. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.measured_options import Comparison, MeasuredOption, measured_options
from vsortd.core.names import nfc
from vsortd.core.text import counted
from vsortd.core.word_match import WordLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vsortd.config.condition_options import When
    from vsortd.core.measured_facts import FactValue, MeasuredFacts


@dataclass(frozen=True, slots=True)
class FactWords:
    """How a fact is spoken of: its `name` in a sentence that says it isn't known; `says` with the value in it.

    Of one that holds or doesn't, `denies` is said where it doesn't.
    """

    name: str
    says: str
    denies: str = ""


WORDS: Final[Mapping[str, FactWords]] = {
    "shots_per_minute": FactWords("how many shots a minute it has", "it has {} shots a minute"),
    "pacing": FactWords("its pacing", "its pacing is {}"),
    "loudness_lufs": FactWords("how loud it is", "its loudness is {} LUFS"),
    "true_peak_dbtp": FactWords("its true peak", "its true peak is {} dBTP"),
    "speech_share": FactWords("whether somebody speaks", "speech is {} of its sound"),
    "music_share": FactWords("how much of it is music", "music is {} of its time"),
    "silent": FactWords("whether it is silent", "it is silent", "it is not silent"),
    "quality": FactWords("the quality of its picture", "the quality of its picture is {}"),
    "blur_px": FactWords("how blurred it is", "its edges are {} px wide"),
    "hdr": FactWords("whether it is HDR", "it is HDR", "it is not HDR"),
    "interlaced": FactWords("whether it is interlaced", "it is interlaced", "it is not interlaced"),
    "device": FactWords("its device", 'its device is "{}"'),
    "said": FactWords("what is said in it", "what is said in it has {}"),
    "text": FactWords("the text in its pictures", "the text in its pictures has {}"),
    "objects": FactWords("what is to be found in it", "found in it: {}"),
}


@dataclass(frozen=True, slots=True)
class MeasuredCondition:
    """One condition on something measured: the option with what it asks for, what was found, and whether it holds.

    `tried` says that somebody looked for it at all.
    """

    option: str
    wanted: str
    found: str  # a sentence: the value, or why there is none
    value: FactValue | None
    holds: bool
    tried: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as `explain --json` prints it; a level of nothing at all is null, as what isn't known is."""
        value = None if isinstance(self.value, float) and not math.isfinite(self.value) else self.value
        return {
            "option": self.option,
            "wanted": self.wanted,
            "value": _plain(value),
            "said": self.found,
            "holds": self.holds,
        }


def _plain(value: FactValue | None) -> Any:  # noqa: ANN401 - of JSON
    if isinstance(value, WordLines):
        return len(value.lines)
    return list(value) if isinstance(value, tuple) else value


def measured_conditions(when: When, measured: MeasuredFacts) -> tuple[MeasuredCondition, ...]:
    """Hold what was measured against each condition that asks for it; what isn't known holds for none."""
    return tuple(_held_against(option, when, measured) for option in measured_options(when))


def measured_unmet(when: When, measured: MeasuredFacts) -> str | None:
    """Return None if all conditions on what was measured hold, else why the first that doesn't."""
    found = (one for one in measured_conditions(when, measured) if not one.holds)
    return next((f"{one.found} (when.{one.option} is {one.wanted})" for one in found), None)


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Tell whether a text matches one of some shell patterns, in any case and whatever its Unicode form."""
    folded = nfc(text).casefold()
    return any(fnmatchcase(folded, nfc(pattern).casefold()) for pattern in patterns)


def _held_against(option: MeasuredOption, when: When, measured: MeasuredFacts) -> MeasuredCondition:
    wanted, value = option.value(when), measured.value(option.fact)
    if value is None:
        said, holds = f"{WORDS[option.fact].name} is not known: {measured.why_unknown(option.fact)}", False
    else:
        said, holds = _said(option.fact, value), _HOLDS[option.comparison](value, wanted)
    tried = not measured.lacks(frozenset({option.fact}))
    return MeasuredCondition(option.key, _shown(wanted), said, value, holds, tried)


def _said(fact: str, value: FactValue) -> str:
    """Return a sentence that tells a fact."""
    words = WORDS[fact]
    if isinstance(value, bool):
        return words.says if value else words.denies
    if value == -math.inf:
        return "nothing is heard in it"
    if isinstance(value, tuple):
        return words.says.format(", ".join(value) or "nothing")
    return words.says.format(_shown(value))


def _shown(value: Any) -> str:  # noqa: ANN401 - of an option, or of a fact
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.4g}"
    if isinstance(value, WordLines):
        return counted(len(value.lines), "line")
    return value if isinstance(value, str) else " or ".join(value)


def _texts(value: FactValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)


_HOLDS: Final[Mapping[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.AT_LEAST: lambda value, wanted: value >= wanted,
    Comparison.AT_MOST: lambda value, wanted: value <= wanted,
    Comparison.IS: lambda value, wanted: value is wanted,
    Comparison.ONE_OF: lambda value, wanted: any(one in wanted for one in _texts(value)),
    Comparison.HOLDS_WORDS: lambda value, wanted: any(map(value.hold, wanted)),
    Comparison.MATCHES: lambda value, wanted: any(matches(one, wanted) for one in _texts(value)),
}
