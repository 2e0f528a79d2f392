"""Where a video's shots begin and end: hard cuts, fades through black and white, and what is black or frozen. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.analysis.fades import FLASH_S, fade_spans
from vsortd.analysis.likeness import are_alike, are_nearly_same, distance
from vsortd.analysis.picture_spans import (
    TOLERANCE_S,
    PictureSpan,
    black_spans,
    frozen_spans,
    span_of,
)
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from vsortd.analysis.fades import FadeSpan
    from vsortd.media.measures import PictureMeasures

    Array = npt.NDArray[np.float64]
    Scores = npt.NDArray[np.floating[Any]]

DEFAULT_THRESHOLD: Final = 0.3
# PySceneDetect's AdaptiveDetector: adaptive_threshold 3.0 is 10 x 0.3, min_content_val, window_width.
_RATIO_OF_THRESHOLD: Final = 10.0
_LEAST_SCORE: Final = 15.0
_WINDOW: Final = 2
_HIGHEST_RATIO: Final = 255.0
# Noise makes the hue of what is grey jump in each frame; where the score nearly says so, the smallest pictures decide,
# which noise doesn't reach.
_NEARLY: Final = 0.8
# Of two cuts nearer than this the stronger one counts. PySceneDetect's 0.6 s (15 frames) would swallow fast editing:
# between the two a cut counts if its sides differ by more than a jerk of the camera would make them.
LEAST_SHOT_S: Final = 0.2
_SHORT_SHOT_S: Final = 0.6
_RETURN: Final = 0.5  # after a flash the picture is at most so far from what was before, as a share of the flash's
# Film at 24 a second within 120 repeats each picture; those are no neighbours. Twice freezedetect's -60 dB.
_REPEATED: Final = 0.5
_REPEATS_S: Final = 0.19  # frames further apart aren't neighbours: there may be another cut
_MOST_FRAMES: Final = 64  # that are looked at for either, lest a file whose times are wrong takes for ever
# An interval so much longer than its neighbours shows more motion for that alone; how much is known of short ones only.
_UNEVEN, _MOST_UNEVEN = 1.5, 8.0
# At the keyframes of a dark clip the difference is 25 to 40 because hues jump, while luma changes by less than 4 levels
# and the small picture by less than 2.4; at the least of the real cuts that were measured it is 4.9 and 6.3.
_SAME_DISTANCE, _SAME_CHANGE = 2.5, 4.5
_BLENDED_DISTANCE: Final = (
    7.5  # a screen that is scrolled quickly has 5 over two frames, the weakest dissolve's begin 10
)


class ShotStart(StrEnum):
    """How a shot begins: with the video, by a hard cut, by a fade through black or white, or just after black."""

    START = "start"
    CUT = "cut"
    FADE = "fade"
    BLACK = "black"


@dataclass(frozen=True, slots=True)
class Shot:
    """What is shown between two cuts; its last frame is the one before `end_frame`, and shown until `end_s`."""

    begin_s: float
    end_s: float
    begins: ShotStart
    key_frame_s: float  # the sharpest frame of its middle half
    begin_frame: int  # index among the decoded frames
    end_frame: int

    @property
    def length_s(self) -> float:
        """Return how long it is shown."""
        return self.end_s - self.begin_s

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "begin_s": round(self.begin_s, 3),
            "end_s": round(self.end_s, 3),
            "begins": self.begins.value,
            "key_frame_s": round(self.key_frame_s, 3),
            "begin_frame": self.begin_frame,
            "end_frame": self.end_frame,
        }


@dataclass(frozen=True, slots=True)
class ShotReport:
    """The shots of a video, without gaps and in their order; none where no frame could be decoded."""

    shots: tuple[Shot, ...]
    black: tuple[PictureSpan, ...]  # blackdetect's
    frozen: tuple[PictureSpan, ...]  # freezedetect's
    fades: tuple[PictureSpan, ...]  # from where the picture has faded out to where it comes back
    threshold: float  # 0 to 1, smaller finds more

    @property
    def duration_s(self) -> float:
        """Return how long all of them are shown; 0.0 without frames, or of a single one."""
        return self.shots[-1].end_s - self.shots[0].begin_s if self.shots else 0.0

    @property
    def frame_rate(self) -> float | None:
        """Return the average number of frames a second; None where there are too few to tell."""
        return self.shots[-1].end_frame / self.duration_s if self.duration_s > 0 else None

    @property
    def cuts_s(self) -> tuple[float, ...]:
        """Return where a shot begins, but for the first."""
        return tuple(shot.begin_s for shot in self.shots[1:])

    @property
    def length_mean_s(self) -> float | None:
        """Return the mean length of a shot, None without any."""
        return float(np.mean([shot.length_s for shot in self.shots])) if self.shots else None

    @property
    def length_median_s(self) -> float | None:
        """Return the median length of a shot, None without any."""
        return float(np.median([shot.length_s for shot in self.shots])) if self.shots else None

    @property
    def shots_per_minute(self) -> float | None:
        """Return shots by duration; None of a video without a duration."""
        return 60 * len(self.shots) / self.duration_s if self.duration_s > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "count": len(self.shots),
            "starts": {kind.value: sum(shot.begins is kind for shot in self.shots) for kind in ShotStart},
            "length_mean_s": _rounded(self.length_mean_s),
            "length_median_s": _rounded(self.length_median_s),
            "shots_per_minute": _rounded(self.shots_per_minute),
            "threshold": self.threshold,
            "shots": [shot.to_json() for shot in self.shots],
            "black": [span.to_json() for span in self.black],
            "frozen": [span.to_json() for span in self.frozen],
            "fades": [span.to_json() for span in self.fades],
        }


def find_shots(pictures: PictureMeasures, *, threshold: float = DEFAULT_THRESHOLD) -> ShotReport:
    """Find the shots of a video; one that is uncut is one shot.

    A hard cut is a frame whose difference to the one before is at least 15 of 255, and at least 10 `threshold` times
    the mean difference of the two frames before and the two after it (PySceneDetect's AdaptiveDetector). Three things
    are told apart there that are none: repeated frames are no neighbours, a frame that was long in coming in a moving
    picture is expected to differ more, and a flash returns to what was before. Cuts lie at least `LEAST_SHOT_S` apart
    from each other and from both ends. Black between two shots belongs to both, half and half, and so does white that
    the one faded to and the other came from.

    `threshold` is 0 to 1. Raises `UsageError` for any other.
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"the scene threshold is {threshold}, but has to be from 0 to 1", remedy="The default is 0.3.")
    if not len(pictures.times_s):
        return ShotReport((), (), (), (), threshold)
    shown_s = np.append(pictures.times_s, _end_s(pictures.times_s))
    candidates = _candidates(pictures, threshold)
    blank = fade_spans(pictures, {index for index, _ in candidates})
    hard = [(index, ratio) for index, ratio in candidates if not _is_flash(pictures, index)]
    starts = _starts(pictures, shown_s, hard, blank)
    return ShotReport(
        shots=tuple(_shots(pictures, shown_s, starts)),
        black=tuple(black_spans(pictures, shown_s)),
        frozen=tuple(frozen_spans(pictures, shown_s)),
        fades=tuple(span_of(shown_s, span.begin, span.end) for span in blank if span.faded),
        threshold=threshold,
    )


def _end_s(times_s: Array) -> float:
    """Return until when the last frame is shown: as long as most frames are."""
    return float(times_s[-1] + (np.median(np.diff(times_s)) if len(times_s) > 1 else 0.0))


def _candidates(pictures: PictureMeasures, threshold: float) -> list[tuple[int, float]]:
    """Return the frames that begin anew by their difference, each with its ratio to its neighbours'."""
    least = _RATIO_OF_THRESHOLD * threshold
    found = []
    for index in map(int, np.flatnonzero(pictures.difference >= _LEAST_SCORE)):
        if index == 0 or _is_same(pictures, index):
            continue
        first, last = _blended(pictures, index)
        seen = [index, *_neighbours(pictures, first, -1), *_neighbours(pictures, last, 1)]
        longer = _longer(pictures.times_s, seen)
        ratio, expected = _ratios(pictures.difference[seen], longer)
        leap, expected_leap = _ratios(distance(pictures.small[np.array(seen) - 1], pictures.small[seen]), longer)
        moved_on = expected < least and expected_leap < least
        if ratio >= _NEARLY * least and max(ratio, leap) >= least and not moved_on:
            found.append((index, ratio))
    return found


def _blended(pictures: PictureMeasures, index: int) -> tuple[int, int]:
    """Return the first and the last frame of a cut that a change of the frame rate has spread over two frames.

    Both differ enough to be a cut by themselves, this one more than the other, and the picture stays another one; of
    any other frame it is both.
    """
    score = pictures.difference
    for first, last in ((index - 1, index), (index, index + 1)):
        other = first if last == index else last
        if not 0 < other < len(score) or not _LEAST_SCORE <= score[other] < score[index]:
            continue
        after = min(last + 1, len(score) - 1)
        if distance(pictures.small[first - 1], pictures.small[after]) >= _BLENDED_DISTANCE:
            return first, last
    return index, index


def _is_same(pictures: PictureMeasures, index: int) -> bool:
    """Tell whether a frame shows what the one before did, and only the hue of what is dark or grey jumped."""
    moved = float(distance(pictures.small[index - 1], pictures.small[index]))
    return moved <= _SAME_DISTANCE and float(pictures.change[index]) <= _SAME_CHANGE


def _ratios(scores: Scores, longer: float) -> tuple[float, float]:
    """Return the ratio of the first score to the mean of the others, and one that allows for its interval."""
    mean = float(scores[1:].mean()) if len(scores) > 1 else 0.0
    if mean <= 0:
        return _HIGHEST_RATIO, _HIGHEST_RATIO
    ratio = min(float(scores[0]) / mean, _HIGHEST_RATIO)
    return ratio, ratio / longer


def _longer(times_s: Array, frames: Sequence[int]) -> float:
    """Return how many times longer the first of these frames was in coming than the others."""
    took_s = times_s[frames] - times_s[np.array(frames) - 1]
    usual_s = float(took_s[1:].mean()) if len(frames) > 1 else 0.0
    longer = float(took_s[0]) / usual_s if usual_s > 0 else 1.0
    return min(longer, _MOST_UNEVEN) if longer >= _UNEVEN else 1.0


def _neighbours(pictures: PictureMeasures, index: int, step: int) -> list[int]:
    """Return the two frames before or after one, by `step`; repeated ones only where no others are near."""
    nearest = [at for at in (index + step, index + 2 * step) if 0 < at < len(pictures.times_s)]
    found: list[int] = []
    for at in range(index + step, index + step * _MOST_FRAMES, step):
        beyond = not 0 < at < len(pictures.times_s)
        if beyond or len(found) == _WINDOW or abs(pictures.times_s[at] - pictures.times_s[index]) >= _REPEATS_S:
            break
        if pictures.change[at] > _REPEATED:
            found.append(at)
    return found + [at for at in nearest if at not in found][: len(nearest) - len(found)]


def _is_flash(pictures: PictureMeasures, index: int) -> bool:
    """Tell whether the picture soon is what it was before this frame, or was before what it now is."""
    small, times_s = pictures.small, pictures.times_s
    jump = distance(small[index - 1], small[index])
    after = np.arange(index + 1, min(index + _MOST_FRAMES, len(times_s)))
    after = after[times_s[after] - times_s[index] <= FLASH_S]  # a flash that began with this frame is over there
    before = np.arange(max(0, index - _MOST_FRAMES), index - 1)
    before = before[times_s[index] - times_s[before + 1] <= FLASH_S]  # and one that ended with it hasn't begun
    return any(
        bool(np.any(are_alike(small[kept], small[at]) & (distance(small[kept], small[at]) <= _RETURN * jump)))
        for kept, at in ((index - 1, after), (index, before))
    )


def _starts(
    pictures: PictureMeasures, shown_s: Array, hard: Sequence[tuple[int, float]], blank: Sequence[FadeSpan]
) -> list[tuple[int, ShotStart]]:
    """Return the first frame of each shot and how it begins; a fade beats a hard cut, the stronger cut a weaker one."""
    chosen = {0: ShotStart.START}
    for span in blank:
        if span.parts:
            middle_s = (shown_s[span.begin] + shown_s[span.end]) / 2
            chosen[max(1, int(np.searchsorted(shown_s[:-1], middle_s - TOLERANCE_S)))] = (
                ShotStart.FADE if span.faded else ShotStart.BLACK
            )
    taken_s = sorted([float(shown_s[-1]), *(float(shown_s[index]) for index in chosen)])
    for index, _ in sorted(hard, key=lambda cut: (-cut[1], -pictures.difference[cut[0]], cut[0])):
        at_s = float(shown_s[index])
        after = bisect_left(taken_s, at_s)
        nearest_s = min(abs(at_s - other_s) for other_s in taken_s[max(0, after - 1) : after + 1])
        if nearest_s < LEAST_SHOT_S - TOLERANCE_S or _is_in_blank(at_s, blank, shown_s):
            continue
        if nearest_s < _SHORT_SHOT_S and are_nearly_same(pictures.small[index - 1], pictures.small[index]):
            continue
        chosen[index] = ShotStart.CUT
        insort(taken_s, at_s)
    return sorted(chosen.items())


def _is_in_blank(at_s: float, blank: Sequence[FadeSpan], shown_s: Array) -> bool:
    """Tell whether a moment lies in or beside a blank span, of which only the last that has begun may reach it."""
    margin_s = LEAST_SHOT_S - TOLERANCE_S
    begun = bisect_left(blank, at_s + margin_s, key=lambda span: float(shown_s[span.begin]))
    return begun > 0 and bool(at_s < shown_s[blank[begun - 1].end] + margin_s)


def _shots(pictures: PictureMeasures, shown_s: Array, starts: Sequence[tuple[int, ShotStart]]) -> Iterator[Shot]:
    for (begin, kind), (end, _) in pairwise((*starts, (len(pictures.times_s), ShotStart.START))):
        begin_s, end_s = float(shown_s[begin]), float(shown_s[end])
        quarter_s = (end_s - begin_s) / 4
        first = begin + int(np.searchsorted(shown_s[begin:end], begin_s + quarter_s))
        last = begin + int(np.searchsorted(shown_s[begin:end], end_s - quarter_s, side="right"))
        if first >= last:  # too few frames for any to lie there
            first, last = begin, end
        key = first + int(np.argmax(np.nan_to_num(pictures.sharpness[first:last])))
        yield Shot(begin_s, end_s, kind, float(shown_s[key]), begin, end)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
