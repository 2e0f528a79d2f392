"""One pass over a file: pictures and sound are measured side by side, and shots, sound and summary made of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.arousal import arousal
from vsortd.analysis.music import music_share
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.picture_quality import picture_quality
from vsortd.analysis.shots import find_shots
from vsortd.analysis.sound import judge_sound
from vsortd.analysis.speech import Speech, SpeechFinder
from vsortd.errors import VideoError, VsortdError
from vsortd.hearing.listening import hear_all
from vsortd.media.measures import PictureMeasures, SoundMeasures

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.analysis.shots import ShotReport
    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.index.store import Index
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.media.measures import Measures
    from vsortd.media.pool import MediaPool

    Document = dict[str, Any]

# What a pass over pictures and sound tells.
PARTS_OF_PASS: Final = frozenset({AnalysisPart.SHOTS, AnalysisPart.SOUND, AnalysisPart.SUMMARY})
_DURATIONS: Final = 4  # a pass may take so many times what the file lasts, beyond what any request may


@dataclass(slots=True)
class MeasuringPass:
    """One pass over a file's pictures and sound, and what the parts make of it."""

    media: MediaPool
    index: Index
    path: Path
    facts: TechnicalFacts
    scene_threshold: float
    ears: ResidentSound | None
    cancel: threading.Event | None

    def parts(self, wanted: Sequence[AnalysisPart]) -> dict[AnalysisPart, Document | None]:
        """Measure, and return a document for each wanted part; None for one of which the file has nothing."""
        film, heard = self.facts.film_stream is not None, bool(self.facts.sounds)
        pictures = film and bool({AnalysisPart.SHOTS, AnalysisPart.SUMMARY} & set(wanted))
        sound = heard and (AnalysisPart.SOUND in wanted or (pictures and AnalysisPart.SUMMARY in wanted))
        if not pictures and not sound:
            return dict.fromkeys(wanted)
        finder = SpeechFinder() if sound and AnalysisPart.SOUND in wanted else None
        try:
            measures = self.media.measure(
                self.path,
                pictures=pictures,
                sound=sound,
                speech=finder,
                timeout_s=self.media.timeout_s + _DURATIONS * (self.facts.duration_s or 0.0),
                cancel=self.cancel,
            )
        except VideoError as error:
            return {part: {"error": error.reason} for part in wanted}
        found = self._of_pictures(measures, wanted)
        if AnalysisPart.SOUND in wanted:
            track = measures.sound
            found[AnalysisPart.SOUND] = (
                self._sound(track, finder)
                if isinstance(track, SoundMeasures) and finder is not None
                else _absent(track)
            )
        return found

    def _of_pictures(self, measures: Measures, wanted: Sequence[AnalysisPart]) -> dict[AnalysisPart, Document | None]:
        """Return what the parts that need pictures make of the measures."""
        asked = [part for part in (AnalysisPart.SHOTS, AnalysisPart.SUMMARY) if part in wanted]
        pictures = measures.pictures
        if not isinstance(pictures, PictureMeasures):
            return dict.fromkeys(asked, _absent(pictures))
        shots = find_shots(pictures, threshold=self.scene_threshold)
        found: dict[AnalysisPart, Document | None] = {}
        for part in asked:
            is_summary = part is AnalysisPart.SUMMARY
            found[part] = self._summary(pictures, shots, measures.sound) if is_summary else shots.to_json()
        return found

    def _sound(self, track: SoundMeasures, finder: SpeechFinder) -> Document:
        speech, why = _speech(finder)
        document: Document = judge_sound(track, speech=speech, start_s=track.start_s).to_json()
        return {**document, "speech_error": why, **self.music()}

    def music(self) -> Document:
        """Return what the sound part says of music: how much there is, why that can't be told, and by which model."""
        share, error = self._music_share()
        told_by = None if self.ears is None else self.ears.choice
        return {"music_share": share, "music_error": error, "music_model": told_by}

    def _music_share(self) -> tuple[float | None, str | None]:
        """Return how much is music, and why that can't be told; neither without a sound model, or without sound."""
        if self.ears is None:
            return None, None
        try:
            ears = self.ears.get()
            heard = hear_all(self.media, self.index, ears, self.path, cancel=self.cancel)
            return music_share(heard, ears), None
        except VideoError as error:
            return None, error.reason
        except VsortdError as error:
            return None, " ".join(error.lines())

    def _summary(self, pictures: PictureMeasures, shots: ShotReport, sound: object) -> Document:
        """Return what the parts add up to, each value with its evidence; what nobody can know stays null."""
        heard = sound if isinstance(sound, SoundMeasures) else None
        if heard is None:
            curve = arousal(pictures, shots, None)
        else:
            curve = arousal(pictures, shots, heard.short_lufs, sound_start_s=heard.start_s)
        rated = judge_sound(heard, speech=None).quality if heard is not None else None
        return {
            "picture_quality": self._quality(pictures, shots),
            "interlaced_share": round(pictures.interlaced, 3),
            "sound_quality": None if rated is None else {"rating": rated.rating, "factors": list(rated.factors)},
            **curve.to_json(),
            "shot_length_median_s": shots.to_json()["length_median_s"],
        }

    def _quality(self, pictures: PictureMeasures, shots: ShotReport) -> Document:
        film = self.facts.film_stream
        return picture_quality(
            pictures,
            shots,
            codec=(film.codec if film is not None else None) or "",
            width_px=(film.width_px if film is not None else None) or 0,
            height_px=(film.height_px if film is not None else None) or 0,
            fps=(film.fps if film is not None else None) or 0.0,
            bitrate_bps=film.bitrate_bps if film is not None else None,
        ).to_json()


def _absent(what: object) -> Document | None:
    """Return what stands for a part of the file that isn't there, or that can't be decoded."""
    return {"error": what} if isinstance(what, str) else None


def _speech(finder: SpeechFinder) -> tuple[Speech | None, str | None]:
    """Return where somebody speaks, or why that can't be told."""
    try:
        return finder.result(), None
    except VsortdError as error:
        return None, " ".join(error.lines())
