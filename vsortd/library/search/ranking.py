"""Search: scenes of the library by sentences, by what they are not, and by pictures or parts of videos like them.

Prompts are log-odds (see `asking`), and all of them have to hold in a scene unless any will do. An example counts as
w·s·(cos(frame, nearest example) - c): as much as a rule's examples do in `competition`, where c is what one frame in
fifty of the library reaches. So both may be asked for together.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.video_facts import orientation_of
from vsortd.errors import UsageError
from vsortd.judging.frame_scores import EXAMPLE_WEIGHT
from vsortd.library.search.blockwise import over_blocks
from vsortd.library.search.query import asked
from vsortd.library.search.scenes import FrameScores, Scene, find_scenes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.core.documents import SceneDocument
    from vsortd.core.video_facts import Orientation
    from vsortd.index.store import IndexRow
    from vsortd.library.search.query import Asked
    from vsortd.library.search.vector_cache import VectorCache
    from vsortd.vision.encoder import Encoder

    Values = npt.NDArray[np.float32]

DEFAULT_WINDOW_S: Final = 10.0
DEFAULT_TOP: Final = 20
# What is usual among frames of different videos: this share of them is less like an example.
_USUAL: Final = 0.98
_EXAMPLES_MOST: Final = 64
# Scenes whose file is gone are passed over; so some more are looked for.
_SPARE: Final = 2


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What to look for, and where. `examples` are unit rows float32 [k, dim]; `since_s` is Unix seconds.

    `under` is a folder or one file; `leave_out` are files that are not to be found (the examples' own).
    """

    prompts: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    any_of: bool = False
    examples: npt.NDArray[np.float32] | None = None
    window_s: float = DEFAULT_WINDOW_S
    top: int = DEFAULT_TOP
    under: Path | None = None
    since_s: float | None = None
    orientation: tuple[Orientation, ...] = ()
    leave_out: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A scene that was found: `score` is a probability, or for examples alone the cosine of the best frame, 0 to 1."""

    row: IndexRow
    begin_s: float
    end_s: float
    peak_s: float
    score: float

    def to_json(self) -> SceneDocument:
        """Return it as `search --json` prints it."""
        return {
            "file": os.fspath(self.row.path),
            "begin_s": round(self.begin_s, 3),
            "end_s": round(self.end_s, 3),
            "peak_s": round(self.peak_s, 3),
            "score": round(self.score, 4),
            "duration_s": round(self.row.duration_s, 3),
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Scenes, best first; how much was looked through; words that the model doesn't know; files that are gone.

    `coarse` is how many of the videos were looked at too rarely for a window to have a frame of its own.
    """

    hits: list[Hit]
    videos: int
    hours: float
    unknown: tuple[str, ...] = ()
    gone: list[Path] = field(default_factory=list)
    coarse: int = 0


def search(cache: VectorCache, encoder: Encoder, wanted: SearchTarget) -> SearchResult:
    """Look through everything that is kept for the encoder's model.

    Raises UsageError for prompts that say nothing to the model, ModelError and StoreError.
    """
    if wanted.window_s <= 0 or not math.isfinite(wanted.window_s):
        raise UsageError(f"--window {wanted.window_s:g}s is not a length of time.", remedy="Write 5s, 30s or 1m.")
    if not wanted.prompts and wanted.examples is None:
        raise UsageError(
            "There is nothing to look for.", remedy='Name a prompt, such as "a forest at night", or --like FILE.'
        )
    question = asked(wanted.prompts, wanted.against, encoder) if wanted.prompts else None
    rows, frame_scores = cache.ask(_values(question, wanted.examples), under=wanted.under, takes=_filter(wanted))
    likeness = frame_scores.values[:, -1].copy() if wanted.examples is not None and len(rows) else None
    if likeness is not None:
        frame_scores.values[:, -1] = _as_log_odds(likeness, encoder)
    scenes = find_scenes(frame_scores, window_s=wanted.window_s, top=wanted.top * _SPARE, any_of=wanted.any_of)
    hits, gone = _hits(rows, frame_scores, scenes, likeness if question is None else None, wanted.top)
    hours = float(frame_scores.durations_s.sum()) / 3600
    apart_s = frame_scores.durations_s / np.maximum(np.diff(frame_scores.offsets), 1)
    coarse = int((apart_s > wanted.window_s / 2).sum())
    return SearchResult(hits, len(rows), hours, question.unknown if question else (), gone, coarse)


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


def nearest(vectors: npt.NDArray[np.floating], examples: npt.NDArray[np.float32]) -> Values:
    """Return each row's cosine to the nearest example: float32 [n, 1]."""
    import torch

    turned = torch.from_numpy(np.ascontiguousarray(examples, np.float32)).T
    return over_blocks(vectors, 1, lambda rows: (rows @ turned).amax(dim=1, keepdim=True))


def _as_log_odds(likeness: Values, encoder: Encoder) -> Values:
    usual = float(np.quantile(likeness, _USUAL)) if len(likeness) else 0.0
    return np.asarray(EXAMPLE_WEIGHT * encoder.info.logit_scale * (likeness - usual), np.float32)


def _filter(wanted: SearchTarget) -> Callable[[IndexRow], bool]:
    def takes(row: IndexRow) -> bool:
        if wanted.since_s is not None and row.recorded_s < wanted.since_s:
            return False
        if wanted.orientation and (
            not row.width_px or orientation_of(row.width_px, row.height_px) not in wanted.orientation
        ):
            return False
        return row.path not in wanted.leave_out

    return takes


def _hits(
    rows: Sequence[IndexRow], frame_scores: FrameScores, scenes: Sequence[Scene], likeness: Values | None, top: int
) -> tuple[list[Hit], list[Path]]:
    """Return the scenes whose files are still there, and the files that are not."""
    hits: list[Hit] = []
    gone: list[Path] = []
    for scene in scenes:
        row = rows[scene.film]
        if len(hits) == top:
            break
        if row.path in gone or not os.path.isfile(row.path):  # noqa: PTH113 - what is not for us to see is no error
            gone += [] if row.path in gone else [row.path]
            continue
        score = 1 / (1 + math.exp(-max(-500.0, min(500.0, scene.value))))
        if likeness is not None:
            own = slice(int(frame_scores.offsets[scene.film]), int(frame_scores.offsets[scene.film + 1]))
            at = int(np.argmin(np.abs(frame_scores.times_ms[own] - scene.peak_s * 1000)))
            score = float(np.clip(likeness[own][at], 0.0, 1.0))
        hits.append(Hit(row, scene.begin_s, scene.end_s, scene.peak_s, score))
    return hits, gone
