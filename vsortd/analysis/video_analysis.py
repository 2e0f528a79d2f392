"""What is measured of a video: the parts that are asked for, from one pass over the file, kept in the index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.arousal import arousal
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.picture_quality import picture_quality
from vsortd.analysis.picture_spans import PictureSpan
from vsortd.analysis.shots import DEFAULT_THRESHOLD, Shot, ShotReport, ShotStart, find_shots
from vsortd.analysis.sound import judge_sound
from vsortd.analysis.speech import Speech, find_speech
from vsortd.analysis.technical import TechnicalReport, technical_report
from vsortd.core.identity import Identity
from vsortd.core.moments import recorded_moment, unix_seconds
from vsortd.core.technical_facts import FileKind
from vsortd.errors import ChangedError, VideoError, VsortdError
from vsortd.index.store import Film
from vsortd.media.measures import PictureMeasures, SoundMeasures
from vsortd.media.technical_reply import technical_from_reply, technical_to_message

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.index.store import Index
    from vsortd.media.measures import Measures
    from vsortd.media.pool import MediaPool

    Document = dict[str, Any]


# How a part is measured: what another way measured counts as not measured yet.
_VERSIONS: Final = {
    AnalysisPart.FACTS: "1",
    AnalysisPart.SHOTS: "1",
    AnalysisPart.SOUND: "1",
    AnalysisPart.SUMMARY: "1",
}
_DURATIONS: Final = 4  # a pass may take so many times what the file lasts, beyond what any request may


@dataclass(frozen=True, slots=True)
class AnalysisWish:
    """What is asked for: the parts, and how easily a cut is seen (0 to 1, smaller finds more)."""

    parts: tuple[AnalysisPart, ...] = tuple(AnalysisPart)
    scene_threshold: float = DEFAULT_THRESHOLD

    def version(self, part: AnalysisPart) -> str:
        """Return in which way a part is measured, options included."""
        with_threshold = part in {AnalysisPart.SHOTS, AnalysisPart.SUMMARY}
        return f"{_VERSIONS[part]}, threshold {self.scene_threshold:g}" if with_threshold else _VERSIONS[part]


@dataclass(frozen=True, slots=True)
class VideoAnalysis:
    """What was measured of one file: a document of JSON values a part; one that failed is `{"error": why}`.

    A part that the file doesn't have (the sound of a silent film) is None. `reason` is why nothing at all could be
    measured, "" otherwise.
    """

    path: Path
    documents: Mapping[AnalysisPart, Document | None] = field(default_factory=dict)
    technical: TechnicalReport | None = None
    reason: str = ""

    @property
    def errors(self) -> dict[AnalysisPart, str]:
        """Return why parts failed."""
        return {part: one["error"] for part, one in self.documents.items() if one is not None and "error" in one}

    def to_json(self) -> Document:
        """Return it as a document has it."""
        if self.reason:
            return {"path": str(self.path), "error": self.reason}
        return {"path": str(self.path), **{part.value: document for part, document in self.documents.items()}}


def analyze_video(
    media: MediaPool,
    index: Index,
    path: Path,
    wish: AnalysisWish,
    *,
    private: bool = False,
    cancel: threading.Event | None = None,
) -> VideoAnalysis:
    """Measure what isn't in the index yet, and keep it there; nothing is read where all of it is.

    With `private` places, persons and people's own words are left out of the facts. Raises VideoError where the file
    can't be opened, StoreError, Cancelled.
    """
    identity = Identity.of(path)
    if identity is None:
        raise ChangedError("the file is gone, or is a link")
    facts = _kept_facts(index, identity)
    found: dict[AnalysisPart, Document | None] = {}
    for part in wish.parts if facts is not None else ():
        kept = index.part(identity, part.value, wish.version(part)) if part is not AnalysisPart.FACTS else {}
        if kept is not None:
            found[part] = kept or None
    facts_are_new = facts is None
    if facts is None:
        facts = media.technical(path, timeout_s=media.timeout_s, cancel=cancel)
    missing = [part for part in wish.parts if part not in found and part is not AnalysisPart.FACTS]
    fresh: dict[AnalysisPart, Document | None] = {}
    if facts.kind is FileKind.PICTURE:  # nothing moves, nothing is heard
        fresh = dict.fromkeys(missing)
    elif missing:
        fresh = _Pass(media, path, facts, wish, cancel).parts(missing)
    if Identity.of(path) != identity:
        raise ChangedError("the file changed or went away while it was looked at")
    if facts_are_new or fresh:
        _keep(index, identity, path, facts, wish, fresh)
    report = technical_report(facts, private=private)
    found |= fresh
    found[AnalysisPart.FACTS] = report.to_json()
    return VideoAnalysis(path, {part: found[part] for part in wish.parts}, report)


def _kept_facts(index: Index, identity: Identity) -> TechnicalFacts | None:
    kept = index.part(identity, AnalysisPart.FACTS.value, _VERSIONS[AnalysisPart.FACTS])
    return technical_from_reply(kept) if kept is not None else None


def _keep(  # noqa: PLR0917 - what is kept of which file
    index: Index,
    identity: Identity,
    path: Path,
    facts: TechnicalFacts,
    wish: AnalysisWish,
    fresh: Mapping[AnalysisPart, Document | None],
) -> None:
    """Keep what was measured now; a part that failed is measured again the next time."""
    told = technical_report(facts, private=False).told
    moment = recorded_moment(told.recorded_at or "")
    film = facts.film_stream
    size = (film.shown_width_px or 0, film.shown_height_px or 0) if film is not None else (0, 0)
    recorded_s = identity.modified_s if moment is None else unix_seconds(moment)
    row = Film(facts.duration_s or 0.0, *size, recorded_s)
    own = {AnalysisPart.FACTS.value: {"technical": technical_to_message(facts)}}
    index.keep_parts(identity, path, row, _VERSIONS[AnalysisPart.FACTS], own)
    for part, document in fresh.items():
        if document is None or "error" not in document:
            index.keep_parts(identity, path, row, wish.version(part), {part.value: document or {}})


@dataclass(slots=True)
class _Pass:
    """One pass over a file's pictures and sound, and what the parts make of it."""

    media: MediaPool
    path: Path
    facts: TechnicalFacts
    wish: AnalysisWish
    cancel: threading.Event | None

    def parts(self, wanted: Sequence[AnalysisPart]) -> dict[AnalysisPart, Document | None]:
        """Measure, and return a document for each wanted part."""
        pictures = bool({AnalysisPart.SHOTS, AnalysisPart.SUMMARY} & set(wanted))
        sound = bool({AnalysisPart.SOUND, AnalysisPart.SUMMARY} & set(wanted))
        try:
            measures = self.media.measure(
                self.path,
                pictures=pictures,
                sound=sound,
                speech=AnalysisPart.SOUND in wanted,
                timeout_s=self.media.timeout_s + _DURATIONS * (self.facts.duration_s or 0.0),
                cancel=self.cancel,
            )
        except VideoError as error:
            return {part: {"error": error.reason} for part in wanted}
        make: dict[AnalysisPart, Callable[[Measures], Document | None]] = {
            AnalysisPart.SHOTS: self._shots,
            AnalysisPart.SOUND: self._sound,
            AnalysisPart.SUMMARY: self._summary,
        }
        return {part: make[part](measures) for part in wanted}

    def _shots(self, measures: Measures) -> Document | None:
        if not isinstance(measures.pictures, PictureMeasures):
            return _absent(measures.pictures)
        return find_shots(measures.pictures, threshold=self.wish.scene_threshold).to_json()

    def _sound(self, measures: Measures) -> Document | None:
        if not isinstance(measures.sound, SoundMeasures):
            return _absent(measures.sound)
        speech, why = _speech(measures.sound)
        document: Document = judge_sound(measures.sound, speech=speech, start_s=measures.sound.start_s).to_json()
        return {**document, "speech_error": why}

    def _summary(self, measures: Measures) -> Document | None:
        """Return what the parts add up to, each value with its evidence; what nobody can know stays null."""
        pictures, sound = measures.pictures, measures.sound
        if not isinstance(pictures, PictureMeasures):
            return _absent(pictures)
        shots = find_shots(pictures, threshold=self.wish.scene_threshold)
        heard = sound if isinstance(sound, SoundMeasures) else None
        if heard is None:
            curve = arousal(pictures, shots, None)
        else:
            curve = arousal(pictures, shots, heard.short_lufs, sound_start_s=heard.start_s)
        rated = judge_sound(heard, speech=None).quality if heard is not None else None
        return {
            "picture_quality": self._quality(pictures, shots),
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


def _speech(sound: SoundMeasures) -> tuple[Speech | None, str | None]:
    """Return where somebody speaks, or why that can't be told."""
    try:
        return find_speech(sound.speech_pcm), None
    except VsortdError as error:
        return None, " ".join(error.lines())


def shots_of(document: Document) -> ShotReport:
    """Return the shots that a document tells of; times are right to a millisecond."""
    spans = {
        name: tuple(PictureSpan(one["begin_s"], one["end_s"]) for one in document[name])
        for name in ("black", "frozen", "fades")
    }
    shots = tuple(Shot(**{**one, "begins": ShotStart(one["begins"])}) for one in document["shots"])
    return ShotReport(shots=shots, threshold=document["threshold"], **spans)
