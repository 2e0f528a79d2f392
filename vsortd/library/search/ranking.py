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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.config.own_words import EXAMPLE
from vsortd.core.video_facts import orientation_of
from vsortd.errors import UsageError
from vsortd.judging.frame_scores import EXAMPLE_WEIGHT
from vsortd.library.search.blockwise import numpy_will_do, over_blocks, over_few
from vsortd.library.search.copies import CopyFinder
from vsortd.library.search.query import asked
from vsortd.library.search.scenes import FrameScores, Scene, find_scenes
from vsortd.library.search.shot_scenes import best_shots, shot_table
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
    from vsortd.library.search.query import Asked
    from vsortd.library.search.shot_scenes import ShotTable
    from vsortd.library.search.vector_cache import Frames, VectorCache
    from vsortd.vision.encoder import TextEncoder

    Values = npt.NDArray[np.float32]

DEFAULT_WINDOW_S: Final = 10.0
DEFAULT_TOP: Final = 20
# What is usual among frames of different videos: this share of them is less like an example, …
_USUAL: Final = 0.98
# … or would be if they lay as the lower half of them does (a normal distribution has as much below 2.05 deviations, and
# a deviation between these two): in a small library like ones alone are more than one frame in fifty.
_DEVIATIONS: Final = 2.05
_MIDDLE, _LOWER = 0.5, 0.16
_EXAMPLES_MOST: Final = 64
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
    rows, frame_scores = cache.ask(_values(question, wanted.examples), under=wanted.under, takes=_filter(wanted))
    likeness, usual = None, 0.0
    if wanted.examples is not None and len(rows):
        likeness = frame_scores.values[:, -1].copy()
        usual = _usual(likeness)
        weight = EXAMPLE_WEIGHT * encoder.info.logit_scale
        frame_scores.values[:, -1] = np.asarray(weight * (likeness - usual), np.float32)
    alone = likeness if question is None else None
    # files that sound alike need not show the same
    frames_of = cache.frames_of if encoder.info.family is not Family.CLAP else _no_frames
    table = None if wanted.shots is None else shot_table(frame_scores, wanted.shots(rows))
    hits, gone = _Collector(rows, frame_scores, frames_of, wanted, alone).collect(table)
    least = wanted.min_score
    if least is None:
        least = LIKELIER if alone is None else usual
    shown = [hit for hit in hits if hit.score >= least]
    hours = float(frame_scores.durations_s.sum()) / 3600
    apart_s = frame_scores.durations_s / np.maximum(np.diff(frame_scores.offsets), 1)
    coarse = int((apart_s > wanted.window_s / 2).sum()) if table is None else 0
    unknown = question.unknown if question else ()
    result = SearchResult(shown, len(rows), hours, unknown, gone, coarse, len(hits) - len(shown), least)
    return result if table is None else replace(result, unseen_shots=table.unseen, unmeasured=table.unmeasured)


def _values(
    question: Asked | None, examples: npt.NDArray[np.float32] | None
) -> Callable[[npt.NDArray[np.float16]], Values]:
    """Return what is asked of frames: a column a prompt, then the likeness to the nearest example."""
    few = None
    if examples is not None:
        few = examples[np.linspace(0, len(examples) - 1, min(len(examples), _EXAMPLES_MOST)).round().astype(int)]

    def ask(vectors: npt.NDArray[np.float16]) -> Values:
        columns = [question.log_odds(vectors)] if question is not None else []
        if few is not None:
            columns.append(nearest(vectors, few))
        return np.hstack(columns)

    return ask


def _usual(likeness: Values) -> float:
    """Return how like an example frames are that don't show the same, at most."""
    high, middle, lower = (float(value) for value in np.quantile(likeness, (_USUAL, _MIDDLE, _LOWER)))
    return min(high, middle + _DEVIATIONS * (middle - lower))


def nearest(vectors: npt.NDArray[np.floating], examples: npt.NDArray[np.float32]) -> Values:
    """Return each row's cosine to the nearest example: float32 [n, 1]."""
    if numpy_will_do(len(vectors)):
        columns = np.ascontiguousarray(examples, np.float32).T
        return over_few(vectors, 1, lambda rows: (rows @ columns).max(axis=1, keepdims=True))
    import torch

    turned = torch.from_numpy(np.ascontiguousarray(examples, np.float32)).T
    return over_blocks(vectors, 1, lambda rows: (rows @ turned).amax(dim=1, keepdim=True))


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

    def __init__(
        self,
        rows: Sequence[IndexRow],
        frame_scores: FrameScores,
        frames_of: Callable[[Iterable[IndexRow]], dict[int, Frames]],
        wanted: SearchTarget,
        likeness: Values | None,
    ) -> None:
        self._rows = rows
        self._scores = frame_scores
        self._wanted = wanted
        self._likeness = likeness
        self._finder = CopyFinder(rows, frame_scores, frames_of) if rows else None
        self._files: dict[int, tuple[IndexRow, tuple[Path, ...]]] = {}  # of the videos that were shown
        self._spent: set[int] = set()  # copies of those, and files that are gone
        self._gone: list[Path] = []

    def collect(self, table: ShotTable | None) -> tuple[list[Hit], list[Path]]:
        """Return the best hits, shots where there is a table of them, and files that are gone."""
        wanted, count = self._wanted, self._wanted.top * _SPARE
        while True:
            if table is None:
                scenes = find_scenes(self._scores, window_s=wanted.window_s, top=count, any_of=wanted.any_of)
            else:
                scenes = best_shots(self._scores, table, top=count, any_of=wanted.any_of)
            hits = self._hits(scenes)
            if len(hits) == wanted.top or len(scenes) < count:
                return hits, self._gone
            count *= _MORE

    def _hits(self, scenes: Sequence[Scene]) -> list[Hit]:
        hits: list[Hit] = []
        for scene in scenes:
            if len(hits) == self._wanted.top:
                break
            if scene.film in self._spent:
                continue
            row = self._rows[scene.film].standing()
            if not os.path.isfile(row.path):  # noqa: PTH113 - what is not for us to see is no error
                self._gone.append(row.path)
                self._spent.add(scene.film)
                continue
            row, copies = self._files_of(scene.film, row)
            hits.append(Hit(row, scene.begin_s, scene.end_s, scene.peak_s, self._score(scene), copies))
        return hits

    def _files_of(self, film: int, row: IndexRow) -> tuple[IndexRow, tuple[Path, ...]]:
        """Return by which file a video is told, and the others that are it; their own scenes are no more hits."""
        if film not in self._files:
            same = self._finder.copies_of(film) if self._finder is not None else []
            self._spent.update(same)
            if not same and not row.others:
                self._files[film] = row, ()
                return self._files[film]
            there = [one.standing() for one in map(self._rows.__getitem__, same)]
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
            self._files[film] = told, tuple(found)
        return self._files[film]

    def _score(self, scene: Scene) -> float:
        if self._likeness is None:
            return 1 / (1 + math.exp(-max(-500.0, min(500.0, scene.value))))
        own = slice(int(self._scores.offsets[scene.film]), int(self._scores.offsets[scene.film + 1]))
        at = int(np.argmin(np.abs(self._scores.times_ms[own] - scene.peak_s * 1000)))
        return float(np.clip(self._likeness[own][at], 0.0, 1.0))
