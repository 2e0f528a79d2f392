"""How a film came through camera and codec: blur, blocks, noise, lines of two moments. Worker processes only.

What libav has a filter for is measured by it; filters run in this process and thread like everything else here.
"""

from __future__ import annotations

import math
from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from vsortd.media.picture import range_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]

_SIDE_PX: Final = 640
_LEAST_PX: Final = 16
_EVERY_S: Final = 1.0
_GRID_PX: Final = 8  # of the blocks that are transformed, from MPEG-2 on; larger blocks' edges lie on it, too
_UNSEEN: Final = 0.1  # levels: the mean step that makes no difference where hardly anything is to be seen
_MAX_SHRINK: Final = 48  # see `measure_pictures`
_TICK: Final = Fraction(1, 1_000_000)
_SINGLE: Final = "lavfi.idet.single."


class QualityMeter:
    """Looks at about one frame a second. `aspect` is the film's sample aspect ratio."""

    def __init__(self, aspect: float) -> None:
        self._aspect = aspect
        self._scalers = VideoReformatter(), VideoReformatter()
        self._blur = BlurDetector()
        self._next_s = 0.0
        self._times, self._rows = array("d"), array("f")

    def add(self, frame: av.VideoFrame, time_s: float) -> None:
        """Measure a frame if a second has passed since the last one. Raises libav's errors."""
        if time_s < self._next_s:
            return
        self._next_s = math.floor(time_s / _EVERY_S) * _EVERY_S + _EVERY_S
        width, height = frame.width * self._aspect, float(frame.height)
        scale = min(1.0, _SIDE_PX / max(width, height))
        sides = [
            max(_LEAST_PX, round(shown * scale), math.ceil(stored / _MAX_SHRINK))
            for shown, stored in ((width, frame.width), (height, frame.height))
        ]
        small = _gray(self._scalers[0], frame, sides[0], sides[1])
        whole = _gray(self._scalers[1], frame, frame.width, frame.height)
        self._rows.extend((self._blur.of(small), blocks(_middle(_pixels(whole))), noise(_pixels(small))))
        self._times.append(time_s)

    def result(self) -> dict[str, Any]:
        """Return the measures of all frames that were looked at, by their names in PictureMeasures."""
        rows = np.array(self._rows, np.float32).reshape(-1, 3)
        blur, grid, grain = (np.ascontiguousarray(rows[:, number]) for number in range(3))
        return {"quality_times_s": np.array(self._times, np.float64), "blur": blur, "blocks": grid, "noise": grain}


class BlurDetector:
    """The mean width of edges, px: Marziliano et al. 2002, as libav's blurdetect measures it along Canny's edges."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._size = (0, 0)

    def of(self, gray: av.VideoFrame) -> float:
        """Return it of a gray picture; 0 where there is no edge."""
        if self._graph is None or self._size != (gray.width, gray.height):
            self._graph, self._size = _chain(gray, ("blurdetect", "")), (gray.width, gray.height)
        self._graph.vpush(gray)
        found = float(self._graph.vpull().metadata.get("lavfi.blur", 0.0))
        return max(0.0, found) if math.isfinite(found) else 0.0


class InterlaceDetector:
    """Tells frames whose lines come from two moments: libav's idet, by each frame and its two neighbours alone.

    All lines are looked at, in a strip as wide as need be: what is reduced in size shows no lines any more.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._kind: tuple[int, int, str] | None = None
        self._before = [0.0, 0.0]  # of graphs that are done: two moments, one
        self._counts = [0.0, 0.0]

    def add(self, frame: av.VideoFrame) -> None:
        """Look at a frame; one of a format that the filter can't take is passed over."""
        kind = frame.width, frame.height, frame.format.name
        try:
            if kind != self._kind:
                self._kind, self._graph = kind, None
                self._before = [one + more for one, more in zip(self._before, self._counts, strict=True)]
                self._counts = [0.0, 0.0]
                strip = f"w={min(frame.width, _SIDE_PX)}:h={frame.height}"
                self._graph = _chain(frame, ("crop", strip), ("idet", ""))
            if self._graph is not None:
                self._look(self._graph, frame)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            self._graph = None

    def share(self) -> float:
        """Return the share of such frames among all that could be told apart, 0 where none could."""
        two, one = (before + now for before, now in zip(self._before, self._counts, strict=True))
        return two / (two + one) if two + one else 0.0

    def _look(self, graph: Graph, frame: av.VideoFrame) -> None:
        graph.vpush(frame)
        while True:
            try:
                told = graph.vpull().metadata
            except (BlockingIOError, EOFError):
                return
            two = float(told.get(f"{_SINGLE}tff", 0.0)) + float(told.get(f"{_SINGLE}bff", 0.0))
            self._counts = [two, float(told.get(f"{_SINGLE}progressive", 0.0))]


def blocks(luma: Bytes) -> float:
    """Return how much larger steps are on the 8 px grid than beside it, 1 for not at all: after Wang et al. 2002.

    It is the median over the grid's lines, because real edges may lie on some of them. `luma` is a part of a picture in
    its own size that begins on the grid; of one that has no line of the grid 1 is returned.
    """
    found = []
    for lines in (luma, luma.T):
        steps = np.abs(np.diff(lines.astype(np.int16), axis=1)).mean(axis=0)
        by_place = steps[: len(steps) // _GRID_PX * _GRID_PX].reshape(-1, _GRID_PX) + _UNSEEN
        found.append(by_place[:, -1] / by_place[:, :-1].mean(axis=1))
    ratios = np.concatenate(found)
    return float(np.median(ratios)) if ratios.size else 1.0


def noise(luma: Bytes) -> float:
    """Return the standard deviation of noise, levels: Immerkær 1996, "Fast Noise Variance Estimation"."""
    levels = luma.astype(np.int16)
    across = levels[:, :-2] - 2 * levels[:, 1:-1] + levels[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return math.sqrt(math.pi / 2) / 6 * float(np.abs(both, out=both).mean())


def _middle(luma: Bytes) -> Bytes:
    """Cut a picture's middle out, at most _SIDE_PX each way, beginning on the grid."""
    top, left = (max(0, side - _SIDE_PX) // 2 // _GRID_PX * _GRID_PX for side in luma.shape)
    return luma[top : top + _SIDE_PX, left : left + _SIDE_PX]


def _gray(scaler: VideoReformatter, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    return scaler.reformat(
        frame,
        width=width,
        height=height,
        format="gray",
        src_color_range=range_of(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
        threads=1,
    )


def _pixels(gray: av.VideoFrame) -> Bytes:
    plane = gray.planes[0]
    lines: Bytes = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * gray.height)
    return lines.reshape(gray.height, plane.line_size)[:, : gray.width]


def _chain(like: av.VideoFrame, *filters: tuple[str, str]) -> Graph:
    """Return a graph that takes frames like this one through some filters (name, arguments)."""
    graph = Graph()
    graph.threads = 1  # many videos are measured at once
    end = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=_TICK)
    for name, arguments in filters:
        end.link_to(following := graph.add(name, arguments))
        end = following
    end.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
