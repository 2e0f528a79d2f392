"""The frames that a video in review was judged by: for each the rule that led where none was sure enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.judging.frame_scores import competition

if TYPE_CHECKING:
    import threading

    from vsortd.learning.review_queue import Waiting
    from vsortd.pipeline.services import Services

FRAMES: Final = 16
"""At most so many are shown."""


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """One frame: `rule` is the key of the one that led there, "" where none did; `share` is what it had, 0 to 1.

    Both are None as long as there is no model to tell.
    """

    time_ms: int
    rule: str | None = None
    share: float | None = None

    @property
    def time_s(self) -> float:
        """Its time in seconds."""
        return self.time_ms / 1000


def judged_frames(services: Services, waiting: Waiting, cancel: threading.Event) -> list[JudgedFrame]:
    """Return the frames that a video was judged by, in the order of time, `FRAMES` at most, evenly taken.

    [] where none are kept. A model that isn't loaded begins to load, and isn't waited for. Raises ModelError,
    ChangedError (a reload brought another model this moment), StoreError, Cancelled.
    """
    identity, key = Identity.of(waiting.path), services.corrections.present_model()
    kept = services.index.kept(identity, key) if identity is not None and key else None
    if kept is None:
        return []
    shown = _evenly(len(kept.times_ms))
    times_ms = [int(moment) for moment in kept.times_ms[shown]]
    services.model.start()
    if services.model.classifier is None:
        return [JudgedFrame(moment) for moment in times_ms]
    classifier = services.model.get(cancel)
    level = classifier.vectors.levels.get(waiting.level)
    if level is None or classifier.key != key or not any(level.competes):
        return [JudgedFrame(moment) for moment in times_ms]
    hierarchy = services.settings.hierarchy
    shares = competition(classifier.vectors, waiting.level, kept.vectors[shown].astype(float), hierarchy=hierarchy)
    names = [*(f"{waiting.level}/{name}".lstrip("/") for name in level.names), ""]
    best = zip(shares.argmax(axis=1), shares.max(axis=1), strict=True)
    return [
        JudgedFrame(moment, names[column], float(share)) for moment, (column, share) in zip(times_ms, best, strict=True)
    ]


def _evenly(count: int) -> list[int]:
    shown = min(FRAMES, count)
    return [place * (count - 1) // max(shown - 1, 1) for place in range(shown)]
