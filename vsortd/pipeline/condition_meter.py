"""What the conditions of rules are held against: what the file says, and what has to be measured for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from vsortd.analysis.transcript import transcriber_of
from vsortd.core.identity import Identity
from vsortd.core.measured_facts import MUSIC_SHARE, NOTHING_MEASURED
from vsortd.errors import ChangedError, VideoError
from vsortd.judging.conditions import ConditionFacts, facts_asked, objects_asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.analysis.spoken_words import Transcriber
    from vsortd.config.rules import RuleTree
    from vsortd.core.measured_facts import MeasuredFacts
    from vsortd.core.video_facts import Clip
    from vsortd.index.store import Index
    from vsortd.judging.resident_detector import ResidentDetector
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.media.pool import MediaPool
    from vsortd.pipeline.services import Services

_OBJECTS: Final = "objects"  # the fact that a detector tells
_SURE: Final = 0.5  # of a thing that is told as there


@dataclass(frozen=True, slots=True)
class ConditionMeter:
    """Measures what the rules of a tree ask for, by the worker processes, and keeps it in the index; thread-safe."""

    tree: RuleTree
    media: MediaPool
    index: Index
    transcriber: Transcriber | None = None  # who writes down what is said, besides the subtitles
    detector: ResidentDetector | None = None  # where none is configured, no rule asks for objects
    ears: Callable[[threading.Event], ResidentSound] | None = None  # ... for music; waits until the model is here

    @classmethod
    def of(cls, services: Services, tree: RuleTree) -> Self:
        """Return what measures for a tree with these services."""
        transcriber = transcriber_of(services.settings.transcript)

        def ears(cancel: threading.Event) -> ResidentSound:
            services.model.get(cancel)  # which loads it as well, and keeps trying where a daemon waits for it
            assert services.sound is not None
            return services.sound

        own = None if services.sound is None else ears
        return cls(tree, services.media, services.index, transcriber, services.detector, own)

    def facts(
        self,
        path: Path,
        clip: Clip,
        *,
        name: str = "",
        known: MeasuredFacts = NOTHING_MEASURED,
        cancel: threading.Event | None = None,
    ) -> ConditionFacts:
        """Return what conditions are held against; a video that leaves none open which asks for more is not read.

        `name` is the file's, by default as it lies at the path; `known` what was measured a moment ago. A fact that
        can't be measured is not known, with the reason. Raises ChangedError, ModelError, StoreError, Cancelled.
        """
        facts = ConditionFacts.of(clip, name or path.name, known)
        asked = facts_asked(self.tree, facts)
        if not known.lacks(asked):
            return facts
        from vsortd.analysis.fact_readers import measure_facts

        measured = measure_facts(
            self.media,
            self.index,
            path,
            asked - {_OBJECTS},
            transcriber=self.transcriber,
            sound=self._sound(cancel) if MUSIC_SHARE in asked else None,
            cancel=cancel,
        )
        if _OBJECTS in asked:
            measured = self._with_objects(measured, path, clip, cancel)
        return replace(facts, measured=measured)

    def _sound(self, cancel: threading.Event | None) -> ResidentSound:
        """Return the sound model, loaded. Raises ChangedError, ModelError, Cancelled."""
        if self.ears is None:  # the rules came with a reload, and these services are those before it
            raise ChangedError("the config came to ask for music meanwhile")
        sound = self.ears(cancel or threading.Event())
        sound.get()
        return sound

    def _with_objects(
        self, measured: MeasuredFacts, path: Path, clip: Clip, cancel: threading.Event | None
    ) -> MeasuredFacts:
        """Add the classes of what the detector is rather sure of in some frame of a video."""
        identity = Identity.of(path)
        if identity is None:
            raise ChangedError("the file is gone, or is a link")
        if self.detector is None:  # the rules came with a reload, and these services are those before it
            raise ChangedError("the config came to ask for objects meanwhile")
        from vsortd.analysis.objects import DetectedVideo

        detector = self.detector.get(cancel or threading.Event(), objects_asked(self.tree))
        try:
            seen = DetectedVideo(self.media, self.index, detector, path, identity, clip, cancel).each_second()
        except ChangedError:
            raise
        except VideoError as error:
            return replace(measured, unknown={**measured.unknown, _OBJECTS: error.reason})
        names = {one.name for frame in seen.found for one in frame if one.score >= _SURE}
        return replace(measured, objects=tuple(sorted(names)))
