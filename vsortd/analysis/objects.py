"""Things in a video, found by a detector: in one frame a second, and in each shot's key frame.

What was found is kept in the index by the detector, whatever confidence was asked for. Frames are decoded by the
confined workers; the detector sees pixels.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.video_analysis import index_row
from vsortd.core.identity import Identity
from vsortd.core.technical_facts import FileKind
from vsortd.errors import BrokenError, ChangedError, VideoError
from vsortd.index.store import Film
from vsortd.judging.frame_scores import seconds_shown
from vsortd.media.thumbnails import frames_as_shown, moments_a_second, stills_at
from vsortd.vision.detector import FoundObject, SeenObjects

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.analysis.video_analysis import AnalysisWish, VideoAnalysis
    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.core.video_facts import Clip
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool
    from vsortd.media.thumbnails import Pixels
    from vsortd.vision.detector import ObjectDetector

    Document = dict[str, Any]

_EACH_SECOND: Final = "objects_each_second"  # parts' names in the index
_KEY_FRAMES: Final = "objects_in_key_frames"
_SAMPLED_FORMAT: Final = "mov"  # libav's name of MP4 and MOV, which are sampled for rules as well
_WAY: Final = "1"  # how frames are chosen and looked at; what another way found is found anew
MOST_SECONDS: Final = 600  # frames of a video: of one that is longer, as many spread evenly
_MOST_KEY_FRAMES: Final = 600  # of a film of more shots, as many spread evenly
_MOST_TOLD: Final = 2000  # things in a document, the surest


@dataclass(frozen=True, slots=True)
class DetectedVideo:
    """One video under the eye of one detector; what was found is kept in the index.

    Its methods raise VideoError, ModelError, StoreError, Cancelled.
    """

    media: MediaPool
    index: Index
    detector: ObjectDetector
    path: Path
    identity: Identity
    clip: Clip | None = None  # its facts, read where they are needed and not given
    cancel: threading.Event | None = None
    facts: TechnicalFacts | None = None  # of a file that may be of another container than MP4 and MOV

    def each_second(self) -> SeenObjects:
        """Return what is in a frame a second; of a long video in MOST_SECONDS, spread evenly."""
        return self._seen(_EACH_SECOND, "", lambda duration_s: moments_a_second(duration_s, MOST_SECONDS))

    def at(self, times_ms: Sequence[int]) -> SeenObjects:
        """Return what is in the key frames of its shots, ascending; there is at least one."""
        chosen = hashlib.sha256(repr(list(times_ms)).encode()).hexdigest()[:16]
        return self._seen(_KEY_FRAMES, chosen, lambda _: times_ms)

    def _seen(self, part: str, chosen: str, moments: Callable[[float], Sequence[int]]) -> SeenObjects:
        version = f"{_WAY}, {chosen}, {self.detector.key}"
        kept = self.index.part(self.identity, part, version)
        if kept is not None:
            return SeenObjects.of_document(kept)
        if self.facts is not None and self.facts.format != _SAMPLED_FORMAT:
            row = index_row(self.identity, self.facts)
            pictures = self._stills(moments(row.duration_s), row)
        else:
            clip = self.clip or self.media.probe(self.path, cancel=self.cancel)
            row = Film.of(clip, self.identity)
            times_ms, side_px = moments(clip.duration_s), self._side_px(row)
            pictures = frames_as_shown(self.media, self.path, clip, times_ms, side_px=side_px, cancel=self.cancel)
        pairs = [(time_ms, self.detector.detect(picture)) for time_ms, picture in pictures]
        if not pairs:
            raise BrokenError("no frame could be decoded")
        if Identity.of(self.path) != self.identity:
            raise ChangedError("the file changed or went away while it was looked at")
        found = SeenObjects(tuple(time_ms for time_ms, _ in pairs), tuple(things for _, things in pairs))
        document = found.to_document()
        self.index.keep_parts(self.identity, self.path, row, version, {part: document})
        return SeenObjects.of_document(document)  # through the precision of the index

    def _stills(self, times_ms: Sequence[int], row: Film) -> Iterator[tuple[int, Pixels]]:
        """Yield what a film of any container shows at some moments, with these."""
        if row.duration_s <= 0 or not row.width_px or not row.height_px:
            raise BrokenError("it doesn't say how long it is, or how large")
        pictures = stills_at(
            self.media,
            self.path,
            [time_ms / 1000 for time_ms in times_ms],
            side_px=self._side_px(row),
            duration_s=row.duration_s,
            cancel=self.cancel,
        )
        return zip(times_ms, pictures, strict=True)

    def _side_px(self, row: Film) -> int:
        """Return how large frames are decoded: as the detector wants them, and not larger than they are."""
        return max(1, min(self.detector.side_px, max(row.width_px, row.height_px)))


def together(first: SeenObjects, second: SeenObjects) -> SeenObjects:
    """Return what was found in the frames of both, each once, in the order of time."""
    by_time = dict(zip(second.times_ms, second.found, strict=True)) | dict(
        zip(first.times_ms, first.found, strict=True)
    )
    times_ms = tuple(sorted(by_time))
    return SeenObjects(times_ms, tuple(by_time[time_ms] for time_ms in times_ms))


def objects_document(seen: SeenObjects, *, confidence: float, duration_s: float, model: str) -> Document:
    """Return what was found as a document has it: each class with how much there is of it, and each thing.

    `frames` in which a class is, `seconds` for which these stand, `most` of it at once, the `best` score. Of more than
    2,000 things the surest are told, and how many are `left_out`.
    """
    things = [
        (time_ms, one)
        for time_ms, frame in zip(seen.times_ms, seen.found, strict=True)
        for one in frame
        if one.score >= confidence
    ]
    told = sorted(things, key=lambda thing: -thing[1].score)[:_MOST_TOLD]
    told.sort(key=lambda thing: (thing[0], -thing[1].score))
    return {
        "model": model,
        "confidence": confidence,
        "frames": len(seen.times_ms),
        "classes": _classes(seen.times_ms, things, duration_s),
        "detections": [_thing(time_ms, one) for time_ms, one in told],
        "left_out": len(things) - len(told),
    }


def _classes(times_ms: Sequence[int], things: Sequence[tuple[int, FoundObject]], duration_s: float) -> list[Document]:
    by_class: defaultdict[str, list[tuple[int, FoundObject]]] = defaultdict(list)
    for time_ms, one in things:
        by_class[one.name].append((time_ms, one))
    moments = np.array(times_ms, np.int64)
    found = []
    for name, own in by_class.items():
        at_once = Counter(time_ms for time_ms, _ in own)
        found.append(
            {
                "class": name,
                "frames": len(at_once),
                "seconds": round(seconds_shown(np.isin(moments, list(at_once)), moments, duration_s), 3),
                "first_s": round(min(at_once) / 1000, 3),
                "most": max(at_once.values()),
                "best": round(max(one.score for _, one in own), 4),
            }
        )
    return sorted(found, key=lambda one: (-one["frames"], one["class"]))


def _thing(time_ms: int, one: FoundObject) -> Document:
    box = [round(side, 4) for side in one.box]
    return {"class": one.name, "score": round(one.score, 4), "box": box, "at_s": round(time_ms / 1000, 3)}


@dataclass(frozen=True, slots=True)
class ObjectFinder:
    """Adds the things that a detector finds to the analyses of videos; those it is sure of by `confidence`."""

    detector: ObjectDetector
    confidence: float

    def before(self, wish: AnalysisWish) -> AnalysisWish:
        """Return what has to be measured first: shots tell the key frames."""
        parts = {*wish.parts, AnalysisPart.SHOTS} - {AnalysisPart.OBJECTS}
        return replace(wish, parts=tuple(part for part in AnalysisPart if part in parts))

    def added(
        self,
        found: VideoAnalysis,
        parts: Sequence[AnalysisPart],
        media: MediaPool,
        index: Index,
        *,
        cancel: threading.Event | None = None,
    ) -> VideoAnalysis:
        """Return an analysis of `before` with its objects, and only those parts that were asked for.

        Raises ModelError, StoreError, Cancelled.
        """
        facts = found.technical.facts if found.technical is not None else None
        if facts is None or facts.kind is not FileKind.VIDEO:
            document: Document | None = None
        else:
            try:
                document = self._document(found, facts, media, index, cancel)
            except VideoError as error:
                document = {"error": error.reason}
        documents = {**found.documents, AnalysisPart.OBJECTS: document}
        return replace(found, documents={part: one for part, one in documents.items() if part in parts})

    def _document(
        self,
        found: VideoAnalysis,
        facts: TechnicalFacts,
        media: MediaPool,
        index: Index,
        cancel: threading.Event | None,
    ) -> Document:
        identity = Identity.of(found.path)
        if identity is None:
            raise ChangedError("the file is gone, or is a link")
        video = DetectedVideo(media, index, self.detector, found.path, identity, cancel=cancel, facts=facts)
        seen = video.each_second()
        shots = found.known(AnalysisPart.SHOTS).get("shots", ())
        keys = sorted({round(shot["key_frame_s"] * 1000) for shot in shots})
        if len(keys) > _MOST_KEY_FRAMES:
            keys = [keys[number * len(keys) // _MOST_KEY_FRAMES] for number in range(_MOST_KEY_FRAMES)]
        if keys:
            seen = together(seen, video.at(keys))
        return objects_document(
            seen, confidence=self.confidence, duration_s=facts.duration_s or 0.0, model=self.detector.key
        )
