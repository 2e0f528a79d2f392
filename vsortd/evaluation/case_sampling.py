"""Looking at the videos: the daemon's own stages, several videos in flight, every frame that may ever be looked at."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.evaluation.rejudge import SampledCase
from vsortd.judging.conditions import ConditionFacts
from vsortd.pipeline.closer_look import closer_look
from vsortd.pipeline.flow import Stage, build_stages, carry
from vsortd.pipeline.job import Job
from vsortd.pipeline.mishaps import Mishaps
from vsortd.pipeline.stages import heard_at, planned_looks, rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.evaluation.truth import Case
    from vsortd.index.stored_looks import Embedded
    from vsortd.judging.closer_look import CloserLook
    from vsortd.judging.resident_model import Classifier
    from vsortd.judging.sound_evidence import HeardRules
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A video that is not counted, and why: it can't be looked at (`failed`), or the config doesn't accept it."""

    path: Path
    reason: str
    failed: bool = True

    def to_json(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"path": str(self.path), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class SampledCases:
    """What came of looking: the videos that were seen, in the order of the cases, and those that are not counted.

    `decoded` of all `frames` were decoded now; the index had the others.
    """

    seen: list[SampledCase]
    failed: list[LeftOut]
    rejected: list[LeftOut]
    frames: int
    decoded: int


def sample_all(
    services: Services, cases: Sequence[Case], *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Classifier, SampledCases]:
    """Look at every video with all `sampling.max_frames` frames, and return the model that did, and what was seen.

    Raises ModelError when the model can't be had, StoreError when the index can't be written.
    """
    cancel = threading.Event()
    if on_progress is not None:
        on_progress(0, len(cases))
    classifier = services.model.get(cancel)
    sampler = _CaseSampler(services, classifier, cancel)
    with ThreadPoolExecutor(services.worker_count, thread_name_prefix="eval-look") as threads:
        tasks = {threads.submit(sampler.sample, case): number for number, case in enumerate(cases)}
        ends: dict[int, SampledCase | LeftOut] = {}
        try:
            for task in as_completed(tasks):
                ends[tasks[task]] = task.result()
                if on_progress is not None:
                    on_progress(len(ends), len(cases))
        except BaseException:
            cancel.set()  # Ctrl-C comes here, too
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    in_order = [ends[number] for number in range(len(cases))]
    return classifier, SampledCases(
        seen=[one for one in in_order if isinstance(one, SampledCase)],
        failed=[one for one in in_order if isinstance(one, LeftOut) and one.failed],
        rejected=[one for one in in_order if isinstance(one, LeftOut) and not one.failed],
        frames=sampler.frames,
        decoded=sampler.decoded,
    )


class _CaseSampler:
    """Looks at one video after the other; thread-safe."""

    def __init__(self, services: Services, classifier: Classifier, cancel: threading.Event) -> None:
        self._services = services
        self._classifier = classifier
        self._cancel = cancel
        self._lock = threading.Lock()
        self._batch = new_batch_id()
        self._mishaps = Mishaps()
        self.frames = 0
        self.decoded = 0

    def sample(self, case: Case) -> SampledCase | LeftOut:
        """Return what is seen of a video, or why it is not to be counted."""
        try:
            seen = self._sample(case)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            return LeftOut(case.path, self._mishaps.reason_of(error, case.path))
        self._mishaps.went_well()
        return seen

    def _sample(self, case: Case) -> SampledCase | LeftOut:
        real = case.path.resolve()
        identity = Identity.of(real)
        if identity is None:
            return LeftOut(case.path, "it went away, or is a link to nothing")
        found: list[Embedded] = []
        closer: list[CloserLook] = []
        heard: list[HeardRules | None] = []
        stages = [
            stage for stage in build_stages(self._services, dry_run=True) if stage.name in {"probe", "admit", "measure"}
        ]
        stages.append(Stage("look", lambda job: self._take_rounds(job, found, heard)))
        stages.append(Stage("closer look", lambda job: self._look_closer(job, closer)))
        job = carry(Job(real, identity, self._batch, self._cancel), stages)
        if job.state is ItemState.REJECTED:
            return LeftOut(case.path, job.reason, failed=False)
        assert job.clip is not None
        facts = ConditionFacts.of(job.clip, case.path.name, job.measured)
        return SampledCase(case, facts, tuple(found), heard[0] if heard else None, closer[0])

    def _look_closer(self, job: Job, found: list[CloserLook]) -> Job:
        assert job.clip is not None
        facts = ConditionFacts.of(job.clip, job.path.name, job.measured)
        found.append(closer_look(self._services, job, self._classifier, facts))
        return job

    def _take_rounds(self, job: Job, found: list[Embedded], heard: list[HeardRules | None]) -> Job:
        before = self._services.index.kept(job.identity, self._classifier.key)
        known = before.times_ms if before is not None else np.empty(0, np.int64)
        found += rounds(self._services, job, self._classifier, planned_looks(self._services, job))
        times_ms = np.concatenate([part.times_ms for part in found])
        if self._classifier.listening is not None:
            heard.append(heard_at(self._services, job, self._classifier.listening, times_ms))
        with self._lock:
            self.frames += len(times_ms)
            self.decoded += int(np.isin(times_ms, known, invert=True).sum())
        return job
