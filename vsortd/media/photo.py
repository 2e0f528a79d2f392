"""A photo as the model wants it: an example to search by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from vsortd.errors import BrokenError
from vsortd.media.preprocess import ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.preprocess import Preprocess


def still(path: Path, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    """Return a picture file (its first frame) turned as shown, resized and cropped: uint8 [side, side, 3] RGB.

    Raises BrokenError if it can't be read, or is so large that it must be meant to do harm.
    """
    try:
        with Image.open(path) as image:
            shown = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BrokenError(f"the picture can't be read ({str(error) or type(error).__name__})") from error
    return np.ascontiguousarray(_resized(shown, preprocess))


def _resized(image: Image.Image, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    side = preprocess.side_px
    filter_ = Image.Resampling.BILINEAR if preprocess.interpolation == "bilinear" else Image.Resampling.BICUBIC
    if preprocess.resize is ResizeMode.SQUASH:
        return np.asarray(image.resize((side, side), filter_))
    whole = min(image.size) if preprocess.resize is ResizeMode.SHORTEST else max(image.size)
    width, height = (max(1, round(length * side / whole)) for length in image.size)
    pixels = np.asarray(image.resize((width, height), filter_))
    if preprocess.resize is ResizeMode.SHORTEST:
        top, left = (height - side) // 2, (width - side) // 2
        return pixels[top : top + side, left : left + side]
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square
