"""Choosing and decoding the frames that a decision rests on. Worker processes only.

The choice is made on the table of samples alone, without decoding, and is the same for every call on the same
bytes; so a later look (`ranks` 8 to 16) never repeats a frame of an earlier one (0 to 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.errors import ChangedError
from vsortd.media.container import OpenVideo, film_stream, open_video, undecodable
from vsortd.media.frame_table import Table, read_table
from vsortd.media.frames import Frames
from vsortd.media.picture import Pictures
from vsortd.media.probe import pixel_aspect
from vsortd.media.sampling_order import visiting_order
from vsortd.media.video_reader import film_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.video.stream import VideoStream

    from vsortd.media.preprocess import Preprocess

# A frame that decoding has to reach may lie this part of its tolerance before the wished moment, to save
# work.
_EARLY = 0.5
# Moments are whole milliseconds, frames begin in between.
_HALF_MS = 0.0005
# A film at least this many times as large as the model's input, on its shorter side, shows no edges of blocks.
_SHRINK = 2


def sample_file(
    path: str, ranks: range, total: int, preprocess: Preprocess, *, video_index: int, deadline: float
) -> Frames:
    """Return the frames of some ranks out of `total`, turned, resized and cropped, ordered by time.

    Fewer come back where the video has fewer frames, where frames are damaged, or where `deadline`
    (time.monotonic()) cuts a long decoding short. Raises like `probe_file`; BrokenError if not one of the
    first look can be decoded.
    """
    with open_video(path) as video:
        film = film_stream(video)
        if film.index != video_index:
            raise ChangedError("the file is not the one that was probed")
        table = read_table(video, film, deadline=deadline)
        wanted = wanted_samples(table, ranks, total)
        spare_smoothing(film, table, wanted, preprocess)
        return sample_video(video, film, table, wanted, preprocess, first=ranks.start == 0, deadline=deadline)


def sample_each_of_file(
    path: str, ranks: range, total: int, shapes: Sequence[Preprocess], *, video_index: int, deadline: float
) -> tuple[Frames, ...]:
    """Return what `sample_file` does for each of some models' shapes, from one decoding.

    A film's edges of blocks are smoothed if one of the shapes may show them.
    """
    with open_video(path) as video:
        film = film_stream(video)
        if film.index != video_index:
            raise ChangedError("the file is not the one that was probed")
        table = read_table(video, film, deadline=deadline)
        wanted = wanted_samples(table, ranks, total)
        spare_smoothing(film, table, wanted, max(shapes, key=lambda shape: shape.side_px))
        return _sample_each(video, film, table, wanted, shapes, first=ranks.start == 0, deadline=deadline)


def moments_of_file(
    path: str, times_ms: Sequence[int], preprocess: Preprocess, *, snap_ms: int, video_index: int, deadline: float
) -> Frames:
    """Return the frames that are shown at some moments (ms from the start), as `sample_file` would, each once.

    A keyframe at most `snap_ms` from a moment is taken instead of the frame itself: it needs no other. Moments after
    the end get the last frame. Frames that are damaged, or not reached before `deadline`, are left out.
    """
    with open_video(path) as video:
        film = film_stream(video)
        if film.index != video_index:
            raise ChangedError("the file is not the one that was probed")
        table = read_table(video, film, deadline=deadline)
        start_s = (video.container.start_time or 0) / 1_000_000
        wanted = samples_at(table, times_ms, snap_ms, base=float(film.time_base or 0), start_s=start_s)
        spare_smoothing(film, table, wanted, preprocess)
        return sample_video(video, film, table, wanted, preprocess, first=False, deadline=deadline)


def samples_at(table: Table, times_ms: Sequence[int], snap_ms: int, *, base: float, start_s: float) -> list[int]:
    """Return the samples shown at some moments, ascending, each once; see `moments_of_file`.

    The table has times of decoding: with B-frames a sample's neighbour may come out, whose true time is told anyway.
    """
    shown = np.flatnonzero(table.shown)
    if not len(shown):
        return []
    order = shown[np.argsort(table.times[shown], kind="stable")]
    seconds = table.times[order] * base - start_s
    moments = np.asarray(times_ms, np.float64) / 1000
    places = np.clip(np.searchsorted(seconds, moments + _HALF_MS, side="right") - 1, 0, len(order) - 1)
    wanted = order[places]
    keys = np.flatnonzero(table.keys[order])
    if snap_ms and len(keys):
        after = np.clip(np.searchsorted(seconds[keys], moments), 0, len(keys) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.abs(seconds[keys[before]] - moments) <= np.abs(seconds[keys[after]] - moments)
        nearest = keys[np.where(nearer, before, after)]
        wanted = np.where(np.abs(seconds[nearest] - moments) * 1000 <= snap_ms, order[nearest], wanted)
    return sorted(set(wanted.tolist()))


def wanted_samples(table: Table, ranks: range, total: int) -> list[int]:
    """Return the samples to show for some ranks, ascending."""
    return sorted({pick for pick in choose(table, total)[ranks.start : ranks.stop] if pick >= 0})


def spare_smoothing(film: VideoStream, table: Table, wanted: Sequence[int], preprocess: Preprocess) -> None:
    """Let a decoder that has not begun leave out its loop filter, where no picture shows the difference.

    That is where pictures are made small, and none is predicted from another one, or its errors would travel on.
    """
    context = film.codec_context
    shrinks = min(film.width, film.height) >= _SHRINK * preprocess.side_px
    if shrinks and not context.is_open and bool(table.keys[list(wanted)].all()):
        context.options = {**context.options, "skip_loop_filter": "all"}


def sample_video(
    video: OpenVideo,
    film: VideoStream,
    table: Table,
    wanted: Sequence[int],
    preprocess: Preprocess,
    *,
    first: bool,
    deadline: float,
) -> Frames:
    """Return frames of an open video; see `sample_file`. `first`: it is the first look, so there has to be one."""
    return _sample_each(video, film, table, wanted, (preprocess,), first=first, deadline=deadline)[0]


def _sample_each(
    video: OpenVideo,
    film: VideoStream,
    table: Table,
    wanted: Sequence[int],
    shapes: Sequence[Preprocess],
    *,
    first: bool,
    deadline: float,
) -> tuple[Frames, ...]:
    """Return the same frames for several models, each in its own shape; a frame is decoded once."""
    reader = film_reader(video, film, table, deadline=deadline)
    makers = [Pictures(shape, pixel_aspect(film)) for shape in shapes]
    start_s = (video.container.start_time or 0) / 1_000_000
    base = float(film.time_base or 0)
    found: list[tuple[int, int, list[npt.NDArray[np.uint8]]]] = []
    for sample, frame in reader.frames(wanted):
        time_ms = max(0, round(((frame.pts or 0) * base - start_s) * 1000))
        found.append((time_ms, sample, [maker.make(frame) for maker in makers]))
    if not found and wanted and first:
        raise undecodable(video, film)
    found.sort(key=lambda item: item[:2])
    times_ms = np.array([item[0] for item in found], np.int64)
    exact = sum(not table.keys[sample] for _, sample, _ in found)
    return tuple(
        Frames(times_ms, np.stack([item[2][number] for item in found]) if found else _no_pixels(shape), exact)
        for number, shape in enumerate(shapes)
    )


def _no_pixels(shape: Preprocess) -> npt.NDArray[np.uint8]:
    return np.empty((0, shape.side_px, shape.side_px, 3), np.uint8)


def choose(table: Table, total: int) -> list[int]:
    """Return for each rank the sample to show, or -1 where the video has no further frame for it.

    With no more frames than `total`, each is given once. Otherwise rank by rank: the free keyframe nearest to
    the wished moment if it lies within the rank's tolerance (half the distance between wishes so far), else a
    sample in between, a little early where that saves decoding.
    """
    shown = np.flatnonzero(table.shown)
    order = visiting_order(total)
    if not len(shown):
        return [-1] * total
    if len(shown) <= total:
        return _each_once(shown, order)
    return _Chooser(table, shown, total).choose(order)


def _each_once(shown: npt.NDArray[np.intp], order: tuple[int, ...]) -> list[int]:
    taken: set[int] = set()
    picks = []
    for bin_ in order:
        sample = int(shown[(2 * bin_ + 1) * len(shown) // (2 * len(order))])
        picks.append(-1 if sample in taken else sample)
        taken.add(sample)
    return picks


class _Chooser:
    """Hands out samples near wished moments, each once."""

    def __init__(self, table: Table, shown: npt.NDArray[np.intp], total: int) -> None:
        self._shown = shown
        self._times = table.times[shown]
        self._sorted = bool((np.diff(self._times) >= 0).all())
        if not self._sorted:  # edit lists may show parts twice or out of order
            order = np.argsort(self._times, kind="stable")
            self._shown, self._times = shown[order], self._times[order]
        self._is_key = table.keys[self._shown]
        self._key_places = np.flatnonzero(self._is_key)
        self._free = np.ones(len(self._shown), np.bool_)
        self._begin = float(self._times[0])
        self._length = max(1.0, float(self._times[-1] - self._times[0]) * len(self._times) / (len(self._times) - 1))
        self._total = total

    def choose(self, order: tuple[int, ...]) -> list[int]:
        picks = []
        for rank, bin_ in enumerate(order):
            moment = self._begin + (bin_ + 0.5) / self._total * self._length
            looks = 8
            while looks <= rank:
                looks *= 2
            tolerance = self._length / min(looks, self._total) / 2
            place = self._key_near(moment, tolerance)
            if place is None:
                place = self._between(moment, tolerance)
            self._free[place] = False
            picks.append(int(self._shown[place]))
        return picks

    def _key_near(self, moment: float, tolerance: float) -> int | None:
        times = self._times[self._key_places]
        near = np.abs(times - moment)
        usable = (near <= tolerance) & self._free[self._key_places]
        if not usable.any():
            return None
        return int(self._key_places[np.argmin(np.where(usable, near, np.inf))])

    def _between(self, moment: float, tolerance: float) -> int:
        """Return a free place near a moment: up to half the tolerance early, not right after a keyframe."""
        keys = self._key_places[self._times[self._key_places] <= moment]
        early = moment - _EARLY * tolerance
        if len(keys):
            early = max(early, float(self._times[keys[-1]]) + _EARLY * tolerance)
        place = min(int(np.searchsorted(self._times, min(moment, early))), len(self._times) - 1)
        free = np.flatnonzero(self._free)
        return int(free[np.argmin(np.abs(free - place))])
