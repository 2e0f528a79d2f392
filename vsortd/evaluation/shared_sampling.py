"""One decoding for several models: each video's frames, the daemon's own choice of them, in the shape of each model.

All `sampling.max_frames` moments of a video are decoded, in the daemon's looks; which of them a model needs before it
is sure differs by model, and is worked out from this one set afterwards. No frame comes from the index or goes there.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.errors import ChangedError
from vsortd.evaluation.case_sampling import LeftOut
from vsortd.judging.conditions import ConditionFacts, admit
from vsortd.pipeline.look_plan import look_ranks
from vsortd.pipeline.mishaps import Mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from vsortd.config.settings import Settings
    from vsortd.evaluation.frame_spool import FrameSpool
    from vsortd.evaluation.truth import Case
    from vsortd.media.pool import MediaPool
    from vsortd.media.preprocess import Preprocess
    from vsortd.pipeline.condition_meter import ConditionMeter


@dataclass(frozen=True, slots=True)
class SpooledLook:
    """One look of a video: the frames' times, int64 [n] in ms, and where their pixels lie, a place for each shape."""

    times_ms: npt.NDArray[np.int64]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpooledCase:
    """A video whose frames are on disk, with its facts."""

    case: Case
    facts: ConditionFacts
    looks: tuple[SpooledLook, ...]


class SharedSampler:
    """Decodes cases into a spool, as many at once as decoders can take; `frames` counts what was decoded."""

    def __init__(
        self,
        settings: Settings,
        media: MediaPool,
        shapes: Sequence[Preprocess],
        spool: FrameSpool,
        meter: ConditionMeter | None = None,
    ) -> None:
        """`meter` measures what conditions ask for; without one nothing is measured."""
        self._meter = meter
        self._settings = settings
        self._media = media
        self._shapes = shapes
        self._spool = spool
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._mishaps = Mishaps()
        self.frames = 0

    def fill(self, cases: Iterator[Case], on_done: Callable[[], None] = lambda: None) -> list[SpooledCase | LeftOut]:
        """Take cases until the spool is full or there are none left; returns what came of each, in their order.

        `on_done` is called after each. A video that can't be looked at costs itself alone. Raises VsortdError where
        nothing can go on, and whatever interrupts: the decoders are stopped then.
        """
        ends: list[SpooledCase | LeftOut | None] = []
        at_once = 2 * self._settings.workers.decode_count()
        with ThreadPoolExecutor(at_once, thread_name_prefix="compare-look") as threads:
            tasks: dict[Future[SpooledCase | LeftOut], int] = {}
            try:
                while True:
                    while len(tasks) < at_once and not self._spool.full and (case := next(cases, None)) is not None:
                        tasks[threads.submit(self._sample, case)] = len(ends)
                        ends.append(None)
                    if not tasks:
                        break
                    for task in wait(tasks, return_when=FIRST_COMPLETED).done:
                        ends[tasks.pop(task)] = task.result()
                        on_done()
            except BaseException:
                self._cancel.set()  # Ctrl-C comes here, too
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [one for one in ends if one is not None]

    def _sample(self, case: Case) -> SpooledCase | LeftOut:
        try:
            seen = self._look(case)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            return LeftOut(case.path, self._mishaps.reason_of(error, case.path))
        self._mishaps.went_well()
        return seen

    def _look(self, case: Case) -> SpooledCase | LeftOut:
        real = case.path.resolve()
        identity = Identity.of(real)
        if identity is None:
            return LeftOut(case.path, "it went away, or is a link to nothing")
        clip = self._media.probe(real, cancel=self._cancel)
        if reason := admit(clip, self._settings.accept):
            return LeftOut(case.path, reason, failed=False)
        name = case.path.name
        facts = (
            self._meter.facts(real, clip, name=name, cancel=self._cancel)
            if self._meter
            else ConditionFacts.of(clip, name)
        )
        looks: list[SpooledLook] = []
        total = self._settings.sampling.max_frames
        for ranks in look_ranks(self._settings.sampling):
            found = self._media.sample_each(real, clip, ranks, total, self._shapes, cancel=self._cancel)
            looks.append(SpooledLook(found[0].times_ms, self._spool.put([frames.pixels for frames in found])))
            if not len(found[0].times_ms):  # the video has no more frames
                break
        if Identity.of(real) != identity:
            raise ChangedError("the file changed or went away while it was looked at")
        with self._lock:
            self.frames += sum(len(look.times_ms) for look in looks)
        return SpooledCase(case, facts, tuple(looks))
