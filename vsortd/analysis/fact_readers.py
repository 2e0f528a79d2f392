"""What conditions ask to have measured: which part of an analysis tells each fact, and how it is read there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.arousal import PACING_NAMES, pacing_of
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.spoken_words import SpokenSources, lines_of
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video, shots_of
from vsortd.core.measured_facts import MUSIC_SHARE, MeasuredFacts, QualityRating
from vsortd.core.word_match import WordLines
from vsortd.errors import ChangedError, VideoError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vsortd.analysis.spoken_words import Transcriber
    from vsortd.analysis.video_analysis import VideoAnalysis
    from vsortd.core.measured_facts import FactValue
    from vsortd.index.store import Index
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.media.pool import MediaPool

# Of the frames whose lines could be told apart; a film without is at 0, one with at nearly all that move.
_INTERLACED_SHARE: Final = 0.5
_PACES: Final = {pacing: pace for pace, pacing in PACING_NAMES.items()}


class NotKnownError(Exception):
    """A fact can't be told of this video; the text says why."""


@dataclass(frozen=True, slots=True)
class FactReader:
    """Where a fact is told, and how: `read` returns it, or raises NotKnownError."""

    part: AnalysisPart
    read: Callable[[VideoAnalysis], FactValue]


def measure_facts(
    media: MediaPool,
    index: Index,
    path: Path,
    asked: frozenset[str],
    *,
    transcriber: Transcriber | None = None,
    sound: ResidentSound | None = None,
    cancel: threading.Event | None = None,
) -> MeasuredFacts:
    """Measure the facts of these names, and nothing that the index has.

    `transcriber` writes down what is said, besides the subtitles; `sound` is the model that tells music.

    A fact that can't be told is None, with the reason. Raises ChangedError, StoreError, Cancelled.
    """
    wanted = {READERS[fact].part for fact in asked}
    if not wanted:
        return MeasuredFacts()
    wish = AnalysisWish(
        tuple(part for part in AnalysisPart if part in wanted),
        spoken=SpokenSources(transcriber=transcriber),
        ears=sound if MUSIC_SHARE in asked else None,
    )
    try:
        analysis = analyze_video(media, index, path, wish, cancel=cancel)
    except ChangedError:
        raise
    except VideoError as error:
        return MeasuredFacts(unknown=dict.fromkeys(asked, error.reason))
    found: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for fact in sorted(asked):
        try:
            found[fact] = READERS[fact].read(analysis)
        except NotKnownError as error:
            unknown[fact] = str(error)
    return MeasuredFacts(**found, unknown=unknown)


def _document(analysis: VideoAnalysis, part: AnalysisPart) -> dict[str, Any] | None:
    """Return a part, None where the file has no such thing; raises NotKnownError where it couldn't be measured."""
    found = analysis.documents[part]
    if found is not None and "error" in found:
        raise NotKnownError(found["error"])
    return found


def _pictures(analysis: VideoAnalysis, part: AnalysisPart) -> dict[str, Any]:
    found = _document(analysis, part)
    if found is None:
        raise NotKnownError("it has no moving pictures")
    return found


def _told(value: Any, why: str) -> Any:  # noqa: ANN401 - of a document
    """Return what is known; raises NotKnownError with the reason for what is None."""
    if value is None:
        raise NotKnownError(why)
    return value


def _shots_per_minute(analysis: VideoAnalysis) -> FactValue:
    shots = _pictures(analysis, AnalysisPart.SHOTS)
    return float(_told(shots["shots_per_minute"], "it lasts no time"))


def _pacing(analysis: VideoAnalysis) -> FactValue:
    pacing = pacing_of(shots_of(_pictures(analysis, AnalysisPart.SHOTS)))
    return _PACES[_told(pacing, "it lasts no time")]


def _level(key: str) -> Callable[[VideoAnalysis], FactValue]:
    """Return how a level of the sound is read, by its key in the document."""

    def read(analysis: VideoAnalysis) -> FactValue:
        sound = _told(_document(analysis, AnalysisPart.SOUND), "it has no sound")
        if key in sound["minus_infinity"]:
            return -math.inf
        return float(_told(sound[key], "its sound is too short"))

    return read


def _speech_share(analysis: VideoAnalysis) -> FactValue:
    sound = _document(analysis, AnalysisPart.SOUND)
    if sound is None:
        return 0.0
    return float(_told(sound["speech_share"], sound.get("speech_error") or "it was not looked for"))


def _music_share(analysis: VideoAnalysis) -> FactValue:
    sound = _document(analysis, AnalysisPart.SOUND)
    if sound is None or sound["silent"]:
        return 0.0
    return float(_told(sound["music_share"], sound.get("music_error") or "no sound model has listened to it"))


def _silent(analysis: VideoAnalysis) -> FactValue:
    sound = _document(analysis, AnalysisPart.SOUND)
    return sound is None or bool(sound["silent"])


def _quality(analysis: VideoAnalysis) -> FactValue:
    rating = _pictures(analysis, AnalysisPart.SUMMARY)["picture_quality"]["rating"]
    return QualityRating(_told(rating, "too little of its picture can be judged"))


def _blur(analysis: VideoAnalysis) -> FactValue:
    factors = _pictures(analysis, AnalysisPart.SUMMARY)["picture_quality"]["factors"]
    return float(_told(factors["blur"]["value"], "its picture has no edges"))


def _interlaced(analysis: VideoAnalysis) -> FactValue:
    share = _pictures(analysis, AnalysisPart.SUMMARY)["interlaced_share"]
    return bool(share > _INTERLACED_SHARE)


def _hdr(analysis: VideoAnalysis) -> FactValue:
    """Return whether it is HDR; a film that says nothing of its light is shown as one that isn't."""
    return analysis.technical is not None and bool(analysis.technical.hdr)


def _device(analysis: VideoAnalysis) -> FactValue:
    technical = analysis.technical
    if technical is None or not (technical.told.make or technical.told.model):
        raise NotKnownError("the file names none")
    return technical.device


def _lines(part: AnalysisPart) -> Callable[[VideoAnalysis], FactValue]:
    """Return how the lines of a part that is words are read; a video without any holds none."""

    def read(analysis: VideoAnalysis) -> FactValue:
        return WordLines(tuple(lines_of(_document(analysis, part) or {})))

    return read


READERS: Final[Mapping[str, FactReader]] = {
    "shots_per_minute": FactReader(AnalysisPart.SHOTS, _shots_per_minute),
    "pacing": FactReader(AnalysisPart.SHOTS, _pacing),
    "loudness_lufs": FactReader(AnalysisPart.SOUND, _level("integrated_lufs")),
    "true_peak_dbtp": FactReader(AnalysisPart.SOUND, _level("true_peak_dbtp")),
    "speech_share": FactReader(AnalysisPart.SOUND, _speech_share),
    "music_share": FactReader(AnalysisPart.SOUND, _music_share),
    "silent": FactReader(AnalysisPart.SOUND, _silent),
    "quality": FactReader(AnalysisPart.SUMMARY, _quality),
    "blur_px": FactReader(AnalysisPart.SUMMARY, _blur),
    "hdr": FactReader(AnalysisPart.FACTS, _hdr),
    "interlaced": FactReader(AnalysisPart.SUMMARY, _interlaced),
    "device": FactReader(AnalysisPart.FACTS, _device),
    "said": FactReader(AnalysisPart.WORDS, _lines(AnalysisPart.WORDS)),
    "text": FactReader(AnalysisPart.TEXT, _lines(AnalysisPart.TEXT)),
}
