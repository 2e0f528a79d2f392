"""Frames as they are shown, for people: turned, with square pixels and in the colours of a screen. Workers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.media.picture import Pictures, turn_of
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    import av
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


def shown_size(frame: av.VideoFrame, aspect: float) -> tuple[float, float]:
    """Return the width and the height in which a frame is shown, px; `aspect` is the width of a pixel by its height."""
    width, height = frame.width * aspect, float(frame.height)
    return (height, width) if turn_of(frame).transpose else (width, height)


class FrameShaper:
    """Brings frames to one size: the first one's shape with the longer side at `side_px`; `even` for encoders."""

    def __init__(self, side_px: int, aspect: float, *, even: bool = False) -> None:
        self.size: tuple[int, int] = (0, 0)  # width, height; known with the first frame
        self._side, self._aspect, self._even = side_px, aspect, even
        shape = Preprocess(side_px, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.LONGEST, "bicubic")
        self._pictures = Pictures(shape, aspect)

    def made(self, frame: av.VideoFrame) -> Pixels:
        """Return a frame's picture: uint8 [height, width, 3] RGB; one of another shape is cut, or has a black edge."""
        if not self.size[0]:
            self.size = self._size_of(frame)
        width, height = self.size
        top, left = (self._side - height) // 2, (self._side - width) // 2
        return self._pictures.make(frame)[top : top + height, left : left + width]

    def _size_of(self, frame: av.VideoFrame) -> tuple[int, int]:
        shown = shown_size(frame, self._aspect)
        scale = self._side / max(shown)
        width, height = (max(1, min(self._side, round(one * scale))) for one in shown)
        return (max(2, width & ~1), max(2, height & ~1)) if self._even else (width, height)
