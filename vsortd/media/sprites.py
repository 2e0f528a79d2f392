"""Sheets of small pictures for looking through a video, with the true times of their frames; encoding pictures."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

COLUMNS: Final = 5
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class SpriteTimes:
    """What a sheet shows: tiles from left to right, then down, one for each of `times_s`.

    `times_s` are when the frames appear, seconds from the video's start, ascending; `duration_s` is how long it is.
    """

    columns: int
    tile_width_px: int
    tile_height_px: int
    duration_s: float
    times_s: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept beside the sheet, and sent to the page."""
        return {
            "columns": self.columns,
            "tile_width_px": self.tile_width_px,
            "tile_height_px": self.tile_height_px,
            "duration_s": self.duration_s,
            "times_s": list(self.times_s),
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> SpriteTimes:
        """Read what `to_json` returned, as bytes. Raises ValueError, KeyError or TypeError for anything else."""
        raw = json.loads(data)
        return cls(
            int(raw["columns"]),
            int(raw["tile_width_px"]),
            int(raw["tile_height_px"]),
            float(raw["duration_s"]),
            tuple(float(one) for one in raw["times_s"]),
        )


def sprite_sheet(pictures: Sequence[Pixels], times_ms: Sequence[int], duration_s: float) -> tuple[Pixels, SpriteTimes]:
    """Lay out pictures of one size (at least one), uint8 [h, w, 3], as a sheet, and say what it shows."""
    height, width = pictures[0].shape[:2]
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = picture
    times_s = tuple(time_ms / 1000 for time_ms in times_ms)
    return sheet, SpriteTimes(columns, width, height, duration_s, times_s)


def jpeg(pixels: Pixels) -> bytes:
    """Return an RGB picture, uint8 [h, w, 3], as JPEG."""
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()
