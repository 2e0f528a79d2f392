"""The picture that a model elsewhere gets of a video: a few frames side by side, without its name."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.media.thumbnails import Pixels

FRAMES: Final = 6
FRAME_PX: Final = 384  # the longer side: six of them are half a megapixel, about a thousand tokens
_GAP_PX: Final = 6
_SHAPE: Final = 1.5  # width over height that a sheet tries to have
_QUALITY: Final = 85


def frame_sheet(frames: Sequence[Pixels]) -> bytes:
    """Return frames (uint8 [h, w, 3] RGB, at least one) in rows, in their order, as a JPEG."""
    high = max(frame.shape[0] for frame in frames)
    wide = max(frame.shape[1] for frame in frames)
    columns = min(range(1, len(frames) + 1), key=lambda count: _badness(count, len(frames), wide / high))
    rows = math.ceil(len(frames) / columns)
    sheet = Image.new("RGB", (columns * (wide + _GAP_PX) - _GAP_PX, rows * (high + _GAP_PX) - _GAP_PX))
    for number, frame in enumerate(frames):
        row, column = divmod(number, columns)
        sheet.paste(Image.fromarray(frame), (column * (wide + _GAP_PX), row * (high + _GAP_PX)))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _badness(columns: int, count: int, aspect: float) -> float:
    """Say how far a grid is from a good shape; empty places count, too."""
    rows = math.ceil(count / columns)
    return abs(math.log(columns * aspect / rows / _SHAPE)) + (rows * columns - count) / count
