"""Where the picture is black or white between two shots, and whether it faded to that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.analysis.likeness import are_alike
from vsortd.analysis.picture_spans import BLACK_SHARE, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from vsortd.media.measures import PictureMeasures

# Three frames at 24 a second, and a little: a shorter picture between two that look alike is a flash, no shot.
FLASH_S: Final = 0.15
_DARK_LUMA: Final = 12.0  # PySceneDetect's ThresholdDetector
_LIT_LUMA: Final = 16.0  # a picture about the threshold isn't one fade after the other
# As far from white as that is from black. A page is as white: it counts only where a picture, so dark at the most, has
# become that within so long, without a cut, and another one comes of it likewise; and it isn't read for so long.
_WHITE_LUMA: Final = 243.0
_PICTURE_LUMA: Final = 200.0
_RAMP_S: Final = 1.5
_LONGEST_WHITE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class FadeSpan:
    """Frames from `begin` to before `end`, black or white; `parts`: they lie between two shots, else at an end.

    `faded` is whether the picture got there, or came from there, by and by.
    """

    begin: int
    end: int
    parts: bool
    faded: bool


def fade_spans(pictures: PictureMeasures, cuts: set[int]) -> tuple[FadeSpan, ...]:
    """Find what is black or white between shots and at the ends of the video, in the order of time.

    `cuts` are the frames whose difference to the one before is that of a cut.
    """
    found = (*_dark_spans(pictures, cuts), *_white_spans(pictures, cuts))
    return tuple(sorted(found, key=lambda span: span.begin))


def _dark_spans(pictures: PictureMeasures, cuts: set[int]) -> Iterator[FadeSpan]:
    count = len(pictures.times_s)
    for begin, end in _merged(runs(pictures.luma < _DARK_LUMA), pictures.luma):
        if not np.any(pictures.dark[begin:end] >= BLACK_SHARE):
            continue  # a dark picture, but a picture
        into = begin == 0 or not cuts.isdisjoint((begin - 1, begin))
        out_of = end == count or not cuts.isdisjoint((end, end + 1))
        faded = not (into and out_of)
        if begin == 0 or end == count:
            yield FadeSpan(begin, end, parts=False, faded=faded)
            continue
        short = pictures.times_s[end] - pictures.times_s[begin] <= FLASH_S
        if not (short and _alike(pictures, begin - 1, end)):
            yield FadeSpan(begin, end, parts=True, faded=faded)


def _merged(dark: Iterable[tuple[int, int]], luma: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Join dark runs between which it never gets really lighter."""
    kept: tuple[int, int] | None = None
    for begin, end in dark:
        if kept and luma[kept[1] : begin].max() < _LIT_LUMA:
            kept = kept[0], end
            continue
        if kept:
            yield kept
        kept = begin, end
    if kept:
        yield kept


def _white_spans(pictures: PictureMeasures, cuts: set[int]) -> Iterator[FadeSpan]:
    count = len(pictures.times_s)
    for begin, end in runs(pictures.luma > _WHITE_LUMA):
        if not np.any(pictures.clipped[begin:end] >= BLACK_SHARE):
            continue
        before, after = _faded_from(pictures, begin, cuts), _faded_into(pictures, end, cuts)
        if begin == 0 or end == count:
            if before is not None or after is not None:
                yield FadeSpan(begin, end, parts=False, faded=True)
            continue
        if before is None or after is None or pictures.times_s[end] - pictures.times_s[begin] > _LONGEST_WHITE_S:
            continue
        if not _alike(pictures, before, after):  # else a glare that passes, or lightning
            yield FadeSpan(begin, end, parts=True, faded=True)


def _faded_from(pictures: PictureMeasures, begin: int, cuts: set[int]) -> int | None:
    """Return the last frame before a white one that still is a picture, None where none faded to white."""
    for index in range(begin - 1, -1, -1):
        if index + 1 in cuts or pictures.times_s[begin] - pictures.times_s[index] > _RAMP_S:
            return None
        if pictures.luma[index] <= _PICTURE_LUMA:
            return index
    return None


def _faded_into(pictures: PictureMeasures, end: int, cuts: set[int]) -> int | None:
    """Return the first frame after white ones that is a picture again, None where none came by and by."""
    for index in range(end, len(pictures.times_s)):
        if index in cuts or pictures.times_s[index] - pictures.times_s[end] > _RAMP_S:
            return None
        if pictures.luma[index] <= _PICTURE_LUMA:
            return index
    return None


def _alike(pictures: PictureMeasures, one: int, other: int) -> bool:
    return bool(are_alike(pictures.small[one], pictures.small[other]))
