"""Parts of a picture for the encoder: what is small in the whole is large in one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from vsortd.media.preprocess import ResizeMode

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.media.preprocess import Preprocess

    Pixels = npt.NDArray[np.uint8]
    PixelBox = tuple[int, int, int, int]

_MOST_ACROSS: Final = 8  # parts along the longer side: of a panorama the rest lies between them


def crop_boxes(width: int, height: int) -> list[PixelBox]:
    """Return the parts of a picture (left, top, right, bottom in px): all of it, a grid of squares, and the centre.

    The squares are half as high as the picture (as wide, where it is upright): two rows of as many as it takes to
    cover it, two for a square, four for 16:9. Parts of another shape would be cropped by the encoder or distorted.
    """
    short, long = min(width, height), max(width, height)
    side = max(1, short // 2)
    across = min(_MOST_ACROSS, max(2, math.ceil(long / side - 0.1)))
    starts = [round(number * (long - side) / (across - 1)) for number in range(across)]
    boxes: list[PixelBox] = [(0, 0, width, height)]
    for near in (0, short - side):
        for start in starts:
            left, top = (start, near) if width >= height else (near, start)
            boxes.append((left, top, left + side, top + side))
    left, top = (width - side) // 2, (height - side) // 2
    return [*boxes, (left, top, left + side, top + side)]


def crops_of(picture: Pixels, boxes: list[PixelBox], preprocess: Preprocess) -> Pixels:
    """Cut parts out of a picture uint8 [h, w, 3] and return them as an encoder wants them: [k, side, side, 3]."""
    whole = Image.fromarray(picture)
    return np.stack([_square(whole.crop(box), preprocess) for box in boxes])


def _square(part: Image.Image, preprocess: Preprocess) -> Pixels:
    """Return a part as the decoding processes return whole frames, see `vsortd.media.picture`."""
    side = preprocess.side_px
    how = Image.Resampling.BILINEAR if preprocess.interpolation == "bilinear" else Image.Resampling.BICUBIC
    width, height = part.size
    if preprocess.resize is ResizeMode.SQUASH:
        return np.asarray(part.resize((side, side), how))
    longest = preprocess.resize is ResizeMode.LONGEST
    scale = side / (max(width, height) if longest else min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = part.resize(size, how)
    square = Image.new("RGB", (side, side))
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))  # cuts off what is too long
    return np.asarray(square)


def side_for_crops(preprocess: Preprocess, width: int, height: int) -> int:
    """Return how large a frame has to be decoded, its longer side in px, so that no part need be enlarged.

    `width` and `height` are the film's own: more than these there is not.
    """
    longest, shortest = max(width, height), max(1, min(width, height))
    return max(1, min(longest, math.ceil(2 * preprocess.side_px * longest / shortest)))
