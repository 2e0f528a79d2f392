"""`vsortd model compare`: several models on the same labelled videos, from one decoding of them.

The models take turns: as many videos as fit a bound on disk are decoded (`frame_spool`), then each model is loaded in
a process of its own, sees these frames, and ends; and so on with the next videos. So no two models are in memory at
once, however many are compared, nothing is decoded while a model's speed is measured, and a folder of a hundred hours
takes no more memory than one of ten minutes: of each video only what each model made of it is kept.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vsortd.analysis.transcript import transcriber_of
from vsortd.config.rules import build_rules
from vsortd.core.containers import endings_among
from vsortd.core.paths import index_path
from vsortd.errors import ModelError, UsageError, VsortdError
from vsortd.evaluation.case_sampling import LeftOut
from vsortd.evaluation.frame_spool import SPOOL_BYTES, FrameSpool
from vsortd.evaluation.model_contest import ModelContest, ModelResult, VideoOutcome
from vsortd.evaluation.rejudge import SampledCase, judge_all
from vsortd.evaluation.shared_sampling import SharedSampler, SpooledCase
from vsortd.evaluation.truth import read_truth
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.judging.calibration import read_calibration, temperature_for
from vsortd.judging.closer_look import looks_closer
from vsortd.judging.resident_sound import ResidentSound
from vsortd.media.pool import MediaPool
from vsortd.pipeline.condition_meter import ConditionMeter
from vsortd.vision.model_process import ModelProcess
from vsortd.vision.model_words import model_word
from vsortd.vision.prompts import level_vectors

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import ModelChoice, Settings
    from vsortd.media.preprocess import Preprocess
    from vsortd.vision.encoder import ModelInfo
    from vsortd.vision.model_process import ModelCost
    from vsortd.vision.prompts import RuleVectors

    Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


def compare_models(
    settings: Settings,
    state_folder: Path,
    choices: Sequence[str | ModelChoice],
    folder: Path,
    *,
    bar: Bar = lambda _: nullcontext(),
    spool_bytes: int = SPOOL_BYTES,
) -> ModelContest:
    """Judge the videos of a labelled folder with each model; nothing is moved or journalled, no frame indexed.

    A model that can't be had, or fails, has its `trouble` in the result, and the others are compared all the same.
    `bar` shows how far something with a name has come. Raises UsageError for a folder that can't be the truth, and
    VsortdError where no model could judge, or no video be looked at.
    """
    tree = build_rules(settings)
    _insist_on_whole_frames(tree)
    extensions = sorted(endings_among(one for inbox in settings.inboxes for one in inbox.extensions))
    cases = read_truth(folder, tree, place=settings.place, extensions=extensions)
    contestants = [_Contestant(choice, settings, state_folder) for choice in choices]
    with ExitStack() as stack:
        with bar("looking for the models"):
            scout: ModelProcess | None = stack.enter_context(ModelProcess())
            assert scout is not None
            shapes = _resolve(contestants, scout)
        media = stack.enter_context(MediaPool.of(settings.workers))
        spool = stack.enter_context(FrameSpool(len(shapes), limit_bytes=spool_bytes))
        meter = None
        if tree.measured:
            index = Index(index_path(state_folder))
            stack.callback(index.close)
            meter = ConditionMeter(tree, media, index, transcriber_of(settings.transcript), ears=_ears(settings))
        sampler = SharedSampler(settings, media, shapes, spool, meter)
        left_out: list[LeftOut] = []
        waiting, done = iter(cases), 0
        while done < len(cases):
            with bar("looking") as on_progress:
                ends = sampler.fill(waiting, _counting(on_progress, done, len(cases)))
            done += len(ends)
            left_out += [one for one in ends if isinstance(one, LeftOut)]
            seen = [one for one in ends if isinstance(one, SpooledCase)]
            if not seen and done == len(cases) and len(left_out) == done:
                raise _nothing_seen(folder, left_out)
            for one in [one for one in contestants if one.trouble is None and seen]:
                with bar(f"{one.word} judges") as on_progress:
                    one.judge(seen, tree, spool, process=scout, on_progress=on_progress)
                scout = None
            _require_one(contestants)
            spool.clear()
        return ModelContest(
            folder=folder,
            results=[one.result() for one in contestants],
            decoded=sampler.frames,
            failed=[one for one in left_out if one.failed],
            rejected=[one for one in left_out if not one.failed],
        )


def _ears(settings: Settings) -> Callable[[threading.Event], ResidentSound] | None:
    """Return who tells music, None where no sound model is configured."""
    if settings.sound_model is None:
        return None
    sound = ResidentSound(settings.sound_model)
    return lambda _: sound


def _insist_on_whole_frames(tree: RuleTree) -> None:
    """Refuse rules that take a closer look: the frames that models share are whole ones."""
    name = looks_closer(tree)
    if name:
        raise UsageError(
            f"{name!r} looks for something by look: crops or by objects, and models are compared by whole frames.",
            remedy="Compare by a config without such rules and tags; `vsortd eval` judges by them with one model.",
        )


@dataclass(slots=True)
class _Contestant:
    """A model that takes its turns: what it is, what it needs, and what it has judged so far."""

    choice: str | ModelChoice
    settings: Settings
    state_folder: Path
    shape: int = 0
    info: ModelInfo | None = None
    vectors: RuleVectors | None = None
    temperature: float = 1.0
    temperature_from: str = "default"
    cost: ModelCost | None = None
    outcomes: list[VideoOutcome] = field(default_factory=list)
    trouble: VsortdError | None = None

    @property
    def word(self) -> str:
        """How it was named."""
        return model_word(self.choice)

    def judge(
        self,
        seen: Sequence[SpooledCase],
        tree: RuleTree,
        spool: FrameSpool,
        *,
        process: ModelProcess | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        """Load the model, into `process` if there is one, and judge videos; a failure is kept as `trouble`."""
        try:
            with process or ModelProcess() as encoder:
                encoder.load(self.choice)
                self._take_in(encoder, tree)
                before = len(self.outcomes)
                for pixels, cases in self._batches(seen, spool, encoder):
                    self._judge(cases, tree, encoder.encode_images(pixels))
                    if on_progress is not None:
                        on_progress(len(self.outcomes) - before, len(seen))
                self.cost = encoder.cost().plus(self.cost)
        except ModelError as error:
            self.trouble = error

    def _take_in(self, encoder: ModelProcess, tree: RuleTree) -> None:
        """Learn what the model is, and what the rules are in its terms; once."""
        if self.vectors is not None:
            return
        key = encoder.info.key
        self.temperature = temperature_for(self.settings, self.state_folder, key)
        if not isinstance(self.settings.temperature, str):
            self.temperature_from = "config"
        elif key in read_calibration(self.state_folder):
            self.temperature_from = "calibrated"
        self.vectors = replace(level_vectors(tree, encoder), temperature=self.temperature)
        self.info = encoder.info

    def _batches(
        self, seen: Sequence[SpooledCase], spool: FrameSpool, encoder: ModelProcess
    ) -> Iterator[tuple[npt.NDArray[np.uint8], list[SpooledCase]]]:
        """Yield the frames of as many videos as make a batch, and the videos."""
        side_px = encoder.info.preprocess.side_px
        some: list[SpooledCase] = []
        stacks: list[npt.NDArray[np.uint8]] = []
        for number, one in enumerate(seen):
            some.append(one)
            stacks += [
                spool.get(self.shape, look.places[self.shape], len(look.times_ms), side_px) for look in one.looks
            ]
            if sum(map(len, stacks)) >= encoder.batch or number == len(seen) - 1:
                yield np.concatenate(stacks), some
                some, stacks = [], []

    def _judge(self, cases: Sequence[SpooledCase], tree: RuleTree, rows: npt.NDArray[np.float32]) -> None:
        assert self.vectors is not None
        # through the precision of the index, so that the daemon would decide exactly like this
        rows = rows.astype(np.float16).astype(np.float32)
        begin = 0
        for one in cases:
            looks = []
            for look in one.looks:
                end = begin + len(look.times_ms)
                looks.append(Embedded(look.times_ms, rows[begin:end]))
                begin = end
            (judged,) = judge_all([SampledCase(one.case, one.facts, tuple(looks))], tree, self.vectors)
            self.outcomes.append(VideoOutcome.of(judged))

    def result(self) -> ModelResult:
        """Return what came of it; of a model that failed on the way nothing is counted."""
        return ModelResult(
            word=self.word,
            info=self.info,
            cost=self.cost,
            temperature=self.temperature,
            temperature_from=self.temperature_from,
            outcomes=self.outcomes if self.trouble is None else (),
            trouble=self.trouble,
        )


def _resolve(contestants: Sequence[_Contestant], scout: ModelProcess) -> list[Preprocess]:
    """Find each model, and return the shapes of pictures that they want, each once. Raises VsortdError without any."""
    shapes: list[Preprocess] = []
    pixels: list[tuple[object, ...]] = []
    for one, found in zip(contestants, scout.resolve([one.choice for one in contestants]), strict=True):
        if isinstance(found, ModelError):
            one.trouble = found
            continue
        shape = (found.side_px, found.resize, found.interpolation)  # mean and std are the encoder's business
        if shape not in pixels:
            pixels.append(shape)
            shapes.append(found)
        one.shape = pixels.index(shape)
    _require_one(contestants)
    return shapes


def _require_one(contestants: Sequence[_Contestant]) -> None:
    troubles = [one.trouble for one in contestants if one.trouble is not None]
    if len(troubles) == len(contestants):
        first, *others = troubles
        said = [f"{one.word}: {one.trouble.title}" for one in contestants if one.trouble is not None]
        title = "None of the models can be had." if others else first.title
        raise ModelError(title, details=said if others else first.details, remedy=first.remedy, paths=first.paths)


def _counting(on_progress: Callable[[int, int], None] | None, done: int, total: int) -> Callable[[], None]:
    """Return what notes one more video; it begins by telling how many there are."""
    counted = done

    def one_more() -> None:
        nonlocal counted
        counted += 1
        if on_progress is not None:
            on_progress(counted, total)

    if on_progress is not None:
        on_progress(done, total)
    return one_more


def _nothing_seen(folder: Path, left_out: Sequence[LeftOut]) -> VsortdError:
    what = f"none of the {len(left_out):,} videos" if len(left_out) > 1 else "the only video"
    title = f"Nothing can be compared: {what} below {folder} could be judged"
    return VsortdError(f"{title}: {left_out[0].path.name}: {left_out[0].reason}.", paths=[one.path for one in left_out])
