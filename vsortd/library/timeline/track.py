"""Asking one video when it shows what: its frames from the index, looked at now where it has none, then the timeline.

With a precision the edges of what was found are looked at again, closer; those frames are kept as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.video_analysis import AnalysisWish, analyze_video
from vsortd.config.own_words import own_prompts
from vsortd.core.edit_exports import EditPart, EditSource
from vsortd.core.text import storable
from vsortd.errors import BrokenError, VideoError
from vsortd.hearing.listening import hear_all
from vsortd.library.indexing.embed import dense_film, frames_at
from vsortd.library.indexing.film_of_shots import film_by_the_shot
from vsortd.library.search.query import asked
from vsortd.library.search.requests import ears_of
from vsortd.library.timeline.boundaries import edges_to_refine, refined, with_edges
from vsortd.library.timeline.spans import Track, judged, probabilities_of, stretches, tidied

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.core.video_facts import Clip
    from vsortd.library.search.query import Asked
    from vsortd.library.timeline.boundaries import Moments
    from vsortd.library.timeline.spans import PromptSpans, Reading, Stretch
    from vsortd.media.thumbnails import Pixels
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of which video; `precision_s` is None where edges stay half-way between frames.

    `fps` is None for one frame of each shot: edges are cuts then, and there is no `precision_s`.
    With `sound` it is what is heard: of windows of sound, HOP_S apart whatever `fps` says.
    """

    file: Path
    prompts: tuple[str, ...]
    against: tuple[str, ...]
    fps: float | None
    precision_s: float | None
    reading: Reading
    sound: bool = False


@dataclass(frozen=True, slots=True)
class TimelineResult:
    """What was found, in which frames, and by which model; `unknown` are words that it doesn't know."""

    wish: Wish
    track: Track
    found: tuple[PromptSpans, ...]
    model: str
    unknown: tuple[str, ...]

    def to_json(self, *, scores: bool = False) -> dict[str, Any]:
        """Return it as `timeline --json` prints it, without the schema version; `scores` adds every frame's."""
        wish, reading = self.wish, self.wish.reading
        prompts = [one.to_json() for one in self.found]
        if scores:
            for place, document in enumerate(prompts):
                document["scores"] = self._scores(place)
        return {
            "file": storable(wish.file),
            "duration_s": round(self.track.duration_s, 3),
            "per": "window" if wish.sound else "shot" if wish.fps is None else "second",
            "fps": None if wish.sound else wish.fps,
            "precision_s": wish.precision_s,
            "sound": wish.sound,
            "frames": len(self.track.times_ms),
            "model": self.model,
            "against": list(wish.against),
            "unknown_words": list(self.unknown),
            "reading": {name: getattr(reading, name) for name in reading.__slots__},
            "prompts": prompts,
        }

    def _scores(self, place: int) -> list[dict[str, float]]:
        raw = self.track.probabilities[:, place].round(4).tolist()
        smooth = probabilities_of(self.track.smoothed(self.wish.reading.smooth_s))[:, place].round(4).tolist()
        return [
            {"time_ms": time_ms, "score": one, "smoothed": other}
            for time_ms, one, other in zip(self.track.times_ms.tolist(), raw, smooth, strict=True)
        ]

    def rows(self) -> list[tuple[str, float, float, float, float]]:
        """Return a row a span, in the order of the prompts and of time: prompt, begin, end, length (s), score."""
        return [
            (
                one.prompt,
                round(span.begin_ms / 1000, 3),
                round(span.end_ms / 1000, 3),
                round(span.length_s, 3),
                round(span.score, 4),
            )
            for one in self.found
            for span in one.spans
        ]

    def parts(self) -> tuple[EditPart, ...]:
        """Return the spans as an editing program takes them, each called by its prompt, in the order of `rows`."""
        return tuple(
            EditPart(span.begin_ms / 1000, span.end_ms / 1000, one.prompt) for one in self.found for span in one.spans
        )


def track_video(services: Services, wish: Wish, *, cancel: threading.Event) -> TimelineResult:
    """Say when a video shows what is wished. Raises UsageError, VideoError, ModelError, StoreError, Cancelled."""
    if wish.sound:
        return _track_sound(services, wish, cancel=cancel)
    encoder = services.model.get(cancel).encoder
    own = tuple(own_prompts(services.tree, encoder.unknown_words))
    question = asked(wish.prompts, wish.against, encoder, own)
    if wish.fps is None:
        film = film_by_the_shot(services, encoder, wish.file, cancel=cancel)
        track = Track(film.times_ms, _log_odds(question, film.vectors), film.duration_s, film.edges_ms)
    else:
        dense = dense_film(services, encoder, wish.file, fps=wish.fps, cancel=cancel)
        track = Track(dense.times_ms, _log_odds(question, dense.vectors), dense.duration_s)
    runs = stretches(track, wish.reading)
    if wish.precision_s is not None:
        track, runs = _closer(_FrameRefiner(services, encoder, wish.file, question, track, cancel), runs, wish)
    found = judged(wish.prompts, track, runs, wish.reading)
    return TimelineResult(wish, track, found, encoder.info.name, question.unknown)


def _track_sound(services: Services, wish: Wish, *, cancel: threading.Event) -> TimelineResult:
    """Say when a video sounds like what is wished; as `track_video`."""
    ears = ears_of(services)
    question = asked(wish.prompts, wish.against, ears)
    video = hear_all(services.media, services.index, ears, wish.file, cancel=cancel)
    if not video.audible:
        raise BrokenError("nothing is heard in it")
    track = Track(video.times_ms, question.log_odds(video.vectors).astype(np.float64), video.duration_s)
    found = judged(wish.prompts, track, stretches(track, wish.reading), wish.reading)
    return TimelineResult(wish, track, found, ears.info.name, question.unknown)


def _log_odds(question: Asked, vectors: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    return question.log_odds(vectors).astype(np.float64)


def _closer(looker: _FrameRefiner, runs: list[list[Stretch]], wish: Wish) -> tuple[Track, list[list[Stretch]]]:
    """Return the track with the frames around the edges of the stretches, and these with edges known so well."""
    assert wish.precision_s is not None
    edges = edges_to_refine(looker.track, runs, wish.reading)
    moments = refined(edges, looker.look, wish.precision_s * 1000)
    exact = [tidied(one, wish.reading, looker.track.duration_s) for one in with_edges(runs, moments)]
    return looker.track, exact


class _FrameRefiner:
    """Looks at frames in between, and adds them to the track."""

    def __init__(  # noqa: PLR0917 - what looking needs
        self,
        services: Services,
        encoder: Encoder,
        path: Path,
        question: Asked,
        track: Track,
        cancel: threading.Event,
    ) -> None:
        self.track = track
        self._services, self._encoder, self._path, self._question, self._cancel = (
            services,
            encoder,
            path,
            question,
            cancel,
        )
        self._clip: Clip | None = None

    def look(self, moments: Moments) -> tuple[Moments, npt.NDArray[np.float64]]:
        """See `vsortd.library.timeline.boundaries.Look`."""
        clip = self._clip = self._clip or self._services.media.probe(self._path, cancel=self._cancel)
        wished = moments.tolist()
        frames = frames_at(self._services, self._encoder, self._path, clip, wished, cancel=self._cancel)
        log_odds = _log_odds(self._question, frames.vectors)
        self.track = self.track.joined(frames.times_ms, log_odds)
        return frames.times_ms, log_odds


def edit_source(services: Services, path: Path, *, cancel: threading.Event) -> EditSource:
    """Return what editing programs ask of a video, kept or read now. Raises VideoError, StoreError, Cancelled."""
    wish = AnalysisWish((AnalysisPart.FACTS,))
    report = analyze_video(services.media, services.index, path, wish, cancel=cancel).technical
    assert report is not None
    return EditSource.of(path, report.facts)


def strip_of(services: Services, path: Path, *, height_px: int, cancel: threading.Event) -> tuple[Pixels | None, ...]:
    """Return the pictures for the plot's strip of film, evenly spread; none where they can't be had."""
    from vsortd.library.timeline.plot import strip_moments
    from vsortd.media.thumbnails import pictures_at

    try:
        clip = services.media.probe(path, cancel=cancel)
        shape = clip.shown_width_px / max(clip.shown_height_px, 1)
        side_px = round(height_px * max(shape, 1.0))
        moments = strip_moments(clip.duration_s, shape)
        return tuple(pictures_at(services.media, path, clip, moments, side_px=side_px, cancel=cancel))
    except VideoError:  # it could be looked at a moment ago; the curves stand without pictures
        return ()
