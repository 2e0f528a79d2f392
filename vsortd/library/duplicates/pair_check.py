"""Look at the pictures of two videos that may be duplicates, at the same moments of both, and say what they are.

The model's vectors only guess (`alignment`): two takes of one place look alike to it. So frames of the shorter video
are held against the longer one's around the guessed moment, small and grey; the shift under which they agree is found
to a frame or two.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.library.duplicates import picture_match
from vsortd.library.duplicates.picture_match import PictureBox
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.video_facts import Clip
    from vsortd.index.video import IndexedVideo
    from vsortd.library.duplicates.alignment import Shift
    from vsortd.media.pool import MediaPool

Float = npt.NDArray[np.floating]

_LOOK: Final = Preprocess(picture_match.LOOK_PX, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH, "bilinear")
MOMENTS: Final = 8  # of the shorter video that are looked at
_FIRST_MOMENTS: Final = 3  # of them are enough to see that two videos are different, as most guesses turn out
_STEP_S: Final = 0.04  # between the shifts that are tried: a frame at 25 fps
_MOST_SLACK_S: Final = 1.2  # where frames of the index lie minutes apart, not all between them can be decoded
_MOST_STEPS: Final = 500  # that are tried around a shift
_EVERYWHERE_S: Final = 60.0  # a longer video of at most this length is searched all over for a scene that hardly moves
_EVERYWHERE_STEP_S: Final = 0.2
_WHOLE: Final = PictureBox()
_PARTS_FROM: Final = 0.4  # unrelated pictures are mostly below
_BANDS: Final = ((0.0, 0.0, 1.0, 0.72), (0.0, 0.28, 1.0, 1.0))  # subtitles and banners are left out
_ZOOMS: Final = (0.92, 0.85, 0.78)
_CROPS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # where one may be cut out of the other
_OTHER_ASPECT: Final = 1.03  # aspect ratios differ from this factor on: encoders want even numbers of pixels
_MEMORY: Final = 64  # videos whose own pictures are kept: 64 x 8 x 9 kB

# Measured on 47 files of 20 real clips (re-encoded, resized, boxed, cropped, cut): correlation of the same moments
# ≥ 0.95, of their details ≥ 0.87; of other videos at their best ≤ 0.83 and ≤ 0.57.
_LEAST_INSIDE: Final = 0.5  # of the moments must lie within both: an end or a beginning alone may be chance
_SAME: Final = 0.9
_SAME_DETAIL: Final = 0.75
_NOTHING_ALIKE: Final = 0.6  # below this a moment counts for nothing
_SAME_CHANGE: Final = 0.6  # same video ≥ 0.8, the same place at other moments ≤ 0.45
_STILL_CHANGE: Final = 0.9  # counted where nothing changes
_STILL_SAME: Final = 0.97  # where nothing moves nothing blurs either: only an encoder's noise is between them
_NO_BETTER: Final = 1.45  # of 1.5, a match's rank: the other guesses need no look
_MOST_OFF: Final = 0.25  # of the moments may disagree: a cut between them, a frame dropped
_ROUNDED_S: Final = 0.3  # so much may be missing at the ends, or this share of the whole: it still is the same
_ROUNDED: Final = 0.03
_CONTAINED: Final = 0.8  # share of the shorter one's moments that must be in the longer one for a part


class PairRelation(StrEnum):
    """What two videos are to each other."""

    COPY = "copy"  # the same bytes
    SAME = "same"  # the same pictures from beginning to end
    PART = "part"  # one is a part of the other
    ALIKE = "alike"  # maybe: the same at some moments, or as if one were cropped


@dataclass(frozen=True, slots=True, eq=False)
class ComparedVideo:
    """A video to compare: its frames in the index, which of them show anything (bool [n]), and its facts."""

    film: IndexedVideo
    shows: npt.NDArray[np.bool_]
    clip: Clip

    def spans_s(self) -> npt.NDArray[np.float64]:
        """Return from when to when something is shown, [k, 2], one a frame."""
        edges = self.film.edges_ms / 1000
        return np.stack([edges[:-1], edges[1:]], axis=1)[self.shows]


@dataclass(frozen=True, slots=True)
class PairLikeness:
    """What the pictures say: what the shorter video shows at t seconds the longer one shows at t + `shift_s`.

    `score` is the share of the shorter one's time that agrees, 0 to 1. `moments_s` are times of the shorter one at
    which it was looked, `agreed` how far each agrees, 0 to 1. `shares` is how much of the picture of each, the longer
    first, is not black bars.
    """

    kind: PairRelation
    score: float
    shift_s: float
    moments_s: tuple[float, ...] = ()
    agreed: tuple[float, ...] = ()
    shares: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A video's own moments: times (float64 [m], seconds), grey pictures (uint8 [m, side, side]), where they are."""

    times_s: npt.NDArray[np.float64]
    pictures: picture_match.Grey
    box: PictureBox
    aspect: float  # width over height of the whole

    def aspect_of(self, box: PictureBox) -> float:
        """Return width over height of a part of its pictures."""
        return self.aspect * (box.right - box.left) / (box.bottom - box.top)


class _Match:
    """How the moments at `times_s` (of the shorter video) agree under a shift; the pictures are of the same moments.

    `outside` more moments lie outside the longer video then; the shift is `off_s` from the middle of those tried.

    `whole` and `detail` are the correlations, [m], `change` the one of what changes, None where nothing does.
    """

    def __init__(
        self,
        shift_s: float,
        times_s: Float,
        their: picture_match.Small,
        own: picture_match.Small,
        *,
        outside: int,
        off_s: float,
    ) -> None:
        self.shift_s = shift_s
        self.off_s = off_s
        self.inside = len(times_s) / (len(times_s) + outside)
        self.times_s = times_s
        self.whole = picture_match.agreement(their, own)
        self.change = picture_match.change_agreement(their, own)
        self._pictures = their, own

    @functools.cached_property
    def detail(self) -> npt.NDArray[np.float32]:
        """How the details agree: asked for only of the best."""
        return picture_match.detail_agreement(*self._pictures)

    @property
    def usual(self) -> float:
        """How far the pictures usually agree."""
        return float(np.median(self.whole))

    @functools.cached_property
    def rank(self) -> float:
        """By what one shift is better than another."""
        # where nothing moves under one shift, but something does under another one, the first is no worse
        change = _STILL_CHANGE if self.change is None else self.change
        # of shifts that are as good as each other: under which more lies within both, then the nearest to the guess
        return float(np.mean(self.whole)) + 0.5 * change + 0.01 * self.inside - 0.001 * abs(self.off_s)

    @property
    def same(self) -> npt.NDArray[np.bool_]:
        """Which moments show the same."""
        if self.change is None:
            return np.asarray((self.whole >= _STILL_SAME) & (self.detail >= _SAME))
        return np.asarray((self.whole >= _SAME) & (self.detail >= _SAME_DETAIL))

    @property
    def confirmed(self) -> bool:
        """Whether the moments that lie within both show the same."""
        moves_alike = self.change is None or self.change >= _SAME_CHANGE
        return moves_alike and float(np.mean(self.same)) >= 1 - _MOST_OFF

    @property
    def degrees(self) -> npt.NDArray[np.float64]:
        """How far each moment agrees, 0 to 1."""
        soft = np.clip((self.whole - _NOTHING_ALIKE) / (_SAME - _NOTHING_ALIKE), 0, 1).astype(np.float64)
        return np.where(self.same, 1.0, np.minimum(soft, 0.9))


def gap_of(film: IndexedVideo) -> float:
    """Return how far a video's frames in the index lie apart, seconds."""
    times = film.times_ms
    return float(np.median(np.diff(times))) / 1000 if len(times) > 1 else film.duration_s


class Comparer:
    """Compares videos by their pictures; keeps what it saw of the last ones. Thread-safe."""

    def __init__(self, media: MediaPool, *, cancel: threading.Event | None = None) -> None:
        self._media = media
        self._cancel = cancel
        self._looks: OrderedDict[int, _Look | None] = OrderedDict()
        self._lock = threading.Lock()

    def compare(self, longer: ComparedVideo, shorter: ComparedVideo, guesses: Sequence[Shift]) -> PairLikeness | None:
        """Return what two videos are to each other, None for nothing; raises like `MediaPool.probe`.

        Of videos that never show anything (black from end to end) nothing can be said either.
        """
        mine, theirs = self._look(shorter), self._look(longer)
        if mine is None or theirs is None:
            return None
        best: _Match | None = None
        for guess in guesses:
            match = self._match(longer, theirs, mine, guess.shift_s, min(guess.slack_s, _MOST_SLACK_S))
            if match is not None and (best is None or match.rank > best.rank):
                best = match
            if best is not None and best.confirmed and best.rank >= _NO_BETTER:
                break
        if best is None:
            return None
        if not best.confirmed and longer.film.duration_s <= _EVERYWHERE_S and _is_one_place(best):
            best = self._everywhere(longer, theirs, mine) or best
        likeness = _verdict(longer, shorter, len(mine.times_s), best)
        return replace(likeness, shares=(theirs.box.share, mine.box.share)) if likeness is not None else None

    def _look(self, subject: ComparedVideo) -> _Look | None:
        """Return a video's own moments, None where it shows nothing."""
        number = subject.film.id
        with self._lock:
            if number in self._looks:
                self._looks.move_to_end(number)
                return self._looks[number]
        look = self._looked(subject)
        with self._lock:
            self._looks[number] = look
            while len(self._looks) > _MEMORY:
                self._looks.popitem(last=False)
        return look

    def _looked(self, subject: ComparedVideo) -> _Look | None:
        times_s, pictures = self._pictures(subject, moments_of(subject))
        telling = (
            picture_match.shows(picture_match.small(pictures, PictureBox())) if len(pictures) else np.zeros(0, np.bool_)
        )
        if not telling.any():
            return None
        clip = subject.clip
        box = picture_match.content_box(pictures)
        aspect = max(1, clip.shown_width_px) / max(1, clip.shown_height_px)
        return _Look(times_s[telling], pictures[telling], box, aspect)

    def _pictures(self, subject: ComparedVideo, times_s: Float) -> tuple[npt.NDArray[np.float64], picture_match.Grey]:
        """Return the frames shown at some moments, each once: their true times, and what they show in grey."""
        last_s = subject.film.duration_s
        wanted = sorted({round(float(np.clip(time_s, 0, last_s)) * 1000) for time_s in times_s})
        frames = self._media.moments(subject.film.path, subject.clip, wanted, _LOOK, cancel=self._cancel)
        return frames.times_ms / 1000, picture_match.grey_of(frames.pixels)

    def _match(
        self, longer: ComparedVideo, theirs: _Look, mine: _Look, shift_s: float, slack_s: float
    ) -> _Match | None:
        """Return the best match around a shift: at first by a few moments, and by all where these agree somehow."""
        at_s = mine.times_s + shift_s
        within = np.flatnonzero((at_s + slack_s >= 0) & (at_s - slack_s <= longer.film.duration_s))
        few = within[np.unique(np.linspace(0, len(within) - 1, _FIRST_MOMENTS).round().astype(int))]
        step_s = max(_STEP_S, 2 * slack_s / _MOST_STEPS)  # of two frames with a year between them, say
        grid = np.arange(-slack_s, slack_s + step_s / 2, step_s)
        match = None
        for places in (few, within) if len(few) < len(within) else (within,):
            if not len(places):
                return None
            wished = mine.times_s[places, None] + shift_s + grid
            shown = self._pictures(longer, wished.ravel())
            match = _best_match(shown, (theirs, mine), places, shift_s + grid)
            if match is None or match.usual < _NOTHING_ALIKE:
                return None
        return match

    def _everywhere(self, longer: ComparedVideo, theirs: _Look, mine: _Look) -> _Match | None:
        """Search all of the longer video: where little moves, the model can't tell the moments apart."""
        last_s = longer.film.duration_s
        shown = self._pictures(longer, np.arange(0, last_s, _EVERYWHERE_STEP_S))
        shift_end_s = last_s - float(mine.times_s[-1])
        tried = np.arange(-float(mine.times_s[0]), shift_end_s + _EVERYWHERE_STEP_S, _EVERYWHERE_STEP_S)
        rough = _best_match(shown, (theirs, mine), np.arange(len(mine.times_s)), tried)
        return self._match(longer, theirs, mine, rough.shift_s, _EVERYWHERE_STEP_S) if rough is not None else None


def moments_of(subject: ComparedVideo) -> npt.NDArray[np.float64]:
    """Return the moments (seconds) at which to look at a video: spread evenly over the time it shows anything."""
    spans = subject.spans_s()
    lengths = np.maximum(spans[:, 1] - spans[:, 0], 0.0)
    if not lengths.sum():
        return np.asarray(subject.film.times_ms[subject.shows] / 1000, np.float64)
    passed = np.concatenate([[0.0], np.cumsum(lengths)])
    wished = (np.arange(MOMENTS) + 0.5) / MOMENTS * passed[-1]
    place = np.clip(np.searchsorted(passed, wished, side="right") - 1, 0, len(spans) - 1)
    return np.asarray(spans[place, 0] + wished - passed[place], np.float64)


def _within(at_s: Float, duration_s: float) -> npt.NDArray[np.bool_]:
    return np.asarray((at_s >= -2 * _STEP_S) & (at_s <= duration_s + 2 * _STEP_S))


def _best_match(
    shown: tuple[npt.NDArray[np.float64], picture_match.Grey],
    looks: tuple[_Look, _Look],
    places: npt.NDArray[np.intp],
    tried_s: Float,
) -> _Match | None:
    """Return how the moments `places` of the second look agree with frames of the first under the best of some shifts.

    Parts of the pictures are only held against each other where the whole ones are a little alike, but not the same.
    """
    if not len(shown[0]):
        return None
    best = _best_of(_views(*looks), shown, looks, places, tried_s)
    if best is None or not _PARTS_FROM <= best.usual < _SAME:
        return best
    other = _best_of(_parts(*looks), shown, looks, places, tried_s)
    return other if other is not None and other.rank > best.rank else best


def _best_of(
    views: Sequence[tuple[PictureBox, PictureBox]],
    shown: tuple[npt.NDArray[np.float64], picture_match.Grey],
    looks: tuple[_Look, _Look],
    places: npt.NDArray[np.intp],
    tried_s: Float,
) -> _Match | None:
    times_s, pictures = shown
    mine = looks[1]
    times_of, middle_s = mine.times_s[places], float(np.mean(tried_s))
    wished = times_of + np.asarray(tried_s)[:, None]  # [shifts, moments]
    nearest = np.abs(times_s[:, None, None] - wished).argmin(axis=0)
    within = _within(wished, float(times_s[-1]))
    best: _Match | None = None
    for their_box, my_box in views:
        small = picture_match.small(pictures, their_box)
        own = picture_match.small(mine.pictures[places], my_box)
        for number, shift_s in enumerate(tried_s):
            inside = within[number]
            if float(np.mean(inside)) < _LEAST_INSIDE:
                continue
            pair = small[nearest[number][inside]], own[inside]
            off_s = float(shift_s - middle_s)
            match = _Match(float(shift_s), times_of[inside], *pair, outside=int(np.sum(~inside)), off_s=off_s)
            if best is None or match.rank > best.rank:
                best = match
    return best


def _views(theirs: _Look, mine: _Look) -> list[tuple[PictureBox, PictureBox]]:
    """Return which parts of the pictures to hold against each other: with and without bars, and cropped alike."""
    pairs = [(theirs.box, mine.box), (_WHOLE, _WHOLE), (theirs.box, _WHOLE), (_WHOLE, mine.box)]
    for one, other in ((theirs.box, mine.box), (_WHOLE, _WHOLE)):
        aspects = theirs.aspect_of(one), mine.aspect_of(other)
        if max(aspects) > _OTHER_ASPECT * min(aspects):
            # one may be cut out of the other: which part of it, nobody knows
            for wished, place in itertools.product(aspects, _CROPS):
                pairs.append((one.to_aspect(aspects[0], wished, place), other.to_aspect(aspects[1], wished, place)))
    return list(dict.fromkeys(pairs))


def _parts(theirs: _Look, mine: _Look) -> list[tuple[PictureBox, PictureBox]]:
    """Return further parts: without a band of letters below or above, and one enlarged out of the other's middle."""
    pairs = [(theirs.box.part(*band), mine.box.part(*band)) for band in _BANDS]
    for zoom in _ZOOMS:
        middle = (1 - zoom) / 2, (1 - zoom) / 2, (1 + zoom) / 2, (1 + zoom) / 2
        pairs += [(theirs.box.part(*middle), mine.box), (theirs.box, mine.box.part(*middle))]
    return pairs


def _is_one_place(match: _Match) -> bool:
    """Tell whether the pictures agree so well that only the moment may be wrong."""
    return match.usual >= _SAME


def _verdict(longer: ComparedVideo, shorter: ComparedVideo, moments: int, match: _Match) -> PairLikeness | None:
    """Say what a match means; `moments` were looked at of the shorter video, also such that lie outside the longer."""
    score = round(float(match.degrees.sum()) / moments, 3)
    within = len(match.times_s) >= _CONTAINED * moments
    if match.confirmed and within:
        # where nothing moves the shift says nothing
        shift_s = None if match.change is None else match.shift_s
        kind = PairRelation.SAME if _covers(longer, shorter, shift_s) else PairRelation.PART
    elif match.change is not None and match.change >= _SAME_CHANGE:
        kind = PairRelation.ALIKE
    else:  # also where a few moments of a place agree, and nothing moves in them
        return None
    moments_s, agreed = (tuple(np.round(one, 3).tolist()) for one in (match.times_s, match.degrees))
    return PairLikeness(kind, score, round(match.shift_s, 3), moments_s, agreed)


def _covers(longer: ComparedVideo, shorter: ComparedVideo, shift_s: float | None) -> bool:
    """Tell whether all that the longer video shows is in the shorter one; without a shift by how long that is.

    Where black begins or ends is known to half the distance of the frames, where a file ends exactly.
    """
    mine, theirs = shorter.spans_s(), longer.spans_s()
    if shift_s is None:
        missing_s = float(np.diff(theirs).sum() - np.diff(mine).sum())
    else:
        begin, end = mine[0, 0] + shift_s, mine[-1, 1] + shift_s
        before = np.clip(np.minimum(theirs[:, 1], begin) - theirs[:, 0], 0, None).sum()
        after = np.clip(theirs[:, 1] - np.maximum(theirs[:, 0], end), 0, None).sum()
        missing_s = float(before + after)
    blank_ends = not (shorter.shows.all() and longer.shows.all())
    allowed_s = max(_ROUNDED_S, _ROUNDED * longer.film.duration_s)
    allowed_s += max(gap_of(shorter.film), gap_of(longer.film)) / 2 if blank_ends else 0.0
    return missing_s <= allowed_s
