"""A photo as the model wants it: an example to search by. Worker processes only: pictures come from strangers, too."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from vsortd.errors import BrokenError, LimitError
from vsortd.media.container import MAX_PIXELS
from vsortd.media.given_files import GIVEN_FILES
from vsortd.media.preprocess import ResizeMode

if TYPE_CHECKING:
    from vsortd.media.preprocess import Preprocess

# Only these decoders see the file: Pillow knows forty more, some of which start other programs.
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_HEIF: Final = "HEIF"
# Looked at when a picture is opened, before memory is taken for it.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def still(path: str, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    """Return a picture file (its first frame) turned as shown, resized and cropped: uint8 [side, side, 3] RGB.

    Raises BrokenError if it can't be read or is of no kind that is known here, LimitError if it has too many pixels.
    """
    with GIVEN_FILES.open(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=_formats()) as image:
                shown = ImageOps.exif_transpose(image).convert("RGB")
        except MemoryError:
            raise
        except UnidentifiedImageError as error:
            known = ", ".join(_formats())
            raise BrokenError(f"the picture can't be read: it is none of {known}, or damaged") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            most = f"{MAX_PIXELS // 10**6} million"
            raise LimitError(f"the picture has more pixels than the {most} that are decoded") from error
        except Exception as error:  # whatever a hostile picture leads Pillow to
            raise BrokenError(f"the picture can't be read ({str(error) or type(error).__name__})") from error
        return np.ascontiguousarray(_resized(shown, preprocess))


def _formats() -> tuple[str, ...]:
    """Return the kinds of picture that are read; iPhones' where a library for them is installed."""
    with contextlib.suppress(ImportError):
        from pi_heif.as_plugin import register_heif_opener

        register_heif_opener()
        return (*_FORMATS, _HEIF)
    return _FORMATS


def _resized(image: Image.Image, preprocess: Preprocess) -> npt.NDArray[np.uint8]:
    side = preprocess.side_px
    filter_ = Image.Resampling.BILINEAR if preprocess.interpolation == "bilinear" else Image.Resampling.BICUBIC
    if preprocess.resize is ResizeMode.SQUASH:
        return np.asarray(image.resize((side, side), filter_))
    whole = min(image.size) if preprocess.resize is ResizeMode.SHORTEST else max(image.size)
    if preprocess.resize is ResizeMode.SHORTEST:  # cut first: the whole of a thin line would become a huge picture
        left, top = ((length - whole) / 2 for length in image.size)
        return np.asarray(image.resize((side, side), filter_, box=(left, top, left + whole, top + whole)))
    width, height = (max(1, round(length * side / whole)) for length in image.size)
    pixels = np.asarray(image.resize((width, height), filter_))
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square
