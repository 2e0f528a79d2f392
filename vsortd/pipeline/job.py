"""The job: one video on its way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsortd.core.measured_facts import NOTHING_MEASURED, MeasuredFacts
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.stopwatch import Clock

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip
    from vsortd.filing.placement import ConvertedFile
    from vsortd.filing.second_opinion import Opinion
    from vsortd.judging.decide import Decision
    from vsortd.media.frames import Frames
    from vsortd.pipeline.look_plan import LookPlan


@dataclass(frozen=True, slots=True)
class PrefetchedFrames:
    """Pictures of a video, made for a model (its key), of some ranks."""

    model: str
    ranks: range
    frames: Frames


@dataclass(frozen=True, slots=True)
class Job:
    """One video on its way; a stage returns a new one.

    `clock` says what its time was spent on, `frames` how many pictures the decision rests on and `frame_times_ms` when
    they are shown. `measured` is what conditions asked to have measured. `prefetched` are the pictures that came with
    the facts, until they are judged. `opinion` is what the decision goes by where the rules had been unsure,
    `look_plan` which frames might be looked at, `root` the folder that was given to be sorted, if it is in no inbox.
    """

    path: Path
    identity: Identity
    batch: str
    cancel: threading.Event
    state: ItemState = ItemState.WORKING
    reason: str = ""
    clip: Clip | None = None
    measured: MeasuredFacts = NOTHING_MEASURED
    decision: Decision | None = None
    frame_times_ms: tuple[int, ...] = ()
    converted: ConvertedFile | None = None
    conversion: ConversionKind = ConversionKind.NONE  # done, or foreseen by a dry run
    conversion_note: str = ""  # what is made of it, or why it stays as it is; "" for an MP4
    destination: Path | None = None
    how: str = ""  # how it got into the library, or would: a value of `PlaceMethod`, "" where it doesn't
    item_id: int | None = None
    prefetched: PrefetchedFrames | None = None
    opinion: Opinion | None = None
    look_plan: LookPlan | None = None
    root: Path | None = None
    clock: Clock = field(default_factory=Clock)

    def ended(self, state: ItemState, reason: str) -> Job:
        """Return the job at its end, with the sentence that says why."""
        return replace(self, state=state, reason=reason)

    @property
    def frames(self) -> int:
        """How many frames the decision rests on."""
        return len(self.frame_times_ms)
