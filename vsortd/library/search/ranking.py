"""Search: scenes of the library by sentences, by what they are not, and by pictures or parts of videos like them.

Prompts are log-odds (see `asking`), and all of them have to hold in a scene unless any will do. An example counts as
w·s·(cos(frame, nearest example) - c): as much as a rule's examples do in `competition`, where c is what hardly a
frame of other things reaches. So both may be asked for together.

What is shown has a floor. A scene's score is the probability of what was asked for against everything else that a
picture may show; below a half something else is likelier, and the score no longer says that it is there. Of examples
alone the floor is what is usual among frames: c.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.config.own_words import EXAMPLE
from vsortd.core.video_facts import orientation_of
from vsortd.errors import UsageError
from vsortd.judging.frame_scores import EXAMPLE_WEIGHT
from vsortd.library.search.frame_question import FrameQuestion
from vsortd.library.search.query import asked
from vsortd.library.search.scene_finder import PlainFinder
from vsortd.library.search.shards.sharded_finder import ShardedFinder
from vsortd.library.search.shot_scenes import shot_table
from vsortd.vision.encoder import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.analysis.shots import Shot
    from vsortd.core.documents import SceneDocument
    from vsortd.core.video_facts import Orientation
    from vsortd.index.extent import Extent
    from vsortd.index.video import IndexRow
    from vsortd.library.search.copies import Frames
    from vsortd.library.search.scene_finder import FramesOf, RankedScenes, SceneFinder
    from vsortd.library.search.scenes import Scene
    from vsortd.library.search.vector_cache import VectorCache
    from vsortd.vision.encoder import TextEncoder

DEFAULT_WINDOW_S: Final = 10.0
DEFAULT_TOP: Final = 20
# Scenes whose file is gone are passed over; so some more are looked for.
_SPARE: Final = 2
# … and where many of them are of copies, so many times more are looked for until there are enough.
_MORE: Final = 4
LIKELIER: Final = 0.5  # than all else together


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What to look for, and where. `examples` are unit rows float32 [k, dim]; `since_s` is Unix seconds.

    `under` are folders or files; `among`, if any, all the files that may be found, `leave_out` those that may not be
    (the examples' own). Scenes below `min_score` (0 to 1) are only counted; None is the score below which something
    else is likelier. `own` are prompts of the user's rules, for errors to propose. `shots` returns the shots of videos
    by their places in a list, as far as they are known: scenes are shots then. None: they are windows.
    """

    prompts: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    any_of: bool = False
    examples: npt.NDArray[np.float32] | None = None
    window_s: float = DEFAULT_WINDOW_S
    top: int = DEFAULT_TOP
    min_score: float | None = None
    under: Extent | None = None
    since_s: float | None = None
    orientation: tuple[Orientation, ...] = ()
    among: frozenset[Path] | None = None
    leave_out: tuple[Path, ...] = ()
    own: tuple[str, ...] = ()
    shots: Callable[[Sequence[IndexRow]], Mapping[int, Sequence[Shot]]] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A scene that was found: `score` is a probability, or for examples alone the cosine of the best frame, 0 to 1.

    `copies` are the other files that are the same video, see `copies`.
    """

    row: IndexRow
    begin_s: float
    end_s: float
    peak_s: float
    score: float
    copies: tuple[Path, ...] = ()

    def to_json(self) -> SceneDocument:
        """Return it as `search --json` prints it."""
        return {
            "file": os.fspath(self.row.path),
            "begin_s": round(self.begin_s, 3),
            "end_s": round(self.end_s, 3),
            "peak_s": round(self.peak_s, 3),
            "score": round(self.score, 4),
            "duration_s": round(self.row.duration_s, 3),
            "copies": [os.fspath(path) for path in self.copies],
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Scenes, best first; how much was looked through; words that the model doesn't know; files that are gone.

    `weaker` is how many of the best `top` scenes are not among them, as they score less than `min_score`; `coarse` is
    how many of the videos were looked at too rarely for a window to have a frame of its own. `unseen_shots` had none of
    their own, and of `unmeasured` videos no shots are known; both 0 where scenes are no shots.
    """

    hits: list[Hit]
    videos: int
    hours: float
    unknown: tuple[str, ...] = ()
    gone: list[Path] = field(default_factory=list)
    coarse: int = 0
    weaker: int = 0
    min_score: float = 0.0
    unseen_shots: int = 0
    unmeasured: int = 0


def search(cache: VectorCache, encoder: TextEncoder, wanted: SearchTarget) -> SearchResult:
    """Look through everything that is kept for the encoder's model.

    Raises UsageError for prompts that say nothing to the model, ModelError and StoreError.
    """
    if wanted.window_s <= 0 or not math.isfinite(wanted.window_s):
        raise UsageError(f"--window {wanted.window_s:g}s is not a length of time.", remedy="Write 5s, 30s or 1m.")
    if not wanted.prompts and wanted.examples is None:
        raise UsageError(
            "There is nothing to look for.",
            remedy=f'Name a prompt, such as "{(*wanted.own, EXAMPLE)[0]}", or --like FILE.',
        )
    if wanted.min_score is not None and not 0 <= wanted.min_score <= 1:
        raise UsageError(f"--min-score {wanted.min_score:g} is no score.", remedy="Write a number from 0 to 1.")
    question = asked(wanted.prompts, wanted.against, encoder, wanted.own) if wanted.prompts else None
    frame_question = FrameQuestion.of(question, wanted.examples, EXAMPLE_WEIGHT * encoder.info.logit_scale)
    # files that sound alike need not show the same
    frames_of = cache.frames_of if encoder.info.family is not Family.CLAP else _no_frames
    finder = _finder(cache, frame_question, wanted, frames_of)
    hits, gone = _Collector(finder, frame_question, wanted).collect()
    least = wanted.min_score
    if least is None:
        least = LIKELIER if question is not None else finder.usual
    shown = [hit for hit in hits if hit.score >= least]
    extent = finder.extent()
    return SearchResult(
        shown,
        extent.videos,
        extent.length_s / 3600,
        question.unknown if question else (),
        gone,
        extent.coarse,
        len(hits) - len(shown),
        least,
        extent.unseen_shots,
        extent.unmeasured,
    )


def _finder(
    cache: VectorCache, question: FrameQuestion, wanted: SearchTarget, frames_of: FramesOf
) -> PlainFinder | ShardedFinder:
    """Ask the frames of the videos that are meant, or in a very large index those where scenes may lie."""
    takes = _filter(wanted)
    places = cache.sharded(wanted.under, takes) if wanted.shots is None else None
    left_out = frozenset() if places is None else places.left_out
    rows, frame_scores = cache.ask(question.values, under=wanted.under, takes=takes, left_out=left_out)
    if places is not None and places.parts:
        return ShardedFinder(
            cache.index,
            question,
            places,
            (rows, frame_scores),
            model=cache.model,
            frames_of=frames_of,
            window_s=wanted.window_s,
            any_of=wanted.any_of,
        )
    table = None if wanted.shots is None else shot_table(frame_scores, wanted.shots(rows))
    return PlainFinder(
        rows, frame_scores, question, frames_of, window_s=wanted.window_s, any_of=wanted.any_of, shots=table
    )


def _no_frames(_: Iterable[IndexRow]) -> dict[int, Frames]:
    return {}


def _filter(wanted: SearchTarget) -> Callable[[IndexRow], bool]:
    def takes(row: IndexRow) -> bool:
        if wanted.since_s is not None and row.recorded_s < wanted.since_s:
            return False
        if wanted.orientation and (
            not row.width_px or orientation_of(row.width_px, row.height_px) not in wanted.orientation
        ):
            return False
        if wanted.among is not None and wanted.among.isdisjoint(row.names):
            return False
        return not wanted.leave_out or not any(name in wanted.leave_out for name in row.names)

    return takes


class _Collector:
    """Makes hits of scenes: those whose files are there, each video under one of its files."""

    def __init__(self, finder: SceneFinder, question: FrameQuestion, wanted: SearchTarget) -> None:
        self._finder = finder
        self._question = question
        self._wanted = wanted
        self._files: dict[int, tuple[IndexRow, tuple[Path, ...]]] = {}  # of the videos that were shown, by number
        self._spent: set[int] = set()  # copies of those, and videos whose files are gone
        self._gone: list[Path] = []

    def collect(self) -> tuple[list[Hit], list[Path]]:
        """Return the best hits, and files that are gone."""
        wanted, count = self._wanted, self._wanted.top * _SPARE
        while True:
            found = self._finder.scenes(count)
            hits = self._hits(found)
            if len(hits) == wanted.top or len(found.scenes) < count:
                return hits, self._gone
            count *= _MORE

    def _hits(self, found: RankedScenes) -> list[Hit]:
        hits: list[Hit] = []
        for scene in found.scenes:
            if len(hits) == self._wanted.top:
                break
            video = found.rows[scene.film]
            if video.id in self._spent:
                continue
            row = video.standing()
            if not os.path.isfile(row.path):  # noqa: PTH113 - what is not for us to see is no error
                self._gone.append(row.path)
                self._spent.add(video.id)
                continue
            row, copies = self._files_of(video, row)
            hits.append(Hit(row, scene.begin_s, scene.end_s, scene.peak_s, self._score(scene, found), copies))
        return hits

    def _files_of(self, video: IndexRow, row: IndexRow) -> tuple[IndexRow, tuple[Path, ...]]:
        """Return by which file a video is told, and the others that are it; their own scenes are no more hits."""
        if video.id not in self._files:
            same = self._finder.copies_of(video)
            self._spent.update(one.id for one in same)
            if not same and not row.others:
                self._files[video.id] = row, ()
                return self._files[video.id]
            there = [one.standing() for one in same]
            rows = [row, *(one for one in there if one.identity.lies_at(one.path))]
            under = self._wanted.under
            told = min(rows, key=lambda one: (under is None or not under.is_home(one.path), one.path))
            names = sorted(name for one in rows for name in one.names if one.identity.lies_at(name))
            known = {os.path.realpath(told.path)}  # the same file on another way is no copy
            found: list[Path] = []
            for name in names:
                if (real := os.path.realpath(name)) not in known:
                    known.add(real)
                    found.append(name)
            self._files[video.id] = told, tuple(found)
        return self._files[video.id]

    def _score(self, scene: Scene, found: RankedScenes) -> float:
        if self._question.asked is not None:
            return 1 / (1 + math.exp(-max(-500.0, min(500.0, scene.value))))
        scores = found.frame_scores
        own = slice(int(scores.offsets[scene.film]), int(scores.offsets[scene.film + 1]))
        at = int(np.argmin(np.abs(scores.times_ms[own] - scene.peak_s * 1000)))
        likeness = self._question.likeness(float(scores.values[own][at, -1]), self._finder.usual)
        return float(np.clip(likeness, 0.0, 1.0))
