"""Where a video is black or stands still, and other stretches of its frames. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vsortd.media.measures import PictureMeasures

    Array = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

BLACK_SHARE: Final = 0.98  # blackdetect's pic_th; its pix_th of 0.10 is `PictureMeasures.dark`
TOLERANCE_S: Final = 1e-3  # containers round times to milliseconds
_BLACK_S: Final = 0.1  # blackdetect's d
_FROZEN_CHANGE, _FROZEN_S = 255e-3, 2.0  # freezedetect: -60 dB of the range
# freezedetect compares with the frame at which a freeze began, here only neighbours are: what creeps is told by how far
# the small pictures are off (levels; 0.5 is their rounding), and by how much changes in a second altogether.
_FROZEN_DRIFT, _FROZEN_PER_S = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class PictureSpan:
    """A stretch of the video, seconds; `end_s` is where the first frame after it is shown."""

    begin_s: float
    end_s: float

    def to_json(self) -> dict[str, float]:
        """Return it as a document has it."""
        return {"begin_s": round(self.begin_s, 3), "end_s": round(self.end_s, 3)}


def frozen_spans(pictures: PictureMeasures, shown_s: Array) -> Iterator[PictureSpan]:
    """Find still pictures of two seconds: neighbouring frames are the same, and all are as the first one.

    `shown_s` [n + 1] is when each frame begins to be shown, and when the last one ends.
    """
    for begin, end in runs(np.append(False, pictures.change[1:] <= _FROZEN_CHANGE)):
        first = begin - 1  # the one before is the first of the equal ones
        while first < end:
            last = _drifted(pictures.small, first, end)
            length_s = shown_s[last] - shown_s[first]
            crept = float(pictures.change[first + 1 : last].sum())
            if length_s >= _FROZEN_S - TOLERANCE_S and crept <= _FROZEN_PER_S * length_s:
                yield span_of(shown_s, first, last)
            first = last


def _drifted(small: npt.NDArray[np.uint8], first: int, end: int) -> int:
    """Return the first frame before `end` that is no longer as `first` was, else `end`; looks further step by step."""
    at, step = first + 1, 64
    still = small[first].astype(np.float32)
    while at < end:
        drift = np.abs(small[at : min(at + step, end)] - still).mean(axis=(1, 2, 3))
        away = np.flatnonzero(drift > _FROZEN_DRIFT)
        if len(away):
            return at + int(away[0])
        at, step = at + step, 2 * step
    return end


def black_spans(pictures: PictureMeasures, shown_s: Array) -> Iterator[PictureSpan]:
    """Find what is black for a tenth of a second; `shown_s` as in `frozen_spans`."""
    for begin, end in runs(pictures.dark >= BLACK_SHARE):
        if shown_s[end] - shown_s[begin] >= _BLACK_S - TOLERANCE_S:
            yield span_of(shown_s, begin, end)


def span_of(shown_s: Array, begin: int, end: int) -> PictureSpan:
    """Return when the frames from `begin` to before `end` are shown."""
    return PictureSpan(float(shown_s[begin]), float(shown_s[end]))


def runs(wanted: Mask) -> Iterator[tuple[int, int]]:
    """Return where something holds without a break: first frame, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2):
        yield int(begin), int(end)
