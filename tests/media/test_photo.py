"""Photos come as the model wants them, turned as shown; what is none is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vsortd.errors import BrokenError
from vsortd.media.photo import still
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path


def wanted(mode: ResizeMode) -> Preprocess:
    return Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), mode)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo whose left half is red and whose right half is blue, stored lying on its side."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100, 0] = pixels[:, 100:, 2] = 255
    image = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it clockwise
    image.save(tmp_path / "photo.jpg", quality=95, exif=exif)
    return tmp_path / "photo.jpg"


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_a_photo_is_turned_resized_and_cropped(photo: Path, mode: ResizeMode) -> None:
    pixels = still(photo, wanted(mode))
    assert ((64, 64, 3), np.uint8) == (pixels.shape, pixels.dtype)
    middle = pixels[32]
    assert [255, 0, 0] == pytest.approx(middle[8].tolist(), abs=60)
    assert [0, 0, 255] == pytest.approx(middle[55].tolist(), abs=60)
    padded = pixels[2].max() < 10
    assert (mode is ResizeMode.LONGEST) == padded


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(BrokenError, match="picture can't be read"):
        still(path, wanted(ResizeMode.SQUASH))
