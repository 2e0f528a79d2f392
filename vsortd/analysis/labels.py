"""How probably each frame of a video shows each of some labels, and what that says of the video. Pure but for texts.

With unit vectors v (frame) and t_i (a category's k prompts), the model's scale s and bias b, and temperature T:

- z_i = (s·v·t_i + b) / T.
- A category's logit is the log-mean-exp of its prompts', ln(1/k Σ exp z_i), so that many prompts are no advantage;
  with `ensemble: best` the largest.
- Probabilities are a softmax within the unit over its categories and, as one, what else a picture may show: the model's
  negatives for these texts, and for sigmoid models z_0 = -10/T (see `vsortd.judging.frame_scores`).

A label counts in a frame where its probability reaches the confidence; of the categories of a unit only the one that
leads does. So the counts of a unit's categories add up to at most the frames, as where its numbers come from
(DeepFFmpeg's `avgclass`): the average is over the frames that count, and a label without any has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vsortd.analysis.label_reading import LabelEnsemble
from vsortd.config.choices import Ensemble
from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.index.video import edges_of
from vsortd.judging.frame_scores import SIGMOID_NONE_LOGIT
from vsortd.vision.encoder import Family
from vsortd.vision.known_words import what_it_knows
from vsortd.vision.prompt_plan import Competition, Query
from vsortd.vision.prompts import competition_vectors
from vsortd.vision.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.analysis.label_reading import LabelReading
    from vsortd.vision.encoder import TextEncoder
    from vsortd.vision.prompts import LevelVectors

PICTURE_STREAM: Final = 0  # the stream_id of what is seen
SOUND_STREAM: Final = 1  # and of what is heard
CSV_COLUMNS: Final = ("stream_id", "label", "avg_probability", "count")
_FRAMES_AT_ONCE: Final = 1024  # with ten thousand prompts 80 MB of logits

Rows = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitVectors:
    """A unit in a model's terms: unit rows [p, dim] of all prompts, category after category, and of negatives [m, dim].

    `starts` [c] are the first rows of the categories.
    """

    unit: LabelUnit
    rows: Rows
    starts: npt.NDArray[np.intp]
    negatives: Rows


@dataclass(frozen=True, slots=True, eq=False)
class LabelQuestion:
    """Units in a model's terms; `unknown` are words that the model doesn't know, `stream` is what it is asked of."""

    units: tuple[UnitVectors, ...]
    logit_scale: float
    logit_bias: float | None
    unknown: tuple[str, ...]
    stream: int = PICTURE_STREAM


@dataclass(frozen=True, slots=True)
class LabelSpan:
    """From when to when a label counts, half-way to the frames beside."""

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """What a video says of one label.

    `count` frames count, `average` is their mean probability (0 where there is none), `mean` that over all frames;
    `share` is the part of the video's time that those stand for, `spans` where that is. `first_s` and `last_s` are the
    first and last of them, `best_s` is the frame with the highest probability of all, `best`. Of what is heard
    (`stream` is SOUND_STREAM) frames are windows of sound.
    """

    label: str
    average: float
    count: int
    mean: float
    share: float
    first_s: float | None
    last_s: float | None
    best_s: float
    best: float
    spans: tuple[LabelSpan, ...]
    stream: int = PICTURE_STREAM

    def to_json(self, unit: str) -> dict[str, Any]:
        """Return it as `classify --json` prints it."""
        return {
            "stream_id": self.stream,
            "unit": unit or None,
            "label": self.label,
            "avg_probability": round(self.average, 4) if self.count else None,
            "count": self.count,
            "mean": round(self.mean, 4),
            "share": round(self.share, 4),
            "first_s": self.first_s,
            "last_s": self.last_s,
            "best_s": self.best_s,
            "best": round(self.best, 4),
            "spans": [{"begin_s": round(one.begin_s, 3), "end_s": round(one.end_s, 3)} for one in self.spans],
        }

    def row(self) -> tuple[int, str, str, int]:
        """Return it as a row of `CSV_COLUMNS`."""
        return self.stream, self.label, f"{self.average:.4f}", self.count


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """What a video says of a unit: its labels, the highest mean first, in a tie as they were named.

    `none` is the mean probability of none of these, None where that takes no part.
    """

    unit: LabelUnit
    labels: tuple[FoundLabel, ...]
    none: float | None
    stream: int = PICTURE_STREAM


def label_question(units: Sequence[LabelUnit], encoder: TextEncoder, *, none: bool = True) -> LabelQuestion:
    """Put units into the model's terms. Raises UsageError for labels that it doesn't know, ModelError when it fails.

    Without `none` a unit of one label is refused: its probability would be 1 whatever is shown.
    """
    alone = next((unit for unit in units if not none and len(unit.categories) == 1), None)
    if alone is not None:
        label = alone.categories[0].name
        raise UsageError(
            f"{label!r} competes with nothing, so it would have the probability 1 in every picture.",
            remedy="Leave out --no-none, or name what else may be shown.",
        )
    templates = TEMPLATES[encoder.info.family]
    levels = competition_vectors(
        [
            Competition(
                str(number),
                [Query(one.name, one.prompts, ensemble=Ensemble.BEST) for one in unit.categories],
                (),
                templates,
                open_world=True,
            )
            for number, unit in enumerate(units)
        ],
        encoder,
    )
    _insist_on_known(levels, encoder)
    unknown = (word for level in levels for words in level.unknown for word in words)
    found = [_unit_vectors(unit, level) for unit, level in zip(units, levels, strict=True)]
    stream = SOUND_STREAM if encoder.info.family is Family.CLAP else PICTURE_STREAM
    scale, bias = encoder.info.logit_scale, encoder.info.logit_bias
    return LabelQuestion(tuple(found), scale, bias, tuple(dict.fromkeys(unknown)), stream)


def _insist_on_known(levels: Sequence[LevelVectors], encoder: TextEncoder) -> None:
    strange = [name for level in levels for name, known in zip(level.names, level.known, strict=True) if not known]
    if strange:
        what = repr(strange[0]) if len(strange) == 1 else f"{counted(len(strange), 'label')}:"
        raise UsageError(
            f"The model {encoder.info.name} knows nothing of {what}{'.' if len(strange) == 1 else ''}",
            details=[] if len(strange) == 1 else [f"  {name}" for name in strange],
            remedy=what_it_knows(encoder.info),
        )


def _unit_vectors(unit: LabelUnit, level: LevelVectors) -> UnitVectors:
    parts = [level.alternatives.get(column, level.vectors[column : column + 1]) for column in range(len(level.names))]
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
    return UnitVectors(unit, np.concatenate(parts), starts.astype(np.intp), level.negative_vectors)


def label_probabilities(
    question: LabelQuestion, unit: UnitVectors, vectors: npt.NDArray[np.floating[Any]], reading: LabelReading
) -> Rows:
    """Return of each frame (unit rows [n, dim]) the probabilities of a unit's categories and of none, [n, c + 1].

    Rows add up to 1. Where none takes no part the last column is 0.
    """
    found = np.empty((len(vectors), len(unit.starts) + 1), np.float32)
    for begin in range(0, len(vectors), _FRAMES_AT_ONCE):
        some = slice(begin, begin + _FRAMES_AT_ONCE)
        own, against = _logits(question, unit, vectors[some].astype(np.float64), reading)
        together = np.hstack([own, against])
        weights = np.exp(together - together.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        found[some, :-1] = weights[:, : own.shape[1]]
        found[some, -1] = weights[:, own.shape[1] :].sum(axis=1)
    return found


def _logits(question: LabelQuestion, unit: UnitVectors, frames: Floats, reading: LabelReading) -> tuple[Floats, Floats]:
    """Return the logits of a unit's categories [n, c] and of what they compete with besides each other [n, m ≥ 0]."""
    bias = question.logit_bias or 0.0

    def logits(rows: Rows) -> Floats:
        return (question.logit_scale * (frames @ rows.astype(np.float64).T) + bias) / reading.temperature

    prompts = logits(unit.rows)
    if reading.ensemble is LabelEnsemble.BEST:
        own = np.maximum.reduceat(prompts, unit.starts, axis=1)
    else:
        counts = np.diff([*unit.starts, len(unit.rows)])
        own = np.logaddexp.reduceat(prompts, unit.starts, axis=1) - np.log(counts)
    if not reading.none:
        return own, np.empty((len(frames), 0))
    against = logits(unit.negatives)
    if question.logit_bias is not None:
        nothing = np.full((len(frames), 1), SIGMOID_NONE_LOGIT / reading.temperature)
        against = np.hstack([against, nothing])
    return own, against


def found_labels(
    question: LabelQuestion,
    times_ms: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.floating[Any]],
    duration_s: float,
    reading: LabelReading,
    *,
    edges_ms: Floats | None = None,
    frame_of: npt.NDArray[np.intp] | None = None,
) -> tuple[FoundUnit, ...]:
    """Return what a video's frames, n ≥ 1 ascending moments and unit rows [n, dim], say of each unit.

    `edges_ms` [n + 1] bound the time that each frame stands for; None: half-way between them. With `frame_of` the
    k ≥ 1 rows are of parts of frames, ascending, and it has the frame [k] that each is of.
    """
    units = (
        read_unit(
            one.unit,
            label_probabilities(question, one, vectors, reading),
            times_ms,
            duration_s,
            reading,
            edges_ms=edges_ms,
            frame_of=frame_of,
        )
        for one in question.units
    )
    return tuple(_of_stream(one, question.stream) for one in units)


def _of_stream(found: FoundUnit, stream: int) -> FoundUnit:
    return replace(found, stream=stream, labels=tuple(replace(label, stream=stream) for label in found.labels))


def read_unit(
    unit: LabelUnit,
    probabilities: npt.NDArray[np.floating[Any]],
    times_ms: npt.NDArray[np.int64],
    duration_s: float,
    reading: LabelReading,
    *,
    edges_ms: Floats | None = None,
    frame_of: npt.NDArray[np.intp] | None = None,
) -> FoundUnit:
    """Return what probabilities of a unit's categories and of none, [n ≥ 1, c + 1], say of it; edges as above.

    With `frame_of` they are of parts of frames, see `found_labels`: these are counted, and a frame shows a label where
    one of its parts does.
    """
    own = probabilities[:, :-1].astype(np.float64)
    counts = own >= reading.confidence
    if unit.exclusive:
        counts &= np.arange(own.shape[1]) == own.argmax(axis=1)[:, None]  # in a tie the first
    edges_s = (edges_of(times_ms, duration_s) if edges_ms is None else edges_ms) / 1000
    found = [
        _found(category.name, own[:, column], counts[:, column], times_ms, edges_s, frame_of)
        for column, category in enumerate(unit.categories)
    ]
    found.sort(key=lambda one: -one.mean)
    none = float(probabilities[:, -1].mean(dtype=np.float64)) if reading.none else None
    return FoundUnit(unit, tuple(found[: reading.top]), none)


def _found(  # noqa: PLR0917 - what is read of one label
    label: str,
    own: Floats,
    counts: npt.NDArray[np.bool_],
    times_ms: npt.NDArray[np.int64],
    edges_s: Floats,
    frame_of: npt.NDArray[np.intp] | None,
) -> FoundLabel:
    parts = np.flatnonzero(counts)
    frames = parts if frame_of is None else frame_of[parts]
    shown = np.zeros(len(times_ms), np.bool_)
    shown[frames] = True
    ends = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(np.int8)))
    spans = tuple(
        LabelSpan(float(edges_s[first]), float(edges_s[past]))
        for first, past in zip(ends[::2], ends[1::2], strict=True)
    )
    whole_s = float(edges_s[-1])
    shown_s = sum(span.end_s - span.begin_s for span in spans)
    best = int(own.argmax())
    best_frame = best if frame_of is None else int(frame_of[best])
    moments_s = times_ms / 1000
    return FoundLabel(
        label,
        average=float(own[parts].mean()) if len(parts) else 0.0,
        count=len(parts),
        mean=float(own.mean()),
        share=min(1.0, shown_s / whole_s) if whole_s else float(shown.mean()),
        first_s=float(moments_s[frames[0]]) if len(frames) else None,
        last_s=float(moments_s[frames[-1]]) if len(frames) else None,
        best_s=float(moments_s[best_frame]),
        best=float(own[best]),
        spans=spans,
    )
